"""From a package with a SavedModel, ONNX and OpenVINO IR are built again, without the model that it was made from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import navcore as nav

from .conftest import QUICK

pytest.importorskip("tensorflow", reason="the test needs nav-tf: pip install 'nav-tf[cpu]'")
pytest.importorskip("tf2onnx", reason="the test converts to ONNX: pip install 'nav-tf[onnx]'")

SCRIPT = """
import sys
import numpy as np
import navcore as nav

quick = nav.OptimizationProfile(max_batch_size=2, window_size=2, max_trials=3)
package = nav.package.optimize(
    nav.package.load(sys.argv[1], trust="code"), workspace=sys.argv[2], optimization_profile=quick, quiet=True,
    runners=["TensorFlowSavedModelCPU", "OnnxCPU", "OpenVINOCPU"],
)
tried = {(trial.route, trial.runner): trial.status.value for trial in package.status.trials}
for route, runner in (("tf-savedmodel/onnx", "OnnxCPU"), ("tf-savedmodel/openvino-ir", "OpenVINOCPU")):
    assert tried[route, runner] == "ok", package.status.trials
    with package.get_runner(strategy=nav.SelectedRuntimeStrategy(route, runner)) as session:
        outputs = session.infer({"wide": np.ones((5, 4), np.float32), "also_wide": np.zeros((5, 4), np.float32)})
    print({name: array.shape for name, array in outputs.items()}, float(outputs["sum"][0]))
print(package.status.signature, "tensorflow" in sys.modules)
"""


def test_onnx_and_openvino_are_built_from_the_savedmodel_of_a_package(tmp_path: Path) -> None:
    import keras

    wide, also = keras.Input((4,), name="wide"), keras.Input((4,), name="also_wide")
    hidden = keras.ops.subtract(wide, also)
    model = keras.Model([wide, also], {"hidden": hidden, "sum": keras.ops.sum(hidden, axis=1)})
    sample = tuple(np.random.default_rng(seed).standard_normal((3, 4)).astype(np.float32) for seed in (0, 1))
    package = nav.tensorflow.optimize(
        model,
        [sample],
        workspace=tmp_path / "first",
        optimization_profile=QUICK,
        target_device="cpu",
        runners=["TensorFlowCPU", "TensorFlowSavedModelCPU"],
        isolate=False,
        quiet=True,
    )
    file = nav.package.save(package, tmp_path / "model.nav")
    command = [sys.executable, "-c", SCRIPT, str(file), str(tmp_path / "second")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    outputs = "{'hidden': (5, 4), 'sum': (5,)} 4.0"
    signature = (
        "wide: float32[batch, 4], also_wide: float32[batch, 4] -> hidden: float32[batch, 4], sum: float32[batch]"
    )
    assert [outputs, outputs, f"{signature} False"] == done.stdout.splitlines(), done.stderr
