"""profile(): how long any Python function takes, with the engine that measures models."""

from __future__ import annotations

import contextlib
import logging
import operator
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import attrs

from navcore.domain import DeviceKind, OptimizationProfile, Status
from navcore.errors import DataloaderError, UsageError
from navcore.keywords import checked_keywords
from navcore.profiling_results import ProfiledRuntime, ProfiledSample, ProfilingResults

__all__ = ["DEFAULT_REPORT", "profile"]

_LOGGER = logging.getLogger(__name__)

DEFAULT_REPORT = Path("navigator_profile.yaml")
_HEAD = "# Written by navcore.profile, and replaced by its next run.\n"


@checked_keywords
def profile(
    func: Callable[..., Any],
    dataloader: Iterable[tuple[int, Any]],
    *,
    window_size: int = 25,
    stability_percentage: float = 10.0,
    stabilization_windows: int = 3,
    min_trials: int = 3,
    max_trials: int = 10,
    report: Path | str | None = DEFAULT_REPORT,
    quiet: bool = False,
) -> ProfilingResults:
    """Measure a function with every sample, print the table, and write it as YAML.

    Nothing is exported or compared. A call counts from its beginning to its return: a function that leaves work to a
    device has to wait for it.

    Args:
        func: Any callable.
        dataloader: Pairs of batch size and sample. A sample is one argument; a tuple or list of arguments, of which a
            dict at the end holds the keyword arguments; or a dict of keyword arguments. The batch size only counts
            for the throughput.
        window_size, stability_percentage, stabilization_windows, min_trials, max_trials: As in `OptimizationProfile`.
        report: YAML file to write; an earlier report is replaced, any other file is not. None: none. Where it
            cannot be written in the end, the log says so.
        quiet: Whether not to print the table.

    Returns:
        What was found; a sample with which the function raises has a note that says so, and no figures.

    Raises:
        DataloaderError: There are no samples, or they are no pairs.
        UsageError: The function cannot be called, an option is wrong, or the report is another file or in no folder.
    """
    if not callable(func):
        raise UsageError(f"func={func!r} cannot be called", "pass a function, or an object with __call__")
    _check_report(report)
    pairs = _pairs(dataloader)
    try:
        profiled = OptimizationProfile(
            window_size=window_size,
            stability_percentage=stability_percentage,
            stabilization_windows=stabilization_windows,
            min_trials=min_trials,
            max_trials=max_trials,
        )
    except (TypeError, ValueError) as error:
        raise UsageError(str(error).partition("\n")[0], "see help(navcore.profile)") from error
    results = _results(func, pairs, profiled)
    if not quiet:
        print(results, file=sys.stdout)  # what the user asked for
    if report is not None:
        _write(results, Path(report))
    return results


def _pairs(dataloader: Iterable[tuple[int, Any]]) -> list[tuple[int, Any]]:
    if not isinstance(dataloader, Iterable):
        raise DataloaderError(f"the dataloader is a {type(dataloader).__name__}", "pass a list of pairs")
    pairs = []
    for index, pair in enumerate(dataloader):
        size = _whole(pair[0]) if isinstance(pair, tuple | list) and len(pair) == 2 else 0
        if size < 1:
            raise DataloaderError(
                f"sample {index} is no pair of a batch size and a sample",
                "write dataloader=[(batch_size, sample), ...] with batch sizes of 1 or more",
            )
        pairs.append((size, pair[1]))
    if not pairs:
        raise DataloaderError("the dataloader gave no samples", "pass at least one pair of a batch size and a sample")
    return pairs


def _whole(size: Any) -> int:
    """Return a batch size, which may be NumPy's, as an int; 0 where it is no whole number."""
    try:
        return operator.index(size)
    except TypeError:
        return 0


def _results(func: Callable[..., Any], pairs: list[tuple[int, Any]], profiled: OptimizationProfile) -> ProfilingResults:
    import numpy as np

    from navcore.engine.measure import measure_round_robin
    from navcore.engine.sweep import Sweep
    from navcore.engine.timing import LocalTimer

    title = str(getattr(func, "__name__", type(func).__name__))
    random = np.random.default_rng(0)
    samples = []
    for index, (size, sample) in enumerate(pairs):
        sweep = Sweep(title, LocalTimer(_calling(func, sample)), works_at=size)
        measure_round_robin([sweep], {}, size, profiled, baseline=None, random=random)
        samples.append(ProfiledSample(index, tuple(sweep.measurements), tuple(sweep.notes)))
    notes = [note for sample in samples for note in sample.notes]
    works = any(sample.measurements for sample in samples)
    runtime = ProfiledRuntime("python", "python", "Python", Status.OK, tuple(samples))
    if not works:
        fix = "call it by hand with one of the samples"
        runtime = attrs.evolve(runtime, status=Status.FAILED, reason=notes[0] if notes else "", fix=fix)
    return ProfilingResults(
        title=title,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        device=DeviceKind.CPU,
        samples=tuple((("batch", (size,)),) for size, _ in pairs),
        runtimes=(runtime,),
    )


def _calling(func: Callable[..., Any], sample: Any) -> Callable[[Any], Any]:
    """Return the call as the engine makes it; the sample is taken apart here, and not while it is timed."""
    arguments: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = {}
    if isinstance(sample, Mapping):
        keywords = sample
    elif not isinstance(sample, tuple | list):
        arguments = (sample,)
    elif sample and isinstance(sample[-1], Mapping):
        arguments, keywords = tuple(sample[:-1]), sample[-1]
    else:
        arguments = tuple(sample)
    return lambda _: func(*arguments, **keywords)


def _check_report(report: Path | str | None) -> None:
    path = None if report is None else Path(report)
    if path is None:
        return
    if not path.parent.is_dir():
        raise UsageError(f"the report {path} would be in a folder that does not exist", f"mkdir -p {path.parent}")
    if not path.exists():
        return
    try:
        with path.open("rb") as file:
            ours = file.read(len(_HEAD)) == _HEAD.encode()
    except OSError as error:
        raise UsageError(
            f"the report {path} cannot be read: {error.strerror or error}", "pass report=<a file>"
        ) from error
    if not ours:
        raise UsageError(f"{path} exists and is no report of navcore.profile", "pass report=<another file>, or None")


def _write(results: ProfilingResults, path: Path) -> None:
    temporary = path.with_name(f"{path.name}.new")
    try:
        results.to_file(temporary)
        temporary.write_text(_HEAD + temporary.read_text(encoding="utf-8"), encoding="utf-8")
        temporary.replace(path)
    except (OSError, UsageError) as error:  # the results are worth more than their report
        _LOGGER.warning("there is no report %s: %s", path, str(error).partition("\n")[0])
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
