"""`nav.tensorflow.optimize`, end to end on real models."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nav_tf
import navcore as nav
from navcore.domain import Status
from navcore.errors import UnknownNameError, UsageError

from .conftest import QUICK, affine_module, network_samples, normal

SAVED = {("tf-savedmodel", "TensorFlowSavedModelCPU"), ("tf-savedmodel", "TensorFlowSavedModelCPU-xla")}
LIVE = {("tensorflow", "TensorFlowCPU"), ("tensorflow", "TensorFlowFunctionCPU")}
RUNNERS = [runner for _, runner in sorted(LIVE | SAVED)]


def run(*model: Any, **options: Any) -> nav.Package:
    options = {"runners": RUNNERS, **options}
    return nav_tf.optimize(*model, optimization_profile=QUICK, target_device="cpu", quiet=True, **options)


def working(package: nav.Package) -> set[tuple[str, str]]:
    return {(trial.route, trial.runner) for trial in package.status.trials if trial.status is Status.OK}


@pytest.fixture(scope="module")
def package(network: Any, tmp_path_factory: pytest.TempPathFactory) -> nav.Package:
    return run(network, network_samples(), workspace=tmp_path_factory.mktemp("network") / "w")


def test_every_runner_of_a_network_with_two_inputs_and_outputs_works(package: nav.Package) -> None:
    assert LIVE | SAVED == working(package)
    assert {"ok"} == {trial.status.value for trial in package.status.trials}


def test_the_batch_varies_by_name_and_names_are_kept(package: nav.Package) -> None:
    signature = package.status.signature

    assert [
        "image: float32[batch, 6, 6, 2]",
        "extra: float32[batch, 4]",
        "both: float32[batch, 6]",
        "logits: float32[batch, 3]",
    ] == [str(spec) for spec in (*signature.inputs, *signature.outputs)]


def test_a_package_is_used_by_a_program_that_imports_no_tensorflow(
    package: nav.Package, network: Any, tmp_path: Path
) -> None:
    """Its folder of a SavedModel has names and sizes that vary, and the program's environment stays as it was."""
    file = nav.package.save(package, tmp_path / "network.nav")
    np.savez(tmp_path / "x.npz", image=normal(5, 6, 6, 2), extra=normal(5, 4))
    script = (
        "import logging, os, sys, numpy as np, navcore as nav\n"
        "before = dict(os.environ)\n"
        "package = nav.package.load(sys.argv[1], trust='code')\n"
        "assert 'tensorflow' not in sys.modules\n"
        "strategy = nav.SelectedRuntimeStrategy('tf-savedmodel', 'TensorFlowSavedModelCPU')\n"
        "with package.get_runner(strategy=strategy) as session:\n"
        "    got = session.infer(dict(np.load(sys.argv[2])))\n"
        "np.savez(sys.argv[3], **got)\n"
        "print('tensorflow' in sys.modules, dict(os.environ) == before, logging.getLogger().handlers)\n"
    )
    arguments = [str(file), str(tmp_path / "x.npz"), str(tmp_path / "y.npz")]
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    expected = network([normal(5, 6, 6, 2), normal(5, 4)])

    assert "True True []\n" == done.stdout, done.stderr
    with np.load(tmp_path / "y.npz") as got:
        for name in ("both", "logits"):
            np.testing.assert_allclose(expected[name], got[name], atol=1e-5)


def test_a_stranger_s_savedmodel_is_not_opened_untrusted(package: nav.Package, tmp_path: Path) -> None:
    loaded = nav.package.load(nav.package.save(package, tmp_path / "network.nav"))

    assert "tf-savedmodel" in {omission.subject for omission in loaded.unusable}


def test_a_folder_is_a_source_that_the_user_s_process_never_opens(package: nav.Package, tmp_path: Path) -> None:
    """Neither to describe it nor to run it: both are done by a worker."""
    script = (
        "import sys, navcore as nav\n"
        "quick = nav.OptimizationProfile(max_batch_size=2, window_size=2, max_trials=3)\n"
        "package = nav.tensorflow.optimize(sys.argv[1], workspace=sys.argv[2], optimization_profile=quick,\n"
        "    quiet=True, target_device='cpu', runners=['TensorFlowSavedModelCPU', 'TensorFlowSavedModelCPU-xla'])\n"
        "print([(t.route, t.runner, t.status.value) for t in package.status.trials])\n"
        "print(package.status.signature, [name for name in ('tensorflow', 'keras') if name in sys.modules])\n"
    )
    arguments = [str(package.get_model_path("tf-savedmodel")), str(tmp_path / "w")]
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)

    assert [
        str([(*each, "ok") for each in sorted(SAVED)]),
        "extra: float32[batch, 4], image: float32[batch, 6, 6, 2] -> both: float32[batch, 6], "
        "logits: float32[batch, 3] []",
    ] == done.stdout.splitlines(), done.stderr


def test_a_function_of_a_module_is_optimised_in_one_process(tmp_path: Path) -> None:
    module = affine_module()  # its function refers to it weakly
    package = run(
        module.twice,
        [normal(2, 3), normal(3, 3)],
        workspace=tmp_path / "w",
        runners=[name for name in RUNNERS if "xla" not in name],
        isolate=False,
        custom_configs=[nav_tf.TensorFlowConfig(jit_compile=False)],
    )

    assert LIVE | {("tf-savedmodel", "TensorFlowSavedModelCPU")} == working(package)


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is no SavedModel: there is no saved_model\.pb in it"):
        nav_tf.optimize(tmp_path)
    with pytest.raises(UsageError, match=r"is a file of Keras\n.*keras\.saving\.load_model"):
        nav_tf.optimize("model.keras")
    with pytest.raises(UsageError, match=r"model=int\(\.\.\.\) is no model of Keras"):
        nav_tf.optimize(3)
    with pytest.raises(UnknownNameError, match="workspac"):
        nav_tf.optimize(3, workspac=tmp_path)  # type: ignore[call-arg]
