"""PyTorch, TensorFlow and JAX in one process of the user's: their thread pools and OpenMP runtimes get along."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the test needs nav-torch")
pytest.importorskip("jax", reason="the test needs nav-jax")
pytest.importorskip("tensorflow", reason="the test needs nav-tf: pip install 'nav-tf[cpu]'")

SCRIPT = """
    import logging, os, sys
    import numpy as np
    import torch, jax, tensorflow, keras
    before, handlers = dict(os.environ), logging.getLogger("tensorflow").handlers
    import navcore as nav
    quick = dict(
        optimization_profile=nav.OptimizationProfile(max_batch_size=2, window_size=2, max_trials=3),
        target_device="cpu", quiet=True,
    )
    x = np.linspace(-1, 1, 32, dtype=np.float32).reshape(4, 8)
    weight = np.linspace(-1, 1, 24, dtype=np.float32).reshape(8, 3)
    linear = torch.nn.Linear(8, 3, bias=False).eval()
    linear.weight.data = torch.from_numpy(weight.T.copy())
    one = nav.jax.optimize(
        lambda x, params: x @ params, weight, [x], workspace=sys.argv[1] + "/jax",
        runners=["JAXCPU", "JAXJitCPU", "JAXExportedCPU"], **quick,
    )
    other = nav.torch.optimize(
        linear, [torch.from_numpy(x)], workspace=sys.argv[1] + "/torch", runners=["TorchCPU", "TorchScriptCPU"], **quick
    )
    inputs = keras.Input((8,))
    network = keras.Model(inputs, keras.layers.Dense(3, use_bias=False)(inputs))
    network.set_weights([weight])
    third = nav.tensorflow.optimize(
        network, [x], workspace=sys.argv[1] + "/tensorflow", **quick,
        runners=["TensorFlowCPU", "TensorFlowFunctionCPU", "TensorFlowSavedModelCPU"],
    )
    given = []
    for package in (one, other, third):
        assert all(trial.status.value == "ok" for trial in package.status.trials), package
        with package.get_runner() as session:
            given.append(session.infer({"input__0": x})["output__0"])
    for each in given:
        np.testing.assert_allclose(each, x @ weight, atol=1e-5)
    changed = {name for name in {*before, *os.environ} if before.get(name) != os.environ.get(name)}
    print("changed:", sorted(changed - {"KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK"}))
    print("level:", logging.getLogger().level, len(logging.getLogger().handlers))
    print("handlers:", handlers == logging.getLogger("tensorflow").handlers)
"""


def test_torch_tensorflow_and_jax_are_optimised_in_one_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert 0 == done.returncode, done.stderr
    assert ["changed: []", "level: 30 0", "handlers: True"] == done.stdout.splitlines()
