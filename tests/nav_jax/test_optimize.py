"""`nav.jax.optimize`, end to end on real models."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nav_jax
import navcore as nav
from navcore.domain import Status
from navcore.errors import UnknownNameError, UsageError

from .conftest import QUICK, affine, encode, old_tensorflow, tokens

OURS = {
    ("jax", "JAXCPU"),
    ("jax", "JAXJitCPU"),
    ("jax-stablehlo", "JAXExportedCPU"),
}


def run(*model: Any, max_hops: int = 1, **options: Any) -> nav.Package:
    """Optimise; what other plugins make of the exports is left out where it is not asked for."""
    return nav_jax.optimize(
        *model, optimization_profile=QUICK, target_device="cpu", max_hops=max_hops, quiet=True, **options
    )


def working(package: nav.Package) -> set[tuple[str, str]]:
    return {(trial.route, trial.runner) for trial in package.status.trials if trial.status is Status.OK}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> nav.Package:
    generator = np.random.default_rng(2)
    shapes = {"table": (20, 16), "first": (16, 32), "second": (32, 16)}
    arrays = {name: np.asarray(generator.standard_normal(shape) / 4, np.float32) for name, shape in shapes.items()}
    params = {"table": arrays["table"], "layers": [arrays["first"], arrays["second"]]}
    samples = [tokens(2, 7), tokens(3, 12), tokens(1, 5)]
    return run(encode, params, samples, max_hops=2, workspace=tmp_path_factory.mktemp("encoder") / "w")


def test_every_route_of_an_encoder_with_a_mask_works(encoder: nav.Package) -> None:
    assert working(encoder) >= OURS
    failed = {(trial.route, trial.runner) for trial in encoder.status.trials if trial.status is not Status.OK}
    if old_tensorflow():  # it says why
        failed = {(route, runner) for route, runner in failed if route != "jax-stablehlo/jax-savedmodel"}
    assert set() == failed


def test_batch_and_length_vary_by_name(encoder: nav.Package) -> None:
    assert [
        "input__0: int32[batch, dim_1]",
        "mask: int32[batch, dim_1]",
        "hidden: float32[batch, dim_1, 16]",
        "parts__0: float32[batch, dim_1, 16]",
        "parts__1: float32[batch, 16]",
    ] == [str(spec) for spec in (*encoder.status.signature.inputs, *encoder.status.signature.outputs)]


def test_an_artifact_gives_what_the_function_gives_at_sizes_of_its_own(encoder: nav.Package) -> None:
    ids, keywords = tokens(5, 9)
    expected = encode(encoder.model.object.params, ids, **keywords)
    strategy = nav.SelectedRuntimeStrategy("jax-stablehlo", "JAXExportedCPU")
    with encoder.get_runner(strategy=strategy) as session:
        got = session.infer({"input__0": ids, **keywords})

    np.testing.assert_allclose(expected["hidden"], got["hidden"], atol=1e-5)
    np.testing.assert_allclose(expected["parts"][1], got["parts__1"], atol=1e-5)


def test_a_package_is_used_where_the_function_is_not(encoder: nav.Package, tmp_path: Path) -> None:
    file = nav.package.save(encoder, tmp_path / "encoder.nav")
    script = (
        "import sys, numpy as np, navcore as nav\n"
        "package = nav.package.load(sys.argv[1], trust='code')\n"
        "strategy = nav.SelectedRuntimeStrategy('jax-stablehlo', 'JAXExportedCPU')\n"
        "(inputs, outputs), *_ = package.samples()\n"
        "with package.get_runner(strategy=strategy) as session:\n"
        "    got = session.infer(inputs)\n"
        "print(max(float(abs(got[name] - outputs[name]).max()) for name in outputs) < 1e-5)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(file)], capture_output=True, text=True, check=False)

    assert "True\n" == done.stdout, done.stderr


def test_stablehlo_of_a_stranger_is_not_opened_untrusted(encoder: nav.Package, tmp_path: Path) -> None:
    package = nav.package.load(nav.package.save(encoder, tmp_path / "encoder.nav"))

    assert "jax-stablehlo" in {omission.subject for omission in package.unusable}


def test_a_convolutional_network_of_linen(tmp_path: Path) -> None:
    jax = pytest.importorskip("jax")
    nn = pytest.importorskip("flax.linen", reason="the model is one of Flax: pip install flax")

    class Net(nn.Module):  # type: ignore[misc, name-defined]
        @nn.compact
        def __call__(self, x: Any) -> Any:
            x = nn.relu(nn.Conv(4, (3, 3))(x))
            x = nn.avg_pool(x, window_shape=(2, 2), strides=(2, 2))
            return nn.Dense(3)(x.reshape((x.shape[0], -1)))

    images = [np.random.default_rng(size).standard_normal((size, 8, 8, 2)).astype(np.float32) for size in (2, 3)]
    module = Net()
    package = run(module, module.init(jax.random.PRNGKey(0), images[0]), images, workspace=tmp_path / "w")

    assert working(package) >= OURS
    reasons = {trial.failure.reason for trial in package.status.trials if trial.failure}
    assert all(reason and "\n" not in reason for reason in reasons)


def test_the_general_function_takes_a_jax_model(params: Any, samples: Any, tmp_path: Path) -> None:
    package = nav.optimize(
        nav_jax.JaxModel(affine, params),
        samples,
        workspace=tmp_path / "w",
        optimization_profile=QUICK,
        target_device="cpu",
        runners=["JAXCPU", "JAXExportedCPU"],
        custom_configs=[nav_jax.JaxExportConfig(platforms=["cpu"])],
        quiet=True,
    )

    assert {("jax", "JAXCPU"), ("jax-stablehlo", "JAXExportedCPU")} == working(package)


def test_what_is_not_known_is_refused(params: Any, samples: Any, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="workspac"):
        nav_jax.optimize(affine, params, samples, workspac=tmp_path)  # type: ignore[call-arg]
    with pytest.raises(UsageError, match="platforms"):
        nav_jax.JaxExportConfig(platforms=["cpu", "abacus"])
    with pytest.raises(UsageError, match="cannot be called"):
        nav_jax.optimize(3, None, samples)


def test_importing_the_plugin_imports_no_jax() -> None:
    code = "import sys, nav_jax, nav_jax.plugin; list(nav_jax.plugin.nav_runners()); print('jax' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "False" == done.stdout.strip()
