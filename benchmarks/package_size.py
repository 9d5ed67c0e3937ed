"""Save and load one large artifact, beside what copying and hashing its bytes costs.

    python benchmarks/package_size.py [megabytes] [rounds] [folder]

A round runs each row once, one after the other, so that a disk that becomes slower meanwhile becomes slower for all;
figures are medians over the rounds, ratios medians of the ratios within a round. Saving waits until the bytes are on
disk, so its rival does too; loading and its rival do not. Peak memory is that of a process of its own, beyond what it
had after its imports.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

RIVALS = {
    "cp, sync, sha256sum": "cp {data} {copy} && sync {copy} && sha256sum {copy}",
    "cp, sha256sum": "cp {data} {copy} && sha256sum {copy}",
}
ROWS = {"save": "cp, sync, sha256sum", "verify": "cp, sha256sum", "load": "cp, sha256sum"}
LIMIT, LIMIT_MB = 1.3, 100


def main() -> None:
    """Measure, and print a table."""
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    folder = Path(tempfile.mkdtemp(prefix="package-size-", dir=sys.argv[3] if len(sys.argv) > 3 else None))
    try:
        _write(folder, megabytes)
        times: dict[str, list[float]] = {name: [] for name in (*RIVALS, *ROWS)}
        peaks = dict.fromkeys(ROWS, 0.0)
        for _ in range(rounds):
            for name, row in _rows(folder).items():
                seconds, peak = row()
                times[name].append(seconds)
                if name in ROWS:
                    peaks[name] = max(peaks[name], peak)
        _print(megabytes, rounds, times, peaks)
    finally:
        shutil.rmtree(folder)


def _rows(folder: Path) -> Mapping[str, Callable[[], tuple[float, float]]]:
    def rival(command: str) -> Callable[[], tuple[float, float]]:
        def run() -> tuple[float, float]:
            paths = {"data": folder / "model.onnx.data", "copy": folder / "copy"}
            (folder / "copy").unlink(missing_ok=True)
            start = time.perf_counter()
            subprocess.run(command.format(**paths), shell=True, check=True, stdout=subprocess.DEVNULL)
            return time.perf_counter() - start, 0.0

        return run

    def own(name: str) -> Callable[[], tuple[float, float]]:
        def run() -> tuple[float, float]:
            shutil.rmtree(folder / "target", ignore_errors=True)
            command = [sys.executable, __file__, "--one", name, str(folder)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            seconds, peak = json.loads(done.stdout)
            return seconds, peak

        return run

    return {**{name: rival(command) for name, command in RIVALS.items()}, **{name: own(name) for name in ROWS}}


def _print(megabytes: int, rounds: int, times: Mapping[str, list[float]], peaks: Mapping[str, float]) -> None:
    print(f"{megabytes} MB, {rounds} rounds, Python {sys.version.split()[0]}, load {os.getloadavg()[0]:.1f} at the end")
    for name, values in times.items():
        median = statistics.median(values)
        line = f"  {name:<22}{median:7.2f} s {megabytes / median:7.0f} MB/s"
        if name in ROWS:
            ratio = statistics.median(a / b for a, b in zip(values, times[ROWS[name]], strict=True))
            line += f"  {ratio:5.2f} x {ROWS[name]}, limit {LIMIT}; peak {peaks[name]:.0f} MB beyond, limit {LIMIT_MB}"
        print(line)


def _write(folder: Path, megabytes: int) -> None:
    """Write an ONNX model whose only tensor lies in a file of random bytes beside it."""
    block = os.urandom(1 << 20)
    size = megabytes * 1_000_000
    with (folder / "model.onnx.data").open("wb") as file:
        for number in range(size // len(block) + 1):
            file.write((number.to_bytes(8, "little") + block[8:])[: size - file.tell()])

    def field(number: int, value: bytes | int) -> bytes:
        if isinstance(value, int):
            return bytes((number << 3, value))
        return bytes((number << 3 | 2, len(value))) + value

    entry = field(13, field(1, b"location") + field(2, b"model.onnx.data"))
    length = field(13, field(1, b"length") + field(2, str(size).encode()))
    tensor = field(8, b"w") + entry + length + field(14, 1)
    (folder / "model.onnx").write_bytes(field(1, 10) + field(7, field(5, tensor)))


def _one(name: str, folder: Path) -> None:
    """Do one row in this process, and print seconds and megabytes."""
    from navcore.domain import Artifact, FileHash, PackageStatus, Request, Signature
    from navcore.formats import Format
    from navcore.store import archive_read, archive_write
    from navcore.store.workspace import sha256_of

    target = folder / "model.nav"
    members = {f"artifacts/source/{each}": folder / each for each in ("model.onnx", "model.onnx.data")}
    signature = Signature((), ())
    stale = json.loads((folder / "hashes.json").read_text()) if (folder / "hashes.json").exists() else {}
    hashes = {each: stale.get(each) or sha256_of(path) for each, path in members.items()}
    (folder / "hashes.json").write_text(json.dumps(hashes))
    files = tuple(FileHash(each, hashes[each], path.stat().st_size) for each, path in members.items())
    status = PackageStatus(
        title="large",
        created="now",
        source=Format.ONNX,
        signature=signature,
        environment=(),
        request=Request(),
        samples=(),
        builds=(),
        trials=(),
        omissions=(),
        choices=(),
        notices=(),
        duration_s=0.0,
        origin=Artifact(Format.ONNX, "artifacts/source/model.onnx", signature, files),
    )
    before, start = _peak_mb(), time.perf_counter()
    if name == "save":
        archive_write.write_archive(target, status, members, override=True)
    else:
        with archive_read.open_archive(target) as archive:
            if name == "verify":
                archive.verify()
            else:
                archive.extract(folder / "target")
    print(json.dumps([time.perf_counter() - start, _peak_mb() - before]))


def _peak_mb() -> float:
    """Return the peak resident memory of this process so far."""
    with open("/proc/self/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM"))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        _one(sys.argv[2], Path(sys.argv[3]))
    else:
        main()
