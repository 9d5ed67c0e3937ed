"""A package of a JAX model with its StableHLO and SavedModel: saved, loaded, and run where the function is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import navcore as nav

pytest.importorskip("jax", reason="the test needs nav-jax")
pytest.importorskip("nav_tf", reason="nav-tf runs the SavedModel")
pytest.importorskip("tensorflow", reason="the test needs TensorFlow: pip install 'nav-tf[cpu]'")

USE = """
import sys
import numpy as np
import navcore as nav

package = nav.package.load(sys.argv[1], trust="code")
(inputs, outputs), *_ = package.samples()
wide = {name: np.concatenate([array, array, array]) for name, array in inputs.items()}
strategy = nav.SelectedRuntimeStrategy("jax-stablehlo/jax-savedmodel", "TensorFlowSavedModelCPU")
with package.get_runner(strategy=strategy) as session:
    got = session.infer(wide)
for name, array in outputs.items():
    np.testing.assert_allclose(np.concatenate([array, array, array]), got[name], atol=1e-5)
for build in package.status.builds:
    signature = build.artifact.signature
    print(build.route, *signature.input_names, *signature.output_names)
"""


def test_names_and_sizes_that_vary_survive_in_stablehlo_and_savedmodel(tmp_path: Path) -> None:
    import nav_jax

    weight = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)
    samples = [{"left": np.ones((rows, 4), np.float32), "right": np.ones((rows, 4), np.float32)} for rows in (2, 3)]
    package = nav_jax.optimize(
        lambda params, left, right: {"sum": (left + right) @ params, "top": left.max(axis=-1)},
        weight,
        samples,
        workspace=tmp_path / "w",
        optimization_profile=nav.OptimizationProfile(max_batch_size=2, window_size=2, max_trials=3),
        target_device="cpu",
        runners=["JAXCPU", "TensorFlowSavedModelCPU"],
        quiet=True,
    )
    file = nav.package.save(package, tmp_path / "model.nav")
    command = [sys.executable, "-c", USE, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert [
        "jax-stablehlo left right sum top",
        "jax-stablehlo/jax-savedmodel left right sum top",
    ] == done.stdout.splitlines(), done.stderr
