"""Scripts that redo one step: they run, outside the engine and outside this process, and say what came of it."""

from __future__ import annotations

import enum
import os
import re
import subprocess
import sys
from pathlib import Path

import attrs
import numpy as np
import pytest

from navcore.contracts import Model
from navcore.domain import BuildResult, DeviceKind, Failure, Status, TrialResult
from navcore.engine.reference import reference_of
from navcore.formats import Format
from navcore.python_model import PythonCall
from navcore.store.literals import NotLiteralError, Writer
from navcore.store.reproduce import write_build_script, write_trial_script
from navcore.store.samples import read_samples, sample_files, write_samples
from navcore.store.workspace import Workspace
from navcore.testing.toys import (
    TOY_JSON,
    TOY_LIVE,
    TOY_NPZ,
    TOY_SIGNATURE,
    ToyConverter,
    ToyExporter,
    ToyModel,
    ToyRunner,
    toy_samples,
)

BUILT = BuildResult("toy-npz/toy-json", "toy-json", Status.OK, 0.1)
TRIED = TrialResult("toy-npz", TOY_NPZ, "ToyNpz", 1, Status.OK)
EXPORTED = BuildResult("toy-npz", "toy-npz", Status.OK, 0.1)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace with one artifact and two samples."""
    space = Workspace(tmp_path / "w")
    folder = space.artifact_folder("toy-npz")
    folder.mkdir()
    toy = ToyModel()
    toy.save(folder / "model.npz")
    write_samples(space, TOY_SIGNATURE, (({"x": x}, {"y": toy(x)}) for x in toy_samples(count=2)))
    return space


@pytest.fixture
def artifact(workspace: Workspace) -> Model:
    return Model(format=TOY_NPZ, signature=TOY_SIGNATURE, path=workspace.root / "artifacts/toy-npz/model.npz")


LIVE = Model(format=TOY_LIVE, signature=TOY_SIGNATURE, object=ToyModel())


def run(script: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script from another folder."""
    path = os.pathsep.join(each for each in sys.path if each)
    return subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={**os.environ, "PYTHONPATH": path, **environment},
    )


def test_a_script_builds_an_artifact_again(workspace: Workspace, artifact: Model, tmp_path: Path) -> None:
    script = write_build_script(workspace, BUILT, reference_of(ToyConverter()), artifact, TOY_JSON, samples=2)
    result = run(script, TMPDIR=str(tmp_path))
    (made,) = tmp_path.glob("reproduce-*/model.json")

    assert "build-toy-npz+toy-json.py" == script.name
    assert "" == result.stderr
    assert re.fullmatch(
        rf"wrote {made} in [\d.]+ s\nx: float32\['batch', 3\]\ny: float32\['batch', 2\]\n", result.stdout
    )
    np.testing.assert_array_equal(ToyModel().weight, ToyModel.load(made).weight)


def test_a_script_runs_compares_and_times_an_artifact_again(workspace: Workspace, artifact: Model) -> None:
    script = write_trial_script(workspace, TRIED, reference_of(ToyRunner()), artifact, DeviceKind.CPU, samples=2)
    result = run(script)

    assert "check-toy-npz-ToyNpz.py" == script.name
    assert "" == result.stderr
    assert [
        "sample 0: y (2, 2), max difference 0.0",
        "sample 1: y (2, 2), max difference 0.0",
    ] == result.stdout.splitlines()[:2]
    assert re.fullmatch(r"10 calls of the last sample: median [\d.]+ ms", result.stdout.splitlines()[2])


def test_a_script_finds_its_artifact_after_the_workspace_has_moved(workspace: Workspace, artifact: Model) -> None:
    script = write_trial_script(workspace, TRIED, reference_of(ToyRunner()), artifact, DeviceKind.CPU, samples=2)
    moved = workspace.root.rename(workspace.root.with_name("moved"))
    result = run(moved / script.relative_to(workspace.root))

    assert "sample 0: y (2, 2), max difference 0.0" in result.stdout


def test_a_source_outside_of_the_workspace_is_found_by_its_own_path(workspace: Workspace, tmp_path: Path) -> None:
    ToyModel().save(tmp_path / "mine.npz")
    source = Model(format=TOY_NPZ, signature=TOY_SIGNATURE, path=tmp_path / "mine.npz")
    script = write_trial_script(workspace, TRIED, reference_of(ToyRunner()), source, DeviceKind.CPU, samples=1)

    assert "sample 0: y (2, 2), max difference 0.0" in run(script).stdout


def test_a_script_shows_the_failure_that_it_is_there_for(workspace: Workspace, artifact: Model) -> None:
    failure = Failure("exception", 'it said """ \\ and\nmore')
    failed = attrs.evolve(TRIED, status=Status.FAILED, failure=failure)
    runner = ToyRunner(fault="call-raises")
    script = write_trial_script(workspace, failed, reference_of(runner), artifact, DeviceKind.CPU, samples=2)
    result = run(script)

    assert result.stderr.endswith("RuntimeError: this toy cannot run\n")
    assert "In the run it ended with: failed (exception): it said ''' / and more" in script.read_text()


def test_a_script_shows_by_how_much_an_output_differs(workspace: Workspace, artifact: Model) -> None:
    runner = ToyRunner(fault="wrong")
    script = write_trial_script(workspace, TRIED, reference_of(runner), artifact, DeviceKind.CPU, samples=1)

    assert "sample 0: y (2, 2), max difference 1.0" in run(script).stdout


def test_a_script_for_an_exporter_says_what_to_fill_in(workspace: Workspace) -> None:
    script = write_build_script(workspace, EXPORTED, reference_of(ToyExporter()), LIVE, TOY_NPZ, samples=2)
    result = run(script)

    assert 1 == result.returncode
    assert "the run had the model in memory; make load_model() return it, then run this again" in result.stderr


@pytest.mark.parametrize("attribute", ["model", "make", "Toy", "holder.model"])
def test_a_script_for_an_exporter_loads_the_model_from_its_reference(
    workspace: Workspace, tmp_path: Path, attribute: str
) -> None:
    (tmp_path / "net.py").write_text(
        "from navcore.testing.toys import ToyModel as Toy\nmodel = Toy()\ndef make(): return Toy()\n"
        "class holder: model = Toy()\n"
    )
    script = write_build_script(
        workspace,
        EXPORTED,
        reference_of(ToyExporter()),
        LIVE,
        TOY_NPZ,
        samples=2,
        model_reference=f"{tmp_path}/net.py:{attribute}",
    )
    result = run(script, TMPDIR=str(tmp_path))

    assert "" == result.stderr
    assert [True] == [path.is_file() for path in tmp_path.glob("reproduce-*/model.npz")]


def test_a_script_is_short_and_imports_no_engine(workspace: Workspace, artifact: Model) -> None:
    edge = write_build_script(workspace, BUILT, reference_of(ToyConverter()), artifact, TOY_JSON, samples=2)
    runner = write_trial_script(workspace, TRIED, reference_of(ToyRunner()), artifact, DeviceKind.CPU, samples=2)

    for script in (edge, runner):
        text = script.read_text()

        assert max(map(len, text.splitlines())) <= 120
        assert len([line for line in text.splitlines() if line.strip()]) <= 90
        assert not re.search(r"navcore\.(engine|store|registry|plugins)\b|pickle(?!=False)", text)


def test_bfloat16_arrays_come_back(workspace: Workspace) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="bfloat16 for NumPy comes with ml_dtypes")
    spec = attrs.evolve(TOY_SIGNATURE.inputs[0], dtype="bfloat16")
    signature = attrs.evolve(TOY_SIGNATURE, inputs=(spec,))
    x = np.ones((2, 3), ml_dtypes.bfloat16)
    write_samples(workspace, signature, [({"x": x}, {"y": ToyModel()(x.astype(np.float32))})])
    source = Model(format=TOY_NPZ, signature=signature, path=workspace.root / "artifacts/toy-npz/model.npz")
    script = write_trial_script(workspace, TRIED, reference_of(ToyRunner()), source, DeviceKind.CPU, samples=1)

    assert "sample 0: y (2, 2), max difference 0.0" in run(script).stdout


def test_every_sample_is_written_and_read_back(workspace: Workspace) -> None:
    samples = [({"x": x}, {"y": ToyModel()(x)}) for x in toy_samples(count=5)]

    assert 5 == write_samples(workspace, TOY_SIGNATURE, iter(samples))
    assert sorted(sample_files(TOY_SIGNATURE, 5)) == sorted(
        path.relative_to(workspace.root).as_posix() for path in (workspace.root / "samples").glob("*/*")
    )
    for expected, got in zip(samples, read_samples(workspace.root, TOY_SIGNATURE, 5), strict=True):
        np.testing.assert_array_equal(expected[0]["x"], got[0]["x"])
        np.testing.assert_array_equal(expected[1]["y"], got[1]["y"])


def test_texts_are_written_without_pickle(workspace: Workspace) -> None:
    texts = np.array([["a", "bc"]], object)
    write_samples(workspace, TOY_SIGNATURE, [({"x": texts}, {"y": texts})])

    assert [["a", "bc"]] == np.load(workspace.root / "samples/inputs/0-0.npy", allow_pickle=False).tolist()


class Colour(enum.Enum):
    RED = 1


@attrs.frozen
class Record:
    _hidden: object
    kind: type = dict


@pytest.mark.parametrize(
    "value",
    [
        None,
        (1,),
        [1, "two", (3.5, float("inf"))],
        {"a": (True, b"x")},
        Colour.RED,
        Record((Record(None), int)),
        Format.ONNX,
        Format("my-format", suffix=".x", live=False),
        TOY_SIGNATURE,
        PythonCall(1, ("x",), (), ()),
        tuple("a long text that makes the line too long" for _ in range(4)),
    ],
    ids=repr,
)
def test_a_value_is_written_as_source_that_makes_it_again(value: object) -> None:
    writer = Writer()
    text = writer.value(value).replace(f"{__name__}.", "")
    names: dict[str, object] = {"Colour": Colour, "Record": Record}
    exec("\n".join(sorted(writer.imports - {f"import {__name__}"})), names)

    assert value == eval(text, names)


def test_a_tool_is_written_with_all_of_its_options() -> None:
    tool = ToyRunner(name="Mine", devices=tuple(DeviceKind), repeat=3)
    writer = Writer()
    text = writer.tool(reference_of(tool))
    names: dict[str, object] = {}
    exec("\n".join(sorted(writer.imports)), names)

    assert tool == eval(text, names)


@pytest.mark.parametrize("value", [object(), (lambda: 1), {1, 2}])
def test_a_value_that_has_no_source_is_refused(value: object) -> None:
    with pytest.raises(NotLiteralError, match=r"cannot be written as source"):
        Writer().value(value)


def test_a_call_that_cannot_be_written_is_left_to_the_user(workspace: Workspace) -> None:
    model = attrs.evolve(LIVE, call=object())
    script = write_build_script(workspace, EXPORTED, reference_of(ToyExporter()), model, TOY_NPZ, samples=2)

    assert "call=None,  # fill in how the model is called: a builtins.object cannot be" in script.read_text()
