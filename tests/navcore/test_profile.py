"""nav.profile: any function, with the engine that measures models."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import navcore as nav
from navcore.domain import Status
from navcore.errors import DataloaderError, UnknownNameError, UsageError


def spin() -> None:
    end = time.perf_counter() + 0.005
    while time.perf_counter() < end:
        pass


def profiled(func: Any, *pairs: Any, **options: Any) -> nav.ProfilingResults:
    return nav.profile(func, list(pairs), **({"report": None, "quiet": True, "stability_percentage": 1000.0} | options))


@pytest.mark.alone
def test_a_function_that_takes_5_ms_is_found_to_take_them() -> None:
    start = time.perf_counter()
    (runtime,) = profiled(spin, (1, ())).runtimes
    took = time.perf_counter() - start
    (found,) = runtime.samples[0].measurements

    assert 5.0 == pytest.approx(min(found.samples_ms), rel=0.01)
    assert 5.0 <= found.mean_ms
    assert took < 15.0  # a third of a second on an idle machine


def test_every_sample_is_measured_with_its_own_batch_size() -> None:
    seen: list[Any] = []
    results = profiled(lambda *args, **keywords: seen.append((args, keywords)), (1, 7), (4, ("a", {"b": 2})))
    sizes = [found.batch_size for sample in results.runtimes[0].samples for found in sample.measurements]

    assert [1, 4] == sizes
    assert [((7,), {}), (("a",), {"b": 2})] == [seen[0], seen[-1]]
    throughputs = [sample.measurements[0].throughput for sample in results.runtimes[0].samples]
    assert all(throughput > 0 for throughput in throughputs)


@pytest.mark.parametrize(
    ("sample", "call"),
    [
        (3, ((3,), {})),
        ([3, 4], ((3, 4), {})),
        ({"x": 3}, ((), {"x": 3})),
        ((), ((), {})),
        (({"x": 3},), ((), {"x": 3})),
    ],
)
def test_samples_are_taken_apart_as_dataloaders_give_them(sample: Any, call: Any) -> None:
    seen: list[Any] = []
    profiled(lambda *args, **keywords: seen.append((args, keywords)), (1, sample))

    assert call == seen[0]


def test_a_sample_that_fails_costs_itself_only() -> None:
    results = profiled(lambda x: 1 / x, (1, 1.0), (1, 0.0))
    good, bad = results.runtimes[0].samples

    assert 1 == len(good.measurements)
    assert ((), ("batch size 1 failed: ZeroDivisionError: float division by zero",)) == (bad.measurements, bad.notes)
    assert Status.OK is results.runtimes[0].status
    assert Status.FAILED is profiled(lambda x: 1 / x, (1, 0.0)).runtimes[0].status


def test_the_report_is_yaml_and_is_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "report.yaml"
    for _ in range(2):
        nav.profile(spin, [(2, ())], report=report)
    data = yaml.safe_load(report.read_text("utf-8"))
    (found,) = data["models"]["python"]["runners"]["Python"]["samples"][0]["measurements"]

    assert 2 == found["batch_size"]
    assert 5.0 == pytest.approx(found["p50_ms"], rel=0.5)
    assert "spin" in capsys.readouterr().out


def test_a_file_that_is_no_report_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("precious: true\n")

    with pytest.raises(UsageError, match=r"is no report of navcore\.profile"):
        nav.profile(spin, [(1, ())], report=tmp_path / "mine.yaml", quiet=True)
    assert "precious: true\n" == (tmp_path / "mine.yaml").read_text()


@pytest.mark.parametrize("pairs", [[], [3], [(0, 1)], [("1", 2)], [(1, 2, 3)]])
def test_samples_without_batch_sizes_are_refused(pairs: Any) -> None:
    with pytest.raises(DataloaderError):
        nav.profile(spin, pairs, report=None)


def test_wrong_options_are_refused_with_words() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'max_trials'"):
        profiled(spin, (1, ()), max_trial=3)
    with pytest.raises(UsageError, match="min_trials=9 is above max_trials=3"):
        profiled(spin, (1, ()), min_trials=9, max_trials=3)
    with pytest.raises(UsageError, match="cannot be called"):
        profiled(3, (1, ()))


def test_a_report_in_no_folder_is_noticed_before_anything_is_measured(tmp_path: Path) -> None:
    calls: list[Any] = []

    with pytest.raises(UsageError, match="would be in a folder that does not exist"):
        profiled(calls.append, (1, 1), report=tmp_path / "none" / "report.yaml")
    assert [] == calls


def test_a_report_that_cannot_be_written_costs_no_results(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "reports"
    folder.mkdir()

    def remove(_: Any) -> None:
        shutil.rmtree(folder, ignore_errors=True)

    results = profiled(remove, (1, 1), report=folder / "report.yaml")

    assert Status.OK is results.runtimes[0].status
    assert "cannot be written: No such file or directory" in caplog.text


def test_batch_sizes_may_be_whole_numbers_of_numpy() -> None:
    assert (("batch", (4,)),) == profiled(lambda x: x, (np.int64(4), 1)).samples[0]
    with pytest.raises(DataloaderError):
        profiled(lambda x: x, (4.0, 1))
