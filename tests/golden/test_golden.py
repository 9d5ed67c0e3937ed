"""Packages that a released navcore wrote are read forever: verified, shown, loaded, and used where they can be."""

from __future__ import annotations

import json
import math
import re
import zipfile
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

import navcore as nav
from navcore.cli import app
from navcore.domain import FailureKind, PackageStatus, Status, Tolerance
from navcore.engine.regression import Answer, compare_runs
from navcore.findings import DEFAULT_STRATEGIES
from navcore.formats import Format
from navcore.registry import Registry
from navcore.store.archive_read import open_archive
from navcore.store.schema import SCHEMA
from navcore.testing.toys import ToyModel, ToyPlugin

from .make import PACKAGES, TOLERANCES, write_all

HERE = Path(__file__).parent
GOLDEN = sorted(HERE.glob("schema-*/*.nav"))
MOST_BYTES = 50_000
X = np.array([[1, 2, 3], [4, 5, 6]], np.float32)

Capture = pytest.CaptureFixture[str]


def each(*names: str) -> Any:
    paths = [path for path in GOLDEN if not names or path.stem in names]
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.relative_to(HERE).as_posix())


def read(path: Path) -> PackageStatus:
    with open_archive(path) as archive:
        return archive.status


def command(*arguments: object) -> object:
    """Run the command line in this process and return its exit code."""
    with pytest.raises(SystemExit) as caught:
        app(list(map(str, arguments)), prog_name="nav")
    return caught.value.code or 0


@pytest.fixture
def toys() -> Registry:
    return nav.load_plugins([ToyPlugin()], installed=False)


@pytest.mark.parametrize("schema", range(1, SCHEMA + 1))
def test_every_schema_has_its_packages(schema: int) -> None:
    names = {path.stem for path in GOLDEN if path.parent.name == f"schema-{schema}"}

    assert {"everything", "onnx-file", "toys", "without-data"} <= names


@each()
def test_a_golden_package_is_small(path: Path) -> None:
    assert path.stat().st_size < MOST_BYTES


@each()
def test_its_schema_is_that_of_its_folder(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        data = json.loads(archive.read("package.json"))

    assert path.parent.name == f"schema-{data['schema']}"


@each()
def test_it_is_verified(path: Path, capsys: Capture) -> None:
    assert 0 == command("verify", path)
    assert f"{path} is whole: " in capsys.readouterr().out


@each()
def test_it_is_shown(path: Path, capsys: Capture) -> None:
    assert 0 == command("show", path)
    text = capsys.readouterr().out

    status = read(path)
    assert status.title in text
    assert "cpu.name: Golden CPU" in text
    assert all(trial.route in text for trial in status.trials)


@each()
def test_every_route_is_told(path: Path, capsys: Capture) -> None:
    for trial in read(path).trials:
        assert 0 == command("why", trial.route, path, "--runner", trial.runner)
        assert f"{trial.route} on {trial.runner}  {trial.status}" in capsys.readouterr().out


@each()
def test_it_loads_and_saves_as_it_is(path: Path, tmp_path: Path) -> None:
    again = nav.package.save(nav.package.load(path), tmp_path / "again.nav")

    assert repr(read(path)) == repr(read(again))  # by their texts, because NaN is not equal to itself


@each()
def test_it_is_no_regression_against_itself(path: Path) -> None:
    status = read(path)
    comparison = compare_runs(status, status, DEFAULT_STRATEGIES)
    unnoted = status.request.device is nav.DeviceKind.CUDA  # `everything` ran on a GPU that nobody noted

    assert (Answer.UNSURE if unnoted else Answer.SAME_OR_BETTER) is comparison.answer


@each("toys", "onnx-file")
def test_its_samples_are_those_of_the_run(path: Path) -> None:
    samples = list(nav.package.load(path).samples())

    assert [2, 2, 4] == [len(inputs["x"]) for inputs, _ in samples]
    for inputs, outputs in samples:
        np.testing.assert_array_equal(ToyModel()(inputs["x"]), outputs["y"])


@each("toys")
def test_toys_still_run(path: Path, toys: Registry) -> None:
    with nav.package.load(path, registry=toys).get_runner() as runner:
        outputs = runner.infer({"x": X})

    assert "toy-npz/toy-json on ToyJson" == runner.name
    np.testing.assert_array_equal(ToyModel()(X), outputs["y"])


@each("toys")
def test_toys_are_optimised_again(path: Path, toys: Registry, tmp_path: Path) -> None:
    package = nav.package.load(path, registry=toys)
    quick = nav.OptimizationProfile(batch_sizes=(2,), window_size=2, max_trials=3)
    again = nav.package.optimize(
        package, workspace=tmp_path / "w", optimization_profile=quick, quiet=True, isolate=False
    )

    assert {("toy-npz", Status.OK), ("toy-npz/toy-json", Status.OK)} == {
        (trial.route, trial.status) for trial in again.status.trials
    }


@each("without-data")
def test_what_was_left_out_is_known(path: Path, toys: Registry) -> None:
    package = nav.package.load(path, registry=toys)
    with package.get_runner() as runner:
        outputs = runner.infer({"x": X})

    assert [("toy-npz", "it was left out when the package was saved")] == [
        (omission.subject, omission.reason) for omission in package.unusable
    ]
    np.testing.assert_array_equal(ToyModel()(X), outputs["y"])
    with pytest.raises(nav.errors.UsageError, match="saved without samples"):
        next(package.samples())


@each("onnx-file")
def test_an_onnx_file_with_external_data_still_runs(path: Path) -> None:
    plugin = pytest.importorskip("nav_onnx.plugin", reason="it runs ONNX files")
    pytest.importorskip("onnxruntime", reason="it runs ONNX files")
    package = nav.package.load(path, registry=nav.load_plugins([plugin], installed=False))
    with package.get_runner() as runner:
        outputs = runner.infer({"x": X})

    assert "onnx on OnnxCPU" == runner.name
    np.testing.assert_allclose(ToyModel()(X), outputs["y"], rtol=1e-6)


@each("everything")
def test_numbers_that_are_not_finite_come_back(path: Path) -> None:
    status = read(path)
    (odd,) = (trial.agreement for trial in status.trials if trial.runner == "Odd")
    (rich,) = (trial for trial in status.trials if trial.runner == "OnnxCPU")
    assert odd is not None
    logits, mask = odd.outputs

    assert (math.inf, -math.inf) == (logits.max_abs, logits.snr_db)
    assert math.isnan(logits.mean_abs)
    assert all(math.isnan(value) for value in attrs.astuple(mask)[1:7])
    assert math.inf == rich.measurements[0].noise


@each("everything")
def test_a_tolerance_by_output_comes_back(path: Path) -> None:
    assert TOLERANCES == read(path).request.tolerance


@each("onnx-file")
def test_one_tolerance_comes_back(path: Path) -> None:
    assert Tolerance(atol=1e-4, rtol=1e-3) == read(path).request.tolerance


@each("everything")
def test_every_kind_of_failure_comes_back(path: Path) -> None:
    status = read(path)
    kinds = {trial.failure.kind for trial in status.trials if trial.failure is not None}

    assert {kind for kind in FailureKind if kind.value in {str(each) for each in kinds}} == kinds
    assert len(kinds) >= 15  # of schema 1; those that came later are in later packages


@each("everything")
def test_what_it_takes_to_use_it_is_shown(path: Path, capsys: Capture) -> None:
    command("show", path)
    text = capsys.readouterr().out

    assert re.search(r"\n  torchscript  torchscript, [0-9]+ B\n", text)
    assert "opening it may run code: that takes trust" in text
    assert "built for cuda.device 'Golden GPU' only" in text


@each("everything")
def test_escape_sequences_in_logs_do_not_reach_the_terminal(path: Path, capsys: Capture) -> None:
    command("why", "onnx/crash", path)
    text = capsys.readouterr().out

    assert "the log of a step that ended with crash: ä" in text
    assert "\x1b" not in text


def test_every_field_of_every_record_is_in_a_golden_package() -> None:
    """Or a later navcore could drop or rename one, and no test would see it."""
    seen: dict[str, bool] = {}
    for path in GOLDEN:
        for name, said in fields(read(path)):
            seen[name] = seen.get(name, False) or said

    assert [] == sorted(name for name, said in seen.items() if not said)


def fields(record: Any) -> Iterator[tuple[str, bool]]:
    """Yield every field of a record and of those in it, and whether its value is another than the default."""
    for field in attrs.fields(type(record)):
        value = getattr(record, field.name)
        name = f"{type(record).__name__}.{field.name}"
        if name != "OptimizationProfile.dataloader":  # an object of the user's, which is not saved
            default = field.default.factory() if isinstance(field.default, attrs.Factory) else field.default
            yield name, default is attrs.NOTHING or value != default
        yield from (found for part in parts(value) for found in fields(part))


def parts(value: Any) -> Iterator[Any]:
    if isinstance(value, tuple):
        yield from (part for item in value for part in parts(item))
    elif attrs.has(type(value)) and not isinstance(value, Enum | Format):
        yield value


def test_the_generator_writes_the_same_bytes_every_time(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="the generator writes ONNX files with it")
    first, second = write_all(tmp_path / "a"), write_all(tmp_path / "b")

    assert [f"{name}.nav" for name in PACKAGES] == [path.name for path in first]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


@each()
def test_it_is_readable_wherever_it_was_written(path: Path) -> None:
    """No folder of the machine is named in it."""
    with zipfile.ZipFile(path) as archive:
        text = b"".join(archive.read(name) for name in archive.namelist())

    assert not re.search(rb"/(tmp|home|root|usr)/", text)
