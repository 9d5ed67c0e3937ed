"""Whether the record in a package fits itself, and the files that it lists."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from navcore.domain import (
    Artifact,
    BuildResult,
    FileHash,
    PackageStatus,
    Status,
    TensorSpec,
    TrialResult,
)
from navcore.store.archive_rules import MANIFEST, check_name, check_names, refusal, wrong_path
from navcore.store.plausible import implausible
from navcore.store.samples import SAMPLES, sample_files

__all__ = ["check_contents"]

_SHA256 = re.compile(r"[0-9a-f]{64}")
_TOOL = r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}"
_ROUTE = re.compile(rf"{_TOOL}(/{_TOOL}){{0,15}}")
_TENSOR = re.compile(r"""[^"'`$\\]{1,1024}""")
_LOG = re.compile(r"logs/[^/]+\.log")


def check_contents(status: PackageStatus, where: Path) -> None:
    """Refuse a record that contradicts itself or its list of files, or has names that shells, paths or terminals obey.

    Raises:
        PackageFileError: With the file or the name, and the reason.
    """
    for wrong in _contradictions(status):
        raise refusal(where, MANIFEST, wrong)
    held = _files(status, where)
    _check_artifacts(status, held, where)
    _check_samples(status, held, where)
    for name in _names(status):
        if not _ROUTE.fullmatch(name):
            raise refusal(where, MANIFEST, f"names a route or tool {name[:80]!a}, and none may be called that")
    for spec in _tensors(status):
        if not _TENSOR.fullmatch(spec) or not spec.isprintable() or "\N{REPLACEMENT CHARACTER}" in spec:
            raise refusal(
                where, MANIFEST, f"has a tensor named {spec[:80]!a}: quotes, $, \\ and control characters are refused"
            )


def _files(status: PackageStatus, where: Path) -> Mapping[str, FileHash]:
    """Return the listed files by path."""
    for file in status.files:
        check_name(file.path, where)
        if file.path == MANIFEST or not _SHA256.fullmatch(file.sha256) or file.size_bytes < 0:
            raise refusal(where, file.path, "is listed with a hash or a size that is none")
    paths = [file.path for file in status.files]
    check_names((*paths, MANIFEST), where)
    if paths != sorted(paths):
        raise refusal(where, MANIFEST, "lists its files in another order than by path")
    return {file.path: file for file in status.files}


def _check_artifacts(status: PackageStatus, held: Mapping[str, FileHash], where: Path) -> None:
    """Refuse artifacts that are there in part, and files below `artifacts/` that belong to none."""
    owned: set[str] = set()
    for artifact in _artifacts(status):
        _check_artifact(artifact, where)
        there = [file for file in artifact.files if file.path in held]
        if there and len(there) != len(artifact.files):
            missing = next(file.path for file in artifact.files if file.path not in held)
            raise refusal(where, missing, "is missing, while other files of the same artifact are there")
        for file in there:
            if held[file.path] != file:
                raise refusal(where, file.path, "is listed with two hashes or sizes")
            owned.add(file.path)
    if status.origin is not None and not owned.issuperset(file.path for file in status.origin.files):
        raise refusal(where, status.origin.path, "is missing, which is the source")
    for path in held:
        if path.startswith("artifacts/") and path not in owned:
            raise refusal(where, path, "belongs to no artifact")


def _check_artifact(artifact: Artifact, where: Path) -> None:
    main, held = artifact.path, artifact.format
    for path in (main, *(file.path for file in artifact.files)):
        if wrong := wrong_path(path):
            raise refusal(where, path, wrong)
    folder = main.rpartition("/")[0]
    if not main.startswith("artifacts/") or "/" not in folder:
        raise refusal(where, main, "is an artifact without a folder of its own in artifacts/")
    paths = [file.path for file in artifact.files]
    inside = all(path.startswith(f"{main}/") for path in paths)
    beside = main in paths and all(path.startswith(f"{folder}/") for path in paths)
    if not paths or len(set(paths)) != len(paths) or not (beside or inside):
        raise refusal(where, main, "is an artifact whose files are not those in its folder")
    if held.live or not main.lower().endswith(held.suffix.lower()) or (held.suffix and inside):
        raise refusal(where, main, f"is not what an artifact of {held} is called")


def _check_samples(status: PackageStatus, held: Mapping[str, FileHash], where: Path) -> None:
    there = {path for path in held if path.startswith(f"{SAMPLES}/")}
    if not there:
        return
    count = len(status.samples) * (len(status.signature.inputs) + len(status.signature.outputs))
    if count > len(held) + 1:  # before that many names are made
        raise refusal(where, MANIFEST, f"lists {len(there)} files of samples, and the run had {count}")
    wanted = set(sample_files(status.signature, len(status.samples)))
    for path in sorted(wanted ^ there)[:1]:
        raise refusal(where, path, "is missing" if path in wanted else "is a sample that the run did not have")


def _artifacts(status: PackageStatus) -> Iterator[Artifact]:
    yield from (build.artifact for build in status.builds if build.artifact is not None)
    if status.origin is not None:
        yield status.origin


def _trials(status: PackageStatus) -> Iterator[TrialResult]:
    yield from status.trials
    yield from (choice.trial for choice in status.choices)


def _names(status: PackageStatus) -> Iterator[str]:
    """Yield names of routes, tools, runners and strategies."""
    for build in status.builds:
        yield from (build.route, build.tool)
    for trial in _trials(status):
        yield from (trial.route, trial.runner)
    yield from (choice.strategy for choice in status.choices)
    yield from status.request.runners or ()


def _tensors(status: PackageStatus) -> Iterator[str]:
    """Yield names of tensors, dtypes and dimensions."""
    signatures = (status.signature, *(artifact.signature for artifact in _artifacts(status)))
    for signature in signatures:
        for spec in (*signature.inputs, *signature.outputs):
            yield from _spec(spec)
    yield from (*status.request.names.inputs, *status.request.names.outputs)
    for trial in _trials(status):
        if trial.agreement is not None:
            yield from (output.name for output in trial.agreement.outputs)


def _spec(spec: TensorSpec) -> Iterable[str]:
    return (spec.name, spec.dtype, *(each for each in spec.shape if isinstance(each, str)))


def _contradictions(status: PackageStatus) -> Iterator[str]:
    """Yield what no run gives, and what others rely on."""
    routes = [build.route for build in status.builds]
    if len(set(routes)) != len(routes):
        yield "has two results for one route"
    results: tuple[BuildResult | TrialResult, ...] = (*status.builds, *_trials(status))
    for result in results:
        if (result.status is Status.OK) != (result.failure is None):
            yield f"says that {result.route} failed without saying why, or why without failing"
        if result.failure is not None and result.failure.log and not _is_log(result.failure.log):
            yield f"has a log of {result.route} outside of logs/"
    for build in status.builds:
        if (build.status is Status.OK) != (build.artifact is not None):
            yield f"says that {build.route} was built without an artifact, or failed with one"
    for trial in _trials(status):
        if trial.status is Status.OK and not trial.measurements:
            yield f"says that {trial.route} works on {trial.runner} without a measurement"
    yield from implausible(status)


def _is_log(path: str) -> bool:
    return _LOG.fullmatch(path) is not None and not wrong_path(path)
