"""A small world around a file: what is refused must leave it as it was, and no framework may have seen it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from navcore.errors import PackageFileError
from navcore.store.archive_read import open_archive

Refused = Callable[[bytes, str], PackageFileError]

FRAMEWORKS = ("torch", "onnx", "onnxruntime", "openvino", "tensorflow", "jax")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Path]:
    """A folder with precious files around the target, which are compared at the end."""
    (tmp_path / "precious.txt").write_text("precious")
    (tmp_path / "home" / "work").mkdir(parents=True)
    (tmp_path / "home" / "thesis.txt").write_text("also precious")
    before = snapshot(tmp_path)
    yield tmp_path / "home" / "work"
    after = snapshot(tmp_path)
    assert before == {path: found for path, found in after.items() if "model.nav" not in path}


@pytest.fixture
def refused(world: Path) -> Refused:
    """Check that a file is refused, by verifying and by extracting, in one way that names the member."""

    def refused(data: bytes, message: str) -> PackageFileError:
        file, target = world / "model.nav", world / "target"
        file.write_bytes(data)
        with pytest.raises(PackageFileError, match=message) as verified, open_archive(file) as archive:
            archive.verify()
        with pytest.raises(PackageFileError, match=message) as extracted, open_archive(file) as archive:
            archive.extract(target)

        assert verified.value.cause == extracted.value.cause
        assert str(verified.value).isprintable() or "\n" in str(verified.value)
        assert verified.value.fix
        assert not target.exists()
        return extracted.value

    return refused


def snapshot(root: Path) -> Mapping[str, str]:
    """Every file and folder below a folder, with a hash of what it holds."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in sorted(root.rglob("*"))
    }


READ = """
import gc, json, resource, sys
from pathlib import Path

resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))  # a guard: the machine outlives a bomb that goes off
from navcore.errors import NavError
from navcore.store.archive_read import open_archive

*files, target, frameworks = sys.argv[1:]
told = []
for file in files:
    try:
        with open_archive(Path(file)) as archive:
            archive.verify()
            archive.extract(Path(target))
        told.append("nothing")
    except NavError as error:
        told.append(type(error).__name__)
    gc.collect()  # errors know the frames that they went through, and these what was read: one file at a time
try:  # Linux counts the process that started this one into ru_maxrss
    lines = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
except OSError:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)
print(json.dumps([round(peak), [name for name in frameworks.split(",") if name in sys.modules], told]))
"""


def read_alone(files: Sequence[Path], target: Path) -> tuple[int, list[str], list[str]]:
    """Read files in a process of its own; return peak memory in MB, frameworks imported, and what each told."""
    command = [sys.executable, "-c", READ, *map(str, files), str(target), ",".join(FRAMEWORKS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert not done.returncode, done.stderr[-2000:]
    peak, frameworks, told = json.loads(done.stdout)
    return peak, frameworks, told
