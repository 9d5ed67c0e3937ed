"""The MiniLM sentence encoder, exported with dynamic batch and length, becomes engines: `nox -s trt_engines`."""

import os
import sys
from pathlib import Path

import pytest

import navcore as nav
from navcore.domain import Status
from navcore.formats import Format

pytestmark = pytest.mark.skipif(
    os.environ.get("NAVCORE_TRT_MODELS") != "all", reason="it takes PyTorch and minutes: nox -s trt_engines"
)


def test_minilm_becomes_engines_for_the_sizes_of_its_samples(engines, tmp_path):
    sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "minilm"))
    import minilm

    precisions = ("fp32", "fp16", "bf16", "int8")
    samples = list(minilm.dataloader())
    package = nav.optimize(
        minilm.model(),
        samples,
        target_device="cuda",
        target_formats=[Format.TENSORRT],
        custom_configs=[nav.TensorRTConfig(precision=precisions)],
        build_only=True,
        workspace=tmp_path / "workspace",
        quiet=True,
    )
    built = {build.route: build for build in package.status.builds if build.route.startswith("onnx/trt")}
    ranges = {build.artifact.signature.ranges for build in built.values() if build.artifact is not None}
    lengths = [sample["input_ids"].shape[1] for sample in samples]

    assert {"onnx/trt", "onnx/trt-fp16", "onnx/trt-bf16", "onnx/trt-int8"} == set(built)
    assert {Status.OK} == {build.status for build in built.values()}
    (own,) = ranges
    assert {(1, 64), (min(lengths), max(lengths))} == {(each.smallest, each.largest) for each in own}
