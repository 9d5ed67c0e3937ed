"""Two of the light models of the onnx package through `nav optimize`; `nox -s light_models` does all nine."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "light_models.py"


@pytest.mark.parametrize("model", ["squeezenet", "shufflenet"])
def test_a_light_model_gets_a_runtime_that_gives_the_outputs_that_are_shipped_with_it(model: str) -> None:
    command = [sys.executable, str(SCRIPT), model, "--budget", "60"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert 0 == done.returncode, done.stdout + done.stderr
    assert f"{model}: onnx" in done.stdout
    assert "as shipped, at most" in done.stdout
    assert "onnx on OnnxCPU: ok" in done.stdout
    # Where the CPU has AVX-512, OpenVINO 2026.4 takes the softmax of SqueezeNet over eight of its 1000 channels.
    assert re.search(r"onnx/openvino-ir on OpenVINOCPU: (ok|.*worst at \(0, 992, 0, 0\))", done.stdout)
