"""Writes the golden packages of the schema that this navcore writes: the same bytes every time.

    python tests/golden/make.py

They are read forever: once a version of navcore that writes a schema is released, its folder is left as it is, and a
record that gains a field gets a further package beside the others. No number in them was measured.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs

from navcore.domain import (
    Agreement,
    Artifact,
    BuildResult,
    Choice,
    DeviceKind,
    Failure,
    FailureKind,
    FileHash,
    Load,
    Measurement,
    Names,
    NoiseFloor,
    Omission,
    OptimizationProfile,
    OutputAgreement,
    PackageStatus,
    Range,
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
from navcore.store.archive_write import write_archive
from navcore.store.samples import write_samples
from navcore.store.schema import SCHEMA
from navcore.store.workspace import Workspace, sha256_of
from navcore.testing.toys import TOY_JSON, TOY_LIVE, TOY_NPZ, TOY_SIGNATURE, ToyModel, toy_samples

__all__ = ["PACKAGES", "SOURCE_SIGNATURE", "TOLERANCES", "main", "write_all"]

SOURCE_SIGNATURE = Signature(
    (TensorSpec("x", "float32", ("batch", 3)),), (TensorSpec("y", "float32", ("batch", 2)),), "batch"
)
RICH_SIGNATURE = Signature(
    (TensorSpec("ids", "int64", ("batch", "length")), TensorSpec("scale", "float32", ())),
    (TensorSpec("logits", "bfloat16", ("batch", "length", 7)), TensorSpec("mask", "bool", ("batch",))),
    "batch",
    (Range("batch", 2, 63), Range("length", 1)),
)
UNTRIED = (FailureKind.PARENT, FailureKind.BUDGET, FailureKind.UNSUITED, FailureKind.NOT_NEEDED)
TOLERANCES = (("logits", Tolerance(atol=1e-3, rtol=0.05)), ("mask", Tolerance()))
ENVIRONMENT = (
    ("cpu.cores", "8"),
    ("cpu.machine", "x86_64"),
    ("cpu.name", "Golden CPU"),
    ("navcore", "0.1.0"),
    ("numpy", "2.4.6"),
    ("os", "Linux"),
    ("plugin.navcore.python", "navcore"),
    ("plugin.toy", "given by the caller"),
    ("python", "3.11.7"),
)
BLOCKS = (0.98, 1.0, 1.02, 0.99, 1.01, 1.0, 1.03, 0.97)


def toys(root: Path) -> PackageStatus:
    """A run on a live toy in which everything worked; it can be run and optimised again with the toys."""
    folders = [root / "artifacts/toy-npz", root / "artifacts/toy-npz+toy-json"]
    for folder, name in zip(folders, ("model.npz", "model.json"), strict=True):
        folder.mkdir(parents=True)
        ToyModel().save(folder / name)
    _text(root, "logs/build-toy-npz.log", "written by the golden toys\n")
    _text(root, "reproduce/build-toy-npz.py", 'print("a script that redoes the step")\n')
    samples = [*toy_samples(2), *toy_samples(1, batch=4)]
    write_samples(Workspace(root), TOY_SIGNATURE, [({"x": x}, {"y": ToyModel()(x)}) for x in samples])
    builds = (
        _built(root, "toy-npz", TOY_NPZ, "artifacts/toy-npz/model.npz", TOY_SIGNATURE),
        _built(root, "toy-npz/toy-json", TOY_JSON, "artifacts/toy-npz+toy-json/model.json", TOY_SIGNATURE),
    )
    trials = (
        _works("toy-live", TOY_LIVE, "ToyLive", 0, _measured(2, 8.0), _measured(4, 12.0)),
        _works("toy-npz", TOY_NPZ, "ToyNpz", 1, _measured(2, 4.0, 2.0), _measured(4, 6.0, 2.0)),
        _works("toy-npz/toy-json", TOY_JSON, "ToyJson", 2, _measured(2, 2.0, 4.0), _measured(4, 3.0, 4.0)),
    )
    best = trials[-1]
    return _status(
        title="ToyModel",
        source=TOY_LIVE,
        signature=TOY_SIGNATURE,
        samples=tuple(SampleSummary((("x", x.shape),), len(x)) for x in samples),
        builds=builds,
        trials=trials,
        choices=(Choice("max-throughput-and-min-latency", best, best.measurements[-1], "best score of 3"),),
    )


def without_data(root: Path) -> PackageStatus:
    """The same run, saved without samples; the artifact that was not chosen was left out."""
    status = toys(root)
    for folder in ("samples", "artifacts/toy-npz", "logs", "reproduce"):
        for path in sorted((root / folder).rglob("*")):
            if path.is_file():
                path.unlink()
    return status


def onnx_file(root: Path) -> PackageStatus:
    """A run on an ONNX file with external data, which OpenVINO was converted from; it can be run."""
    _onnx(root / "artifacts/source/model.onnx")
    _text(root, "artifacts/onnx+openvino-ir/model.xml", '<?xml version="1.0"?>\n<net name="golden" version="11"/>\n')
    (root / "artifacts/onnx+openvino-ir/model.bin").write_bytes(bytes(range(32)))
    samples = [*toy_samples(2), *toy_samples(1, batch=4)]
    write_samples(Workspace(root), SOURCE_SIGNATURE, [({"x": x}, {"y": ToyModel()(x)}) for x in samples])
    trials = (
        _works("onnx", Format.ONNX, "OnnxCPU", 0, _measured(1, 1.0), _measured(4, 2.0)),
        _works("onnx/openvino-ir", Format.OPENVINO_IR, "OpenVINOCPU", 1, _measured(1, 1.5, 0.7)),
    )
    converted = "artifacts/onnx+openvino-ir/model.xml"
    return _status(
        title="model.onnx",
        source=Format.ONNX,
        signature=SOURCE_SIGNATURE,
        samples=tuple(SampleSummary((("x", x.shape),), len(x)) for x in samples),
        request=Request(tolerance=Tolerance(atol=1e-4, rtol=1e-3)),
        builds=(_built(root, "onnx/openvino-ir", Format.OPENVINO_IR, converted, SOURCE_SIGNATURE),),
        trials=trials,
        choices=(Choice("min-latency", trials[0], trials[0].measurements[0], "best score of 2"),),
        origin=_artifact(root, Format.ONNX, "artifacts/source/model.onnx", SOURCE_SIGNATURE),
    )


def everything(root: Path) -> PackageStatus:
    """A run with every kind of failure, every field of every record, and numbers that are not finite."""
    script, plan = "artifacts/torchscript/model.pt", "artifacts/onnx+trt/model.plan"
    _onnx(root / "artifacts/onnx/model.onnx")
    _text(root, script, "no TorchScript, and never opened")
    _text(root, plan, "no engine, and never opened")
    for kind in FailureKind:
        _text(root, f"logs/{kind}.log", f"the log of a step that ended with {kind}: \x1b[31mä\x1b[0m\n")
    bound = _artifact(root, Format.TENSORRT, plan, SOURCE_SIGNATURE, (("cuda.device", "Golden GPU"),))
    builds = (
        _built(root, "torchscript", Format.TORCHSCRIPT, script, RICH_SIGNATURE),
        _built(root, "onnx", Format.ONNX, "artifacts/onnx/model.onnx", SOURCE_SIGNATURE),
        BuildResult("onnx/trt", "trt", Status.OK, 60.0, bound, cached=True),
        *(_failed_build(kind) for kind in FailureKind),
    )
    best = _rich_trial()
    odd = attrs.evolve(_failed_trial(FailureKind.DISAGREES), runner="Odd", agreement=_odd_agreement())
    source = _works("torch", Format.TORCH, "TorchCPU", 0, _measured(None, 8.0))
    shapes = ((("ids", (2, 5)), ("scale", ())), (("ids", (1, 9)), ("scale", ())))
    return _status(
        title="Net 'ä' (\u2603)",
        source=Format.TORCH,
        signature=RICH_SIGNATURE,
        samples=(SampleSummary(shapes[0], 2), SampleSummary(shapes[1], None, given=False)),
        request=_rich_request(),
        builds=builds,
        trials=(source, best, *(_failed_trial(kind) for kind in FailureKind), odd),
        omissions=(
            Omission("OnnxCUDA", "there is no GPU", "pip install onnxruntime-gpu"),
            Omission("trt-fp16", "not asked for"),
        ),
        choices=(Choice("max-throughput", best, best.measurements[0], "best score of 2", best.loads[0]),),
        notices=("other processes kept 2.0 CPUs busy", "\u2603"),
        metric=0.9,
        noise_floors=(
            NoiseFloor(None, "torch on TorchCPU", Ratio(1.01, 0.98, 1.04)),
            NoiseFloor(8, "onnx on OnnxCPU", Ratio(1.0, 0.9, 1.1, 0.05, rounds=4)),
        ),
    )


PACKAGES: Mapping[str, Callable[[Path], PackageStatus]] = {
    "everything": everything,
    "onnx-file": onnx_file,
    "toys": toys,
    "without-data": without_data,
}


def write_all(folder: Path) -> tuple[Path, ...]:
    """Write every package into a folder, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, make in PACKAGES.items():
        with tempfile.TemporaryDirectory() as temporary:
            root = Path(temporary)
            status = make(root)
            members = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
            path = folder / f"{name}.nav"
            write_archive(path, status, members, override=True)
            written.append(path)
    return tuple(written)


def main() -> None:
    """Write the packages of the schema."""
    for path in write_all(Path(__file__).parent / f"schema-{SCHEMA}"):
        print(f"{path}: {path.stat().st_size} bytes", file=sys.stderr)


def _status(**fields: Any) -> PackageStatus:
    usual: dict[str, Any] = {
        "created": "2026-11-21T12:00:00+00:00",
        "environment": ENVIRONMENT,
        "request": Request(),
        "omissions": (),
        "notices": (),
        "duration_s": 12.5,
    }
    return PackageStatus(**(usual | fields))


def _text(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text, encoding="utf-8", newline="\n")


def _artifact(
    root: Path, held: Format, path: str, signature: Signature, built_for: Iterable[tuple[str, str]] = ()
) -> Artifact:
    names = sorted(file.relative_to(root).as_posix() for file in (root / path).parent.iterdir())
    files = (FileHash(name, sha256_of(root / name), (root / name).stat().st_size) for name in names)
    return Artifact(held, path, signature, tuple(files), tuple(built_for))


def _built(root: Path, route: str, held: Format, path: str, signature: Signature) -> BuildResult:
    return BuildResult(route, route.rpartition("/")[2], Status.OK, 0.25, _artifact(root, held, path, signature))


def _onnx(path: Path) -> None:
    """Write `y = x @ weight + bias` of the toy, its weight in a file beside it."""
    import onnx

    toy = ToyModel()
    weight, bias = (onnx.numpy_helper.from_array(each, name) for each, name in ((toy.weight, "w"), (toy.bias, "b")))
    x, y = (onnx.helper.make_tensor_value_info(name, 1, ["batch", size]) for name, size in (("x", 3), ("y", 2)))
    nodes = [onnx.helper.make_node("MatMul", ["x", "w"], ["m"]), onnx.helper.make_node("Add", ["m", "b"], ["y"])]
    graph = onnx.helper.make_graph(nodes, "golden", [x], [y], [weight, bias])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
    path.parent.mkdir(parents=True)
    onnx.save_model(model, path, save_as_external_data=True, location="model.onnx.data", size_threshold=12)


def _measured(batch: int | None, ms: float, times: float | None = None, **fields: Any) -> Measurement:
    blocks = tuple(round(ms * block, 6) for block in BLOCKS)
    ratio = None if times is None else Ratio(times, times * 0.97, times * 1.03)
    throughput = (batch or 1) * 1000 / ms
    plain = Measurement(batch, ms, ms / 20, ms, ms * 1.1, ms * 1.2, ms * 1.5, throughput, 0.02, 80, blocks, ratio)
    return attrs.evolve(plain, **fields)


def _works(route: str, held: Format, runner: str, hops: int, *found: Measurement) -> TrialResult:
    output = OutputAgreement("y", 0.0, 0.0, 0.0, 1.0, float("inf"), 1.0, within=True)
    agreement = Agreement((output,), 3, (2, 4))
    return TrialResult(route, held, runner, hops, Status.OK, agreement, found, 0.01, 0.002)


def _rich_trial() -> TrialResult:
    """A trial whose every field says something."""
    outputs = (
        OutputAgreement("logits", 1e-3, 1e-5, 2e-4, 0.9999, 72.5, 0.25, within=True, top1=0.98),
        OutputAgreement("mask", 0.0, 0.0, 0.0, 1.0, float("inf"), 1.0, within=True),
    )
    fields = {"low_ms": 1.9, "high_ms": 2.1, "samples_ms": BLOCKS, "calls_per_sample": 4, "dropped": True}
    noisy = _measured(1, 0.5, 9.0, noise=float("inf"))
    return TrialResult(
        "onnx",
        Format.ONNX,
        "OnnxCPU",
        1,
        Status.OK,
        Agreement(outputs, 2, (2,)),
        (noisy, attrs.evolve(_measured(8, 2.0, 4.0, **fields), ratio=Ratio(4.0, 3.8, 4.2, 0.01))),
        load_s=0.5,
        first_call_s=0.125,
        verified=True,
        notes=("throughput stopped growing before batch size 16", "batch size 32 failed: ä"),
        memory_bytes=123_456_789,
        device_memory_bytes=987_654_321,
        device_clock_mhz=1755.0,
        cpu_use=1.75,
        cpus=8,
        loads=(
            Load(8, 2, 4, 1, 8000.0, 2.5, 4.5, 400),
            Load(None, 1, 1, None, 500.0, 2.0, 3.0, 100),
            Load(8, 1, 4, None, 7000.0, 2.5, 4.5, 300, streams=4),
        ),
        precision="bf16",
        deprecated=True,
        runtime_notes=("compiled twice in 41.2 s",),
        metric=0.875,
    )


def _odd_agreement() -> Agreement:
    """Outputs that are nowhere near: no number is finite."""
    inf, nan = float("inf"), float("nan")
    outputs = (
        OutputAgreement("logits", inf, nan, inf, -1.0, -inf, 0.0, within=False),
        OutputAgreement("mask", nan, nan, nan, nan, nan, nan, within=False),
    )
    return Agreement(outputs, 2, (), "output 'logits' of sample 0: at (0, 0, 3): got nan, expected 1.5")


def _failure(kind: FailureKind) -> Failure:
    fix = "" if kind is FailureKind.CRASH else "pass target_device='cpu'"
    return Failure(kind, f"it ended with {kind}: \u2603", fix, f"logs/{kind}.log")


def _failed_build(kind: FailureKind) -> BuildResult:
    status = Status.SKIPPED if kind in UNTRIED else Status.FAILED
    return BuildResult(f"onnx/{kind}", f"{kind}", status, 0.0, failure=_failure(kind))


def _failed_trial(kind: FailureKind) -> TrialResult:
    status = Status.SKIPPED if kind in UNTRIED else Status.FAILED
    measurements = (_measured(1, 3.0),) if kind is FailureKind.MEASURE else ()
    verified = False if kind is FailureKind.VERIFY else None
    fields = {"measurements": measurements, "verified": verified, "failure": _failure(kind)}
    return TrialResult(f"onnx/{kind}", Format("golden-made-up", suffix=".bin"), "Golden", 2, status, **fields)


def _rich_request() -> Request:
    profile = OptimizationProfile(
        max_batch_size=8,
        batch_sizes=(1, 8),
        window_size=10,
        stability_percentage=2.5,
        stabilization_windows=5,
        min_trials=4,
        max_trials=20,
        throughput_cutoff_threshold=None,
        concurrency=(1, 4),
        throughput_backoff_limit=3,
    )
    return Request(
        target_formats=(Format.ONNX, Format.TENSORRT),
        runners=("OnnxCPU", "TorchCPU"),
        device=DeviceKind.CUDA,
        batching=False,
        sample_count=2,
        max_hops=3,
        measure="thorough",
        profile=profile,
        tolerance=TOLERANCES,
        precision="bf16",
        precisions=("bf16", "int8"),
        max_metric_drop=0.05,
        build_only=True,
        names=Names(("ids", "scale"), ("logits", "mask")),
        seed=7,
    )


if __name__ == "__main__":
    main()
