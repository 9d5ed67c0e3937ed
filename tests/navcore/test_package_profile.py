"""nav.package.profile: every sample on every model and runner."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import navcore as nav
from navcore.domain import Status
from navcore.errors import DataloaderError, UnknownNameError, UsageError
from navcore.profiling_results import ProfiledRuntime
from navcore.store.yaml_text import to_yaml
from navcore.testing.toys import ToyRunner, toy_samples

from .package_toys import CODE, CONVERT, EXPORT, JSON, LIVE, NPZ, PLAIN, TO_CODE, machine, optimized

QUICK: dict[str, Any] = {
    "batch_sizes": (1, 2),
    "window_size": 2,
    "min_trials": 1,
    "max_trials": 1,
    "stabilization_windows": 1,
    "isolate": False,
}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> nav.Package:
    """A package of a live toy."""
    return optimized(tmp_path_factory.mktemp("package") / "w", machine(*PLAIN))


def by_runner(results: Any) -> dict[str, ProfiledRuntime]:
    return {runtime.runner: runtime for runtime in results.runtimes}


def test_every_sample_is_measured_on_every_model_and_runner_at_every_batch_size(package: nav.Package) -> None:
    results = nav.package.profile(package, toy_samples(3, batch=4), **QUICK)

    assert {"ToyJson", "ToyLive", "ToyNpz"} == set(by_runner(results))
    for runtime in results.runtimes:
        assert Status.OK is runtime.status
        assert [0, 1, 2] == [profiled.sample for profiled in runtime.samples]
        for profiled in runtime.samples:
            assert [1, 2] == [measurement.batch_size for measurement in profiled.measurements]
    assert ((("x", (4, 3)),),) * 3 == results.samples


def test_without_a_dataloader_the_stored_samples_are_measured(package: nav.Package) -> None:
    results = nav.package.profile(package, **QUICK)

    assert sum(sample.given for sample in package.status.samples) == len(results.samples)


def test_a_loaded_package_is_measured_in_workers_where_it_can_be(package: nav.Package, tmp_path: Path) -> None:
    file = nav.package.save(package, tmp_path / "m.nav")
    registry = machine(NPZ, JSON, ToyRunner(name="ToyBroken", fault="open-raises"))
    loaded = nav.package.load(file, registry=registry)
    runtimes = by_runner(nav.package.profile(loaded, toy_samples(1), **QUICK | {"isolate": True}))

    assert Status.OK is runtimes["ToyNpz"].status
    assert Status.OK is runtimes["ToyJson"].status
    assert (Status.FAILED, "RuntimeError: ToyBroken cannot open this toy") == (
        runtimes["ToyBroken"].status,
        runtimes["ToyBroken"].reason,
    )


def test_what_cannot_be_used_or_was_wrong_is_a_row_with_its_reason(tmp_path: Path) -> None:
    tools = (EXPORT, TO_CODE, LIVE, NPZ, CODE, ToyRunner(name="ToyWrong", fault="wrong"))
    file = nav.package.save(optimized(tmp_path / "w", machine(*tools)), tmp_path / "m.nav")
    runtimes = by_runner(nav.package.profile(nav.package.load(file, registry=machine(*tools)), **QUICK))

    assert Status.OK is runtimes["ToyNpz"].status
    assert {Status.SKIPPED} == {runtimes[name].status for name in ("ToyLive", "ToyCode", "ToyWrong")}
    assert "the package does not hold the source" == runtimes["ToyLive"].reason
    assert "opening toy-code can run code" in runtimes["ToyCode"].reason
    assert runtimes["ToyWrong"].reason.startswith("it failed in the run: output 'y' of sample 0")


def test_a_runtime_that_fails_while_it_is_measured_costs_only_its_own_rows(tmp_path: Path) -> None:
    package = optimized(tmp_path / "w", machine(*PLAIN))
    package.registry = machine(*PLAIN, ToyRunner(name="ToyTired", fault="call-raises"))
    runtimes = by_runner(nav.package.profile(package, toy_samples(1), **QUICK))

    assert (Status.FAILED, "batch size 1 failed: RuntimeError: this toy cannot run") == (
        runtimes["ToyTired"].status,
        runtimes["ToyTired"].reason,
    )
    assert Status.OK is runtimes["ToyNpz"].status


def test_formats_and_runners_narrow_what_is_measured(package: nav.Package) -> None:
    by_format = nav.package.profile(package, toy_samples(1), target_formats=("toy-json",), **QUICK)
    by_name = nav.package.profile(package, toy_samples(1), runners=("ToyNpz",), **QUICK)

    assert {"ToyLive", "ToyJson"} == set(by_runner(by_format))
    assert {"ToyNpz"} == set(by_runner(by_name))


def test_results_are_plain_data_and_a_file_and_a_table(package: nav.Package, tmp_path: Path) -> None:
    results = nav.package.profile(package, toy_samples(2), **QUICK)
    results.to_file(tmp_path / "profile.yaml")
    yaml = pytest.importorskip("yaml", reason="the file is read with PyYAML, which navcore does not need")
    data = results.to_dict()

    assert yaml.safe_load((tmp_path / "profile.yaml").read_text("utf-8")) == _listed(data)
    samples = data["models"]["toy-npz/toy-json"]["runners"]["ToyJson"]["samples"]
    assert [0, 1] == [sample["sample"] for sample in samples]
    assert [1, 2] == [measurement["batch_size"] for measurement in samples[0]["measurements"]]
    assert 1 + 3 * 2 * 2 <= len([line for line in str(results).splitlines() if "Toy" in line])


def _listed(data: Any) -> Any:
    """The data with lists for tuples, as any file format gives it back."""
    if isinstance(data, dict):
        return {key: _listed(item) for key, item in data.items()}
    return [_listed(item) for item in data] if isinstance(data, list | tuple) else data


def test_yaml_keeps_numbers_and_hard_texts() -> None:
    yaml = pytest.importorskip("yaml", reason="the text is read with PyYAML, which navcore does not need")
    data = {
        "small": 1e-07,
        "large": 1e22,
        "infinite": [math.inf, -math.inf],
        "texts": ["no", "1e5", "a: b", "- c", 'say "ü"\n', ""],
        "empty": {"list": [], "dict": {}},
        "nested": [{"a": [1, None, True]}, {}, [[]], []],
        "#key: ": 0,
    }

    assert data == yaml.safe_load(io.StringIO(to_yaml(data)))


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ([np.zeros((2, 3))], "sample 0 is float64 for x: float32"),
        ([np.zeros((2, 4), np.float32)], r"sample 0 has shape \[2, 4\] for x"),
        ([(np.zeros((2, 3), np.float32),) * 2], "sample 0 holds 2 arrays, and the inputs are x"),
        ([np.zeros((0, 3), np.float32)], "sample 0 has batch sizes 0"),
        ([], "the dataloader gave no samples"),
        (3, "the dataloader is a int, which cannot be iterated over"),
    ],
)
def test_samples_that_do_not_fit_are_refused(package: nav.Package, samples: Any, message: str) -> None:
    with pytest.raises(DataloaderError, match=message):
        nav.package.profile(package, samples, **QUICK)


def test_samples_are_given_by_name_or_in_order(package: nav.Package) -> None:
    (array,) = toy_samples(1)
    results = nav.package.profile(package, [{"x": array}, (array,), [array], array], **QUICK)

    assert ((("x", (2, 3)),),) * 4 == results.samples


def test_wrong_options_are_told(package: nav.Package) -> None:
    with pytest.raises(UsageError, match="min_trials=5 is above max_trials=1"):
        nav.package.profile(package, **QUICK | {"min_trials": 5})
    with pytest.raises(UnknownNameError, match="did you mean 'ToyJson'"):
        nav.package.profile(package, runners=("ToyJsn",), **QUICK)


def test_where_nothing_can_be_measured_the_reasons_are_told(package: nav.Package, tmp_path: Path) -> None:
    loaded = nav.package.load(nav.package.save(package, tmp_path / "m.nav"), registry=machine(LIVE, CONVERT))

    with pytest.raises(UsageError, match="there is nothing to measure: toy-live on ToyLive: the package does not hold"):
        nav.package.profile(loaded, toy_samples(1), **QUICK)
