"""Uses the package of make_package.py where only navcore and nav-onnx are: `use_package.py FOLDER`; asserts it all."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

import navcore as nav
from navcore.domain import Status
from navcore.errors import NoRuntimeError, TrustError

TOLERANCE = 1e-4
ABSENT = ("torch", "openvino", "nav_torch", "nav_openvino")


def main(folder: Path) -> None:
    os.chdir(folder)
    there = [name for name in ABSENT if importlib.util.find_spec(name) is not None]
    assert not there, f"this environment is not the bare one: it has {there}"
    assert ["onnx"] == [plugin.name for plugin in nav.load_plugins().plugins if "navcore." not in plugin.name]
    commands_work()
    package = it_loads()
    it_runs_its_samples(package)
    again = it_is_optimised_again(package)
    they_compare(again)
    print("the package of another environment was verified, shown, run and optimised again")


def commands_work() -> None:
    assert "model.nav is whole: " in command(0, "verify", "model.nav")
    shown = command(0, "show", "model.nav")
    assert "no plugin here runs it; pip install nav-torch" in shown, shown
    # Whether OpenVINO's artifact was among the fastest decides which.
    assert "pip install nav-openvino" in shown or "left out when the package was saved" in shown, shown
    assert "onnx/openvino-ir" in command(0, "why", "onnx/openvino-ir", "model.nav")
    assert json.loads(command(0, "show", "model.nav", "--json"))["schema"] == 1

    told = command(0, "run", "model.nav", "--inputs", "sample.npz", "--out", "y.npz")
    assert told.startswith("onnx on OnnxCPU, chosen by "), told
    with np.load("y.npz") as outputs, np.load("expected.npz") as expected:
        assert sorted(expected.files) == sorted(outputs.files)
        for name in expected.files:
            np.testing.assert_allclose(outputs[name], expected[name], atol=TOLERANCE, rtol=TOLERANCE)
    command(2, "run", "model.nav", "--inputs", "expected.npz", "--out", "z.npz")
    assert not Path("z.npz").exists()


def it_loads() -> nav.Package:
    package = nav.package.load("model.nav")
    fixes = {omission.subject: omission.fix for omission in package.unusable}
    assert "pip install nav-torch" == fixes["torchscript-trace"], fixes
    if "onnx/openvino-ir" in fixes:  # it is in the file where it was among the fastest
        assert fixes["onnx/openvino-ir"] in ("pip install nav-openvino", "nav.package.optimize(package)"), fixes
    assert "onnx" not in fixes, fixes
    with contextlib.suppress(TrustError, NoRuntimeError):
        package.get_runner(strategy=nav.SelectedRuntimeStrategy("torchscript-trace", "TorchScriptCPU"))
        raise AssertionError("TorchScript cannot run here")
    return package


def it_runs_its_samples(package: nav.Package) -> None:
    count = 0
    with package.get_runner() as runner:
        for inputs, expected in package.samples():
            outputs = runner.infer(inputs)
            for name, array in expected.items():
                np.testing.assert_allclose(outputs[name], array, atol=TOLERANCE, rtol=TOLERANCE)
            count += 1
    assert len(package.status.samples) == count >= 3


def it_is_optimised_again(package: nav.Package) -> nav.Package:
    again = nav.package.optimize(package, workspace="here")
    trials = {(trial.route, trial.runner): trial for trial in again.status.trials}
    best = trials["onnx", "OnnxCPU"]
    assert Status.OK is best.status, best.failure
    assert best.agreement is not None
    assert len(package.status.samples) == best.agreement.samples
    assert "onnx on OnnxCPU" == again.get_runner().name
    nav.package.save(again, "again.nav")
    return again


def they_compare(again: nav.Package) -> None:
    """The same machine: whatever the answer, it comes with figures of the one route that both have."""
    result = nav_command("compare", "model.nav", "again.nav", "--json")
    data = json.loads(result.stdout)
    assert result.returncode == data["exit_code"] in (0, 1, 2)
    (both,) = (trial for trial in data["trials"] if trial["before"] == trial["after"] == "ok")
    assert ("onnx", "OnnxCPU") == (both["route"], both["runner"])
    assert [found.batch_size for found in again.status.trials[0].measurements] == [
        change["batch_size"] for change in both["changes"]
    ]
    print(data["verdict"])


def command(code: int, *arguments: str) -> str:
    """Run nav, see it end with the exit code, and return what it printed on stdout."""
    result = nav_command(*arguments)
    assert code == result.returncode, (
        f"nav {' '.join(arguments)}: {result.returncode}\n{result.stdout}\n{result.stderr}"
    )
    return result.stdout


def nav_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-c", "from navcore.cli import main; main()", *arguments]
    return subprocess.run(line, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
