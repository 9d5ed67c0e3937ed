"""`nav save`, `nav verify`, `nav run`, and `nav show` and `nav why` of a package file."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import attrs
import numpy as np
import pytest

import navcore as nav
from navcore.cli import app
from navcore.cli.arrays import write_arrays
from navcore.domain import Artifact, BuildResult, FileHash, PackageStatus, Status
from navcore.errors import UsageError
from navcore.formats import Format
from navcore.report.contents import Held, held
from navcore.testing.toys import ToyModel, ToyRunner, toy_samples

from .package_toys import CONVERT, EXPORT, JSON, NPZ, TO_CODE, machine, optimized
from .run_toys import SIGNATURE, run

Capture = pytest.CaptureFixture[str]
Install = Callable[..., None]

FEEDS = np.array([[1, 2, 3]], np.float32)
TOYS = """
    from navcore.testing.toys import ToyPlugin
    plugin = ToyPlugin()
"""
CODE_TOYS = """
    import navcore
    from navcore.formats import Format, Risk
    from navcore.testing.toys import ToyRunner

    @navcore.hookimpl
    def nav_runners():
        return [ToyRunner(name="ToyCode", accepts=Format("toy-code", suffix=".npz", risk=Risk.CODE))]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def toys(install: Install) -> None:
    """The toys as an installed plugin."""
    install("toy-plugin", "1.0", TOYS, navcore={"toy": "toy_plugin:plugin"})


@pytest.fixture
def workspace(folder: Path) -> str:
    """Of a run in which one of the runners fails."""
    broken = ToyRunner(name="ToyBroken", fault="call-raises")
    optimized(folder / "w", machine(EXPORT, CONVERT, NPZ, JSON, broken))
    return "w"


@pytest.fixture
def package(workspace: str) -> str:
    """The file `model.nav`; its source is a live toy."""
    assert 0 == command("save", workspace)
    return "model.nav"


def command(*arguments: str) -> object:
    """Run the command line in this process and return its exit code."""
    with pytest.raises(SystemExit) as caught:
        app(list(arguments), prog_name="nav")
    return caught.value.code or 0


def feeds(name: str = "x.npz", **arrays: np.ndarray) -> str:
    np.savez(name, **(arrays or {"x": FEEDS}))
    return name


def run_it(*options: str, inputs: str | None = None) -> object:
    return command("run", "model.nav", "--inputs", inputs or feeds(), "--out", "y.npz", *options)


def squeezed(text: str) -> str:
    return " ".join(text.split())


def test_save_writes_a_file_that_loads(workspace: str, capsys: Capture) -> None:
    code = command("save", workspace, "-o", "toy.nav")

    assert 0 == code
    with zipfile.ZipFile("toy.nav") as archive:
        count = len(archive.namelist())
    assert capsys.readouterr().out.startswith(f"toy.nav: {count} files, ")
    assert not nav.package.load("toy.nav").is_empty()


def test_save_refuses_an_existing_file_in_options(package: str, capsys: Capture) -> None:
    before = Path(package).read_bytes()

    assert 2 == command("save", "w", "-o", package)
    assert "pass --override to replace it" in capsys.readouterr().err
    assert before == Path(package).read_bytes()
    assert 0 == command("save", "w", "-o", package, "--override")


def test_save_without_data_leaves_the_samples_out(workspace: str, capsys: Capture) -> None:
    command("save", workspace, "--no-data")
    with zipfile.ZipFile("model.nav") as archive:
        names = archive.namelist()
    command("show", "model.nav")

    assert [] == [name for name in names if name.startswith("samples/")]
    assert "saved without samples: it cannot be optimised again" in capsys.readouterr().out


def test_save_of_another_folder_is_wrong_use(capsys: Capture) -> None:
    assert 2 == command("save", ".")
    assert "is not a workspace of navcore" in capsys.readouterr().err


def test_verify_of_a_whole_file(package: str, capsys: Capture) -> None:
    capsys.readouterr()

    assert 0 == command("verify", package)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("model.nav is whole: ")
    assert "opening these may run code, whatever was checked: toy-json, toy-npz" == second


def test_verify_names_the_member_that_was_changed(package: str, capsys: Capture) -> None:
    content = Path(package).read_bytes()
    at = content.index(b'{"weight"') + 13
    Path(package).write_bytes(content[:at] + b"9" + content[at + 1 :])

    assert 2 == command("verify", package)
    assert "artifacts/toy-npz+toy-json/model.json' is not what package.json says" in capsys.readouterr().err


def test_show_of_a_file_has_results_failures_artifacts_and_environment(package: str, capsys: Capture) -> None:
    capsys.readouterr()
    code = command("show", package)
    text = capsys.readouterr().out

    assert 0 == code
    assert text.startswith("model.nav: ")
    assert "\n  x: float32[batch, 3] -> y: float32[batch, 2]\n" in text
    assert "\n  toy-npz/toy-json  toy-json, 69 B\n    the run had plugins that are not here: toy\n" in text
    assert f"\n  numpy: {np.__version__}\n" in text
    assert "toy-npz on ToyBroken\n    RuntimeError: this toy cannot run\n" in text
    assert "★ toy-npz/toy-json on ToyJson, chosen by " in text


def test_show_of_a_file_as_json_is_that_of_its_workspace_with_the_files(package: str, capsys: Capture) -> None:
    capsys.readouterr()
    command("show", package, "--json")
    of_file = json.loads(capsys.readouterr().out)
    command("show", "w", "--json")
    of_workspace = json.loads(capsys.readouterr().out)

    assert "artifacts/toy-npz+toy-json/model.json" in [file["path"] for file in of_file["files"]]
    assert [] == of_workspace["files"]
    same = ("title", "created", "environment", "request", "samples", "notices", "noise_floors", "duration_s")
    assert {name: of_workspace[name] for name in same} == {name: of_file[name] for name in same}


def test_why_takes_the_end_of_the_log_from_the_file(package: str, capsys: Capture) -> None:
    capsys.readouterr()
    code = command("why", "toy-npz", package, "--runner", "ToyBroken")
    text = capsys.readouterr().out

    assert 0 == code
    assert "log: model.nav/logs/check-toy-npz-ToyBroken.log" in text
    assert "\n    RuntimeError: this toy cannot run\n" in text


@pytest.mark.parametrize("arguments", [("show",), ("verify",), ("why", "onnx")])
def test_a_missing_file_is_told_as_one(arguments: tuple[str, ...], capsys: Capture) -> None:
    assert 2 == command(*arguments, "nowhere.nav")
    assert "there is no file" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["verify", "show"])
def test_neither_a_framework_nor_a_plugin_is_imported(name: str, package: str) -> None:
    code = f"""
import contextlib, io, sys
from navcore.cli import app
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
    app([{name!r}, {package!r}], prog_name="nav")
roots = {{module.partition(".")[0] for module in sys.modules}}
print(sorted(root for root in roots if root.startswith("nav") or root in ("torch", "onnx", "onnxruntime", "openvino")))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "['navcore']" == result.stdout.strip()


def artifact(held_in: Format, path: str, **fields: object) -> Artifact:
    return attrs.evolve(Artifact(held_in, path, SIGNATURE, (FileHash(path, "0" * 64, 1000),)), **fields)


def with_artifacts(*artifacts: Artifact, left_out: bool = False) -> PackageStatus:
    builds = (BuildResult(each.format.name, each.format.name, Status.OK, 1.0, each) for each in artifacts)
    files = () if left_out else tuple(file for each in artifacts for file in each.files)
    return run(builds=tuple(builds), files=files)


ONNX = artifact(Format.ONNX, "artifacts/onnx/model.onnx")
SCRIPT = artifact(Format.TORCHSCRIPT, "artifacts/torchscript/model.pt")
BOUND = artifact(Format.TENSORRT, "artifacts/trt/model.plan", built_for=(("cuda.device", "A"),))


@pytest.mark.parametrize(
    ("expected", "made", "installed"),
    [
        ((), ONNX, {"nav-onnx"}),
        (("no plugin here runs it; pip install nav-onnx",), ONNX, set()),
        (
            (
                "no plugin here runs it; pip install nav-torch",
                "opening it may run code: that takes trust, see --trust of `nav run`",
            ),
            SCRIPT,
            {"nav-onnx"},
        ),
        (("built for cuda.device 'A' only",), BOUND, {"nav-trt"}),
    ],
)
def test_an_artifact_says_what_it_takes_to_use_it_here(
    expected: tuple[str, ...], made: Artifact, installed: set[str]
) -> None:
    assert (Held(made.format.name, made.format.name, 1000, expected),) == held(with_artifacts(made), installed, ())


def test_an_artifact_that_is_not_in_the_file_says_so() -> None:
    (found,) = held(with_artifacts(ONNX, left_out=True), (), ())

    assert ("left out when the package was saved; nav.package.optimize(package) makes it again",) == found.needs


def test_plugins_of_others_are_named_where_they_are_missing() -> None:
    strange = artifact(Format("strange", suffix=".bin"), "artifacts/strange/model.bin")
    facts = (("plugin.navcore.python", "navcore"), ("plugin.onnx", "1"), ("plugin.theirs", "2"))
    status = attrs.evolve(with_artifacts(strange), environment=facts)
    (missing,), (here,) = (held(status, (), plugins) for plugins in ((), ("theirs",)))

    assert "the run had plugins that are not here: theirs" == missing.needs[0]
    assert here.needs == missing.needs[1:]


def test_run_writes_what_the_best_runtime_gives(package: str, toys: None, capsys: Capture) -> None:
    capsys.readouterr()
    code = run_it()
    text = capsys.readouterr().out

    assert 0 == code
    with np.load("y.npz") as outputs:
        np.testing.assert_array_equal(ToyModel()(FEEDS), outputs["y"])
    assert text.startswith("toy-npz/toy-json on ToyJson, chosen by max-throughput-and-min-latency: best score of ")
    assert text.endswith("  y: float32[1, 2]\nwritten to y.npz\n")


def test_run_takes_a_strategy(package: str, toys: None, capsys: Capture) -> None:
    capsys.readouterr()

    assert 0 == run_it("--strategy", "min-latency")
    assert " chosen by min-latency: " in capsys.readouterr().out
    assert 2 == run_it("--strategy", "min-latecy", "--override")
    assert "did you mean 'min-latency'?" in capsys.readouterr().err


def test_run_of_a_workspace(package: str, toys: None) -> None:
    assert 0 == command("run", "w", "--inputs", feeds(), "--out", "y.npz")


def test_run_of_a_model_file(folder: Path, toys: None) -> None:
    ToyModel().save(folder / "mine.npz")
    optimized(folder / "w", machine(NPZ), model=folder / "mine.npz")
    command("save", "w")
    (folder / "mine.npz").unlink()

    assert 0 == run_it()
    with np.load("y.npz") as outputs:
        np.testing.assert_array_equal(ToyModel()(FEEDS), outputs["y"])


def test_run_refuses_an_existing_file_before_it_does_anything(package: str, capsys: Capture) -> None:
    Path("y.npz").write_text("mine")

    assert 2 == run_it()
    assert "y.npz exists\n  fix: pass --override to replace it" in capsys.readouterr().err
    assert "mine" == Path("y.npz").read_text()


@pytest.mark.parametrize(
    ("expected", "arrays"),
    [
        ("the inputs are x; missing: x; unknown: xx\n  fix: rename 'xx' to 'x'", {"xx": FEEDS}),
        ("input x: float32[batch, 3] was given float64\n  fix: cast it", {"x": FEEDS.astype(np.float64)}),
        ("input x: float32[batch, 3] was given shape [3]", {"x": FEEDS[0]}),
        ("input x: float32[batch, 3] was given shape [1, 2]", {"x": FEEDS[:, :2]}),
    ],
)
def test_run_says_which_input_does_not_fit(
    expected: str, arrays: dict[str, np.ndarray], package: str, toys: None, capsys: Capture
) -> None:
    assert 2 == run_it(inputs=feeds("bad.npz", **arrays))
    assert expected in capsys.readouterr().err
    assert not Path("y.npz").exists()


def test_run_refuses_pickled_objects(package: str, toys: None, capsys: Capture) -> None:
    assert 2 == run_it(inputs=feeds("bad.npz", x=np.array([{}], object)))
    assert "'bad.npz' cannot be read as .npz" in capsys.readouterr().err


def test_run_of_a_missing_input_file(package: str, toys: None, capsys: Capture) -> None:
    assert 2 == run_it(inputs="nowhere.npz")
    assert "'nowhere.npz': there is no such file" in capsys.readouterr().err


def test_run_without_the_plugin_says_so(package: str, capsys: Capture) -> None:
    assert 2 == run_it()
    assert "no installed plugin runs toy-json" in squeezed(capsys.readouterr().err)


def test_run_of_a_format_that_can_run_code_takes_trust(folder: Path, install: Install, capsys: Capture) -> None:
    runner = ToyRunner(name="ToyCode", accepts=TO_CODE.target)
    optimized(folder / "w", machine(EXPORT, TO_CODE, runner))
    command("save", "w")
    install("code-plugin", "1.0", CODE_TOYS, navcore={"code": "code_plugin"})

    assert 2 == run_it()
    text = capsys.readouterr().err
    assert "opening toy-code can run code" in text
    assert "fix: --trust code, if you know where it comes from" in text
    assert 0 == run_it("--trust", "code")
    assert 2 == run_it("--trust", "cod", "--override")


def test_run_tells_what_the_runtime_says(folder: Path, toys: None, capsys: Capture, install: Install) -> None:
    source = CODE_TOYS.replace('name="ToyCode"', 'name="ToyJson2", fault="call-raises"').replace(
        'Format("toy-code", suffix=".npz", risk=Risk.CODE)', 'Format("toy-json", suffix=".json", risk=Risk.DATA)'
    )
    install("code-plugin", "1.0", source, navcore={"code": "code_plugin"})
    optimized(folder / "w", machine(EXPORT, CONVERT, attrs.evolve(JSON, name="ToyJson2")))
    command("save", "w")

    assert 2 == run_it()
    assert (
        "error: toy-npz/toy-json on ToyJson2 failed: RuntimeError: this toy cannot run\n  fix: see that x.npz fits "
        "x: float32[batch, 3] -> y: float32[batch, 2]"
    ) in capsys.readouterr().err


def test_arrays_of_any_name_and_type_are_written(folder: Path) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="it has the types that NumPy lacks")
    given = {
        "file": np.arange(3),
        "text": np.array(["a", "bc"], object),
        "half": np.array([1.5, -2], ml_dtypes.bfloat16),
        "empty": np.zeros((0, 2), bool),
    }
    write_arrays(folder / "y.npz", given, override=False)
    with np.load(folder / "y.npz", allow_pickle=False) as read:
        found = {name: (str(read[name].dtype), read[name].tolist()) for name in read.files}

    assert {
        "file": ("int64", [0, 1, 2]),
        "text": ("<U2", ["a", "bc"]),
        "half": ("float32", [1.5, -2.0]),
        "empty": ("bool", []),
    } == found


def test_arrays_that_cannot_be_written_leave_nothing(folder: Path) -> None:
    (folder / "y.npz").write_text("mine")
    with pytest.raises(UsageError, match=r"y\.npz exists"):
        write_arrays(folder / "y.npz", {"y": FEEDS}, override=False)
    (folder / "taken").mkdir()
    with pytest.raises(UsageError, match="taken cannot be written: Is a directory"):
        write_arrays(folder / "taken", {"y": FEEDS}, override=True)
    with pytest.raises(UsageError, match="cannot be written: No such file"):
        write_arrays(folder / "no" / "y.npz", {"y": FEEDS}, override=False)

    assert ["taken", "y.npz"] == sorted(entry.name for entry in folder.iterdir())
    assert "mine" == (folder / "y.npz").read_text()


def test_samples_of_a_package_are_inputs_of_a_run(package: str, toys: None) -> None:
    (first, expected), *_ = nav.package.load(package).samples()

    assert 0 == run_it(inputs=feeds("sample.npz", **dict(first)))
    with np.load("y.npz") as outputs:
        np.testing.assert_allclose(expected["y"], outputs["y"])
    assert len(toy_samples(2)[0]) == len(expected["y"])
