"""Packages: a valid one with every kind of member, and zip files of any bytes, where `zipfile` would refuse."""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs

from navcore.domain import (
    Agreement,
    Artifact,
    BuildResult,
    Choice,
    Failure,
    FailureKind,
    FileHash,
    Load,
    Measurement,
    NoiseFloor,
    Omission,
    OutputAgreement,
    PackageStatus,
    Ratio,
    Request,
    SampleSummary,
    Signature,
    Status,
    TensorSpec,
    Tolerance,
    TrialResult,
)
from navcore.formats import Format
from navcore.store.archive_read import open_archive
from navcore.store.schema import to_data

from .models import ir, npy, onnx, tensor

__all__ = [
    "CONTENTS",
    "Entry",
    "digest",
    "manifest",
    "packed",
    "status",
    "with_files",
    "zipped",
]

WEIGHTS = {"location": "model.onnx.data", "offset": "0", "length": "16"}

CONTENTS: Mapping[str, bytes] = {
    "artifacts/onnx/model.onnx": onnx(initializer=tensor("w", WEIGHTS)),
    "artifacts/onnx/model.onnx.data": bytes(range(16)),
    "artifacts/onnx+openvino-ir/model.xml": ir(),
    "artifacts/onnx+openvino-ir/model.bin": bytes(16),
    "artifacts/torchscript/model.pt": b"PK\x03\x04 stands for TorchScript",
    "artifacts/savedmodel/model/saved_model.pb": b"stands for a SavedModel",
    "artifacts/savedmodel/model/variables/variables.index": b"",
    "artifacts/source/model.onnx": onnx(),
    "logs/onnx+openvino-ir.log": b"a line\n" * 200,
    "reproduce/onnx.py": b"print('hello')\n",
    "samples/inputs/0-0.npy": npy(),
    "samples/outputs/0-0.npy": npy(),
}

SIGNATURE = Signature((TensorSpec("x", "float32", ("batch", 4)),), (TensorSpec("y", "float32", ("batch", 4)),), "batch")


def digest(path: str, data: bytes) -> FileHash:
    """How a file is listed."""
    return FileHash(path, hashlib.sha256(data).hexdigest(), len(data))


def artifact(held: Format, main: str, contents: Mapping[str, bytes] = CONTENTS) -> Artifact:
    """The artifact that has a folder of the contents for itself."""
    folder = main.rpartition("/")[0]
    files = tuple(digest(path, data) for path, data in sorted(contents.items()) if path.startswith(f"{folder}/"))
    return Artifact(held, main, SIGNATURE, files, (("cpu.name", "toy"),))


def measurement(p50_ms: float) -> Measurement:
    return Measurement(
        2,
        p50_ms,
        0.1,
        p50_ms,
        p50_ms,
        p50_ms,
        p50_ms,
        2000 / p50_ms,
        0.01,
        10,
        (p50_ms, p50_ms),
        Ratio(2.0, 1.9, 2.1),
        p50_ms,
        p50_ms,
        (p50_ms,) * 5,
    )


def trial(route: str, held: Format, runner: str, p50_ms: float, hops: int) -> TrialResult:
    agreement = Agreement((OutputAgreement("y", 0.0, 0.0, 0.0, 1.0, float("inf"), 1.0, True, None),), 1, (2,))
    loads = (Load(2, 1, 2, None, 100.0, p50_ms, p50_ms, 10),)
    return TrialResult(
        route,
        held,
        runner,
        hops,
        Status.OK,
        agreement,
        (measurement(p50_ms),),
        0.1,
        0.2,
        True,
        None,
        ("a note",),
        memory_bytes=1000,
        cpu_use=1.0,
        cpus=2,
        loads=loads,
    )


def status(contents: Mapping[str, bytes] = CONTENTS) -> PackageStatus:
    """Results that have every kind of field, with an artifact for what is in the contents."""
    mains = (
        ("onnx", Format.ONNX, "artifacts/onnx/model.onnx"),
        ("onnx/openvino-ir", Format.OPENVINO_IR, "artifacts/onnx+openvino-ir/model.xml"),
        ("torchscript", Format.TORCHSCRIPT, "artifacts/torchscript/model.pt"),
        ("savedmodel", Format.TF_SAVEDMODEL, "artifacts/savedmodel/model"),
    )
    builds = [
        BuildResult(route, route.rpartition("/")[2], Status.OK, 1.0, artifact(held, main, contents))
        for route, held, main in mains
        if any(path.startswith(main.rpartition("/")[0]) for path in contents)
    ]
    failure = Failure(FailureKind.CRASH, "the worker died", "try again", "logs/trt.log")
    failed = BuildResult("onnx/trt", "trt", Status.FAILED, 1.0, None, failure)
    best = trial("onnx/openvino-ir", Format.OPENVINO_IR, "OpenVINOCPU", 1.0, 2)
    skipped = TrialResult(
        "onnx/trt", Format.TENSORRT, "TensorRT", 2, Status.SKIPPED, failure=Failure(FailureKind.PARENT, "no artifact")
    )
    return PackageStatus(
        title="toy",
        created="2026-11-21T00:00:00+00:00",
        source=Format.ONNX,
        signature=SIGNATURE,
        environment=(("cpu.name", "toy"), ("navcore", "0.1.0")),
        request=Request(target_formats=(Format.ONNX,), tolerance=(("y", Tolerance(1e-5, 1e-4)),), runners=("OnnxCPU",)),
        samples=(SampleSummary((("x", (2, 4)),), 2),),
        builds=(*builds, failed),
        trials=(trial("onnx", Format.ONNX, "OnnxCPU", 2.0, 1), best, skipped),
        omissions=(Omission("jax", "not asked for", "ask for it"),),
        choices=(Choice("MinLatencyStrategy", best, measurement(1.0), "first"),),
        notices=("a notice",),
        duration_s=12.5,
        noise_floors=(NoiseFloor(2, "OnnxCPU", Ratio(1.0, 0.99, 1.01)),),
        origin=artifact(Format.ONNX, "artifacts/source/model.onnx", contents),
        files=tuple(digest(path, data) for path, data in sorted(contents.items())),
    )


def with_files(contents: Mapping[str, bytes], base: PackageStatus | None = None) -> PackageStatus:
    """The same results with an honest list of other contents: only the contents are at fault."""
    return attrs.evolve(
        base or status(contents), files=tuple(digest(path, contents[path]) for path in sorted(contents))
    )


def manifest(found: PackageStatus, change: Callable[[Any], object] | None = None) -> bytes:
    """`package.json`, with a change of its data."""
    data = to_data(found)
    if change is not None:
        change(data)
    return json.dumps(data).encode("ascii")


@attrs.define(kw_only=True)
class Entry:
    """One member, with everything that can be told wrong about it; None: as it is.

    Attributes:
        name, data: What it is called, and what it holds.
        method: 0 stored, 8 deflated.
        central, local: Fields of the two headers to set to something else: name, flags, method, crc, stored, size,
            offset, made_by, external, extra, comment.
    """

    name: str | bytes
    data: bytes = b""
    method: int = 0
    central: dict[str, Any] = attrs.field(factory=dict)
    local: dict[str, Any] = attrs.field(factory=dict)

    def body(self) -> bytes:
        if self.method != 8:
            return self.data
        deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
        return deflate.compress(self.data) + deflate.flush()

    def told(self, changed: Mapping[str, Any], offset: int) -> dict[str, Any]:
        name = self.name.encode() if isinstance(self.name, str) else self.name
        honest = {
            "name": name,
            "flags": 0 if name.isascii() else 0x800,
            "method": self.method,
            "crc": zlib.crc32(self.data),
            "stored": len(self.body()),
            "size": len(self.data),
            "offset": offset,
            "made_by": 3 << 8 | 20,
            "external": 0o100644 << 16,
            "extra": b"",
            "comment": b"",
        }
        return {**honest, **changed}


def zipped(entries: Iterable[Entry], *, before: bytes = b"", behind: bytes = b"", end: Mapping[str, int] = {}) -> bytes:
    """A zip file of these members, whatever they say."""
    body, directory, count = before, b"", 0
    for entry in entries:
        count += 1
        central, local = entry.told(entry.central, len(body)), entry.told(entry.local, 0)
        body += struct.pack(
            "<4s5H3L2H",
            b"PK\x03\x04",
            20,
            local["flags"],
            local["method"],
            0,
            33,
            local["crc"],
            local["stored"],
            local["size"],
            len(local["name"]),
            len(local["extra"]),
        )
        body += local["name"] + local["extra"] + entry.body()
        directory += struct.pack(
            "<4s6H3L5H2L",
            b"PK\x01\x02",
            central["made_by"],
            20,
            central["flags"],
            central["method"],
            0,
            33,
            central["crc"],
            central["stored"],
            central["size"],
            len(central["name"]),
            len(central["extra"]),
            len(central["comment"]),
            0,
            0,
            central["external"],
            central["offset"],
        )
        directory += central["name"] + central["extra"] + central["comment"]
    told = {"count": count, "size": len(directory), "offset": len(body), **end}
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, told["count"], told["count"], told["size"], told["offset"], 0)
    return body + directory + tail + behind


def packed(
    contents: Mapping[str, bytes] = CONTENTS, text: bytes | None = None, extra: Iterable[Entry] = (), **options: Any
) -> bytes:
    """A package of these contents, with their honest list unless another `package.json` is given."""
    entries = [Entry(name=name, data=data) for name, data in sorted(contents.items())]
    if text is None:
        text = manifest(with_files(contents))
    return zipped(
        [*entries, *extra, Entry(name="package.json", data=text, method=8 if len(text) < 1 << 16 else 0)], **options
    )


def read(path: Path, folder: Path) -> PackageStatus:
    """Do with a file whatever navcore does with it; the first thing that is wrong is raised."""
    with open_archive(path) as archive:
        archive.verify()
        archive.extract(folder)
        return archive.status
