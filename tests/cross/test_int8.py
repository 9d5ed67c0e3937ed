"""int8 through whole runs: it is chosen by measurement, and refused by it."""

from __future__ import annotations

from typing import Any

import pytest

import navcore as nav
from nav_openvino.without_telemetry import missing_nncf
from navcore.domain import Status

from ..nav_openvino import conv_nets  # noqa: TID252  # tests are no package that could be named
from .conftest import QUICK

pytestmark = pytest.mark.skipif(missing_nncf() is not None, reason=str(missing_nncf()))


def _run(tmp_path: Any, loud: float) -> Any:
    """The trial of a small network in 8 bits, with one channel that is so much louder than the others."""
    examples = conv_nets.samples(8)
    conv_nets.save(tmp_path / "net.onnx", conv_nets.weights(loud), examples)
    package = nav.onnx.optimize(
        tmp_path / "net.onnx",
        list(examples),
        workspace=tmp_path / "w",
        runners=["OpenVINOCPU"],
        custom_configs=[nav.OpenVINOConfig(precision="int8", search_s=0)],
        optimization_profile=QUICK,
        target_device="cpu",
        quiet=True,
    )
    (trial,) = (trial for trial in package.status.trials if trial.route == "onnx/openvino-ir/openvino-int8")
    return trial


def test_int8_that_keeps_its_accuracy_is_measured(tmp_path: Any) -> None:
    trial = _run(tmp_path, loud=1.0)

    assert (Status.OK, "int8") == (trial.status, trial.precision)
    assert trial.measurements


def test_int8_that_loses_accuracy_is_refused_because_it_disagrees(tmp_path: Any) -> None:
    trial = _run(tmp_path, loud=300.0)

    assert "disagrees" == trial.failure.kind
    assert "scores" in trial.failure.reason
