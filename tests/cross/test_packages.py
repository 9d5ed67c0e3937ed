"""Packages of real models: saved where every plugin is, used where only one is."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

import navcore as nav
from navcore.contracts import Tool
from navcore.domain import Status
from navcore.errors import TrustError
from navcore.formats import Format
from navcore.registry import Registry

from .conftest import QUICK

torch = pytest.importorskip("torch", reason="the packages are made of torch modules")
pytest.importorskip("onnx", reason="the packages hold ONNX files")
pytest.importorskip("onnxruntime", reason="the packages are run on ONNX Runtime")
nav_onnx_plugin = pytest.importorskip("nav_onnx.plugin", reason="the packages are used with nav-onnx alone")

WIDTH = 64


@pytest.fixture(scope="module")
def only_onnx() -> Registry:
    """A machine that has no plugin but nav-onnx."""
    return nav.load_plugins([nav_onnx_plugin], installed=False)


@attrs.frozen
class Embed:
    """Lets the ONNX exporter keep weights of this size or less inside the file."""

    most_bytes: int
    format: Format = Format.ONNX

    def configure(self, tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
        return tuple(
            attrs.evolve(tool, most_embedded_bytes=self.most_bytes) if hasattr(tool, "most_embedded_bytes") else tool
            for tool in tools
        )


@pytest.fixture(scope="module")
def net() -> Any:
    torch.manual_seed(0)
    layers = torch.nn.Linear(8, WIDTH), torch.nn.GELU(), torch.nn.Linear(WIDTH, 4)
    return torch.nn.Sequential(*layers).eval()


@pytest.fixture(scope="module")
def samples() -> list[Any]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(size, 8, generator=generator) for size in (2, 2, 3)]


@pytest.fixture(scope="module")
def saved(net: Any, samples: list[Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of what several plugins make, its ONNX file with external data."""
    folder = tmp_path_factory.mktemp("saved")
    package = nav.optimize(
        net,
        samples,
        workspace=folder / "w",
        optimization_profile=QUICK,
        target_device="cpu",
        runners=["TorchCPU", "TorchScriptCPU", "TorchExportedProgramCPU", "OnnxCPU", "OpenVINOCPU"],
        custom_configs=[Embed(100)],
        quiet=True,
    )
    return nav.package.save(package, folder / "net.nav")


def expected(net: Any, inputs: Any) -> Any:
    with torch.no_grad():
        return net(inputs).numpy()


def trials(package: nav.Package) -> dict[str, Status]:
    return {f"{trial.route} on {trial.runner}": trial.status for trial in package.status.trials}


def test_it_runs_where_only_one_of_its_plugins_is(saved: Path, net: Any, only_onnx: Registry) -> None:
    package = nav.package.load(saved, registry=only_onnx)
    inputs = torch.ones(5, 8)
    with package.get_runner() as runner:
        outputs = runner.infer({"input__0": inputs.numpy()})

    assert "onnx on OnnxCPU" == runner.name
    np.testing.assert_allclose(outputs["output__0"], expected(net, inputs), atol=1e-5)
    files = sorted(path.name for path in package.get_model_path("onnx").parent.iterdir())
    assert 2 == len(files), f"the weights lie beside the graph: {files}"


def test_what_it_cannot_run_is_listed_with_the_plugin_to_install(saved: Path, only_onnx: Registry) -> None:
    package = nav.package.load(saved, registry=only_onnx)
    fixes = {omission.subject: (omission.reason, omission.fix) for omission in package.unusable}

    assert ("no installed plugin runs torchscript", "pip install nav-torch") == fixes["torchscript-trace"]
    assert "onnx" not in fixes


def test_it_is_optimised_again_without_the_source_and_its_exporters(
    saved: Path, only_onnx: Registry, tmp_path: Path
) -> None:
    package = nav.package.load(saved, registry=only_onnx)
    again = nav.package.optimize(package, workspace=tmp_path / "here", quiet=True)

    assert {"onnx on OnnxCPU": Status.OK} == trials(again)
    (agreement,) = (trial.agreement for trial in again.status.trials)
    assert agreement is not None
    assert len(package.status.samples) == agreement.samples
    assert (1, 2, 3) == agreement.batch_sizes
    once_more = nav.package.load(nav.package.save(again, tmp_path / "again.nav"), registry=only_onnx)
    assert once_more.get_runner().name == again.get_runner().name


def test_other_plugins_add_their_routes(saved: Path, tmp_path: Path) -> None:
    openvino = pytest.importorskip("nav_openvino.plugin", reason="the route leads to OpenVINO")
    pytest.importorskip("openvino", reason="the route leads to OpenVINO")
    registry = nav.load_plugins([nav_onnx_plugin, openvino], installed=False)
    package = nav.package.load(saved, registry=registry)
    again = nav.package.optimize(package, workspace=tmp_path / "here", quiet=True)

    assert {"onnx on OnnxCPU": Status.OK, "onnx/openvino-ir on OpenVINOCPU": Status.OK} == trials(again)


def test_torchscript_runs_only_where_the_package_is_trusted(saved: Path, net: Any) -> None:
    strategy = nav.SelectedRuntimeStrategy("torchscript-trace", "TorchScriptCPU")
    with pytest.raises(TrustError, match="opening torchscript can run code"):
        nav.package.load(saved).get_runner(strategy=strategy)
    with nav.package.load(saved, trust="code").get_runner(strategy=strategy) as runner:
        outputs = runner.infer({"input__0": np.ones((2, 8), np.float32)})

    np.testing.assert_allclose(outputs["output__0"], expected(net, torch.ones(2, 8)), atol=1e-5)


def test_the_source_comes_back_and_another_one_does_not(saved: Path, net: Any) -> None:
    package = nav.package.load(saved)
    package.load_source_model(net)
    with package.get_runner(strategy=nav.SelectedRuntimeStrategy("torch", "TorchCPU")) as runner:
        outputs = runner.infer({"input__0": np.ones((2, 8), np.float32)})

    np.testing.assert_allclose(outputs["output__0"], expected(net, torch.ones(2, 8)), atol=1e-6)


def test_an_onnx_file_with_external_data_is_whole_in_its_package(saved: Path, net: Any, tmp_path: Path) -> None:
    registry = nav.load_plugins([nav_onnx_plugin], installed=False)
    loaded = nav.package.load(saved, tmp_path / "unpacked", registry=registry)
    source = tmp_path / "mine"
    loaded.get_model_path("onnx").parent.rename(source)
    model = next(source.glob("*.onnx"))
    package = nav.onnx.optimize(
        model,
        [{"input__0": np.ones((2, 8), np.float32)}],
        workspace=tmp_path / "w",
        optimization_profile=QUICK,
        quiet=True,
        registry=registry,
    )
    file = nav.package.save(package, tmp_path / "file.nav")
    with zipfile.ZipFile(file) as archive:
        names = {name for name in archive.namelist() if name.startswith("artifacts/source/")}
    for path in source.iterdir():
        path.unlink()
    again = nav.package.load(file, registry=registry)
    with again.get_runner() as runner:
        outputs = runner.infer({"input__0": np.ones((3, 8), np.float32)})

    assert 2 == len(names)
    assert "onnx on OnnxCPU" == runner.name
    np.testing.assert_allclose(outputs["output__0"], expected(net, torch.ones(3, 8)), atol=1e-5)
    repeated = nav.package.optimize(again, workspace=tmp_path / "here", quiet=True)
    assert Status.OK is trials(repeated)["onnx on OnnxCPU"]


def test_loading_showing_and_saving_import_no_framework(saved: Path, tmp_path: Path) -> None:
    code = f"""
import json, sys
import navcore as nav
package = nav.package.load({str(saved)!r})
repr(package), package.unusable, list(package.samples()), package.get_model_path("onnx")
nav.package.save(package, {str(tmp_path / "again.nav")!r})
frameworks = {{"torch", "onnx", "onnxruntime", "openvino", "transformers"}}
print(json.dumps(sorted(frameworks & set(sys.modules))))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert 0 == result.returncode, result.stderr
    assert [] == json.loads(result.stdout.splitlines()[-1])


def test_every_sample_is_profiled_on_every_runtime(saved: Path, only_onnx: Registry) -> None:
    package = nav.package.load(saved, registry=only_onnx)
    batches = [np.ones((1, 8), np.float32), np.ones((4, 8), np.float32)]
    results = nav.package.profile(package, batches, batch_sizes=(1, 4), window_size=2, max_trials=3)
    measured = [runtime for runtime in results.runtimes if runtime.status is Status.OK]

    assert [("onnx", "OnnxCPU", [0, 1])] == [
        (runtime.route, runtime.runner, [profiled.sample for profiled in runtime.samples]) for runtime in measured
    ]
