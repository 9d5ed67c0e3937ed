"""save(): what of a package goes into its file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs

from navcore.domain import Artifact, FileHash, PackageStatus
from navcore.engine.choose import choose
from navcore.errors import PackageFileError, WorkspaceError
from navcore.findings import DEFAULT_STRATEGIES, Package
from navcore.store.archive_write import write_archive
from navcore.store.samples import SAMPLES, sample_files
from navcore.store.workspace import read_status
from navcore.strategies import MaxThroughputStrategy, MinLatencyStrategy

__all__ = ["save", "saved_routes"]

_AGAIN = "give every run a workspace of its own, and optimise again"


@attrs.frozen
class _Contents:
    """What goes into the file.

    Attributes:
        members: Name in the file, and the file on disk.
        expected: The contents that some of them had when the results were written down, by name.
        origin: The user's model file as it lies in the package.
    """

    members: Mapping[str, Path]
    expected: Mapping[str, FileHash]
    origin: Artifact | None

    def without(self, prefix: str) -> _Contents:
        """Return the contents without some of the members."""
        kept = {name: where for name, where in self.members.items() if not name.startswith(prefix)}
        return attrs.evolve(self, members=kept, expected={n: e for n, e in self.expected.items() if n in kept})


def save(package: Package, path: Path | str, *, override: bool = False, save_data: bool = True) -> Path:
    """Return what `navcore.package.save` returns."""
    target = _target(path, override)
    _check_same_run(package)
    contents = _unpacked(package) if package.status.files else _found(package, save_data)
    if not save_data:
        contents = contents.without(f"{SAMPLES}/")
    status = attrs.evolve(package.status, origin=contents.origin, files=())
    write_archive(target, status, contents.members, override=override, expected=contents.expected)
    return target


def saved_routes(status: PackageStatus) -> frozenset[str]:
    """Return the routes whose artifacts go into a package file.

    They are those that are one edge from a live source, those that the default strategies and the ones for throughput
    and latency pick, and all that these were made from. Where nothing was run, all of them.
    """
    if status.request.build_only:
        return frozenset(build.route for build in status.builds if build.artifact is not None)
    live = status.source.live
    wanted = {build.route for build in status.builds if live and "/" not in build.route}
    for strategies in ((MaxThroughputStrategy(),), (MinLatencyStrategy(),), DEFAULT_STRATEGIES):
        choice = choose(status.trials, strategies, include_source=False)
        if choice is not None:
            wanted |= set(_ancestry(choice.trial.route))
    return frozenset(build.route for build in status.builds if build.artifact is not None and build.route in wanted)


def _ancestry(route: str) -> Iterator[str]:
    """Yield a route and those that it goes on from."""
    parts = route.split("/")
    return ("/".join(parts[:length]) for length in range(1, len(parts) + 1))


def _target(path: Path | str, override: bool) -> Path:
    try:
        target = Path(path).absolute()
    except TypeError:
        raise PackageFileError(f"path={path!r} is no path", 'write path="model.nav"') from None
    if target.is_dir():
        raise PackageFileError(f"{target} is a folder", f'write path="{target / "model.nav"}"')
    if target.exists() and not override:
        raise PackageFileError(f"{target} exists", "pass override=True to replace it, or another path")
    return target


def _check_same_run(package: Package) -> None:
    """Refuse a workspace in which another run has been since."""
    there, ours = read_status(package.workspace), package.status
    if (there.created, there.duration_s, there.title) != (ours.created, ours.duration_s, ours.title):
        raise WorkspaceError(
            f"the workspace {package.workspace} holds another run than this package, from {there.created}", _AGAIN
        )


def _unpacked(package: Package) -> _Contents:
    """Return everything that was in the file that the package was loaded from."""
    files = package.status.files
    members = {file.path: package.workspace / file.path for file in files}
    return _Contents(members, {file.path: file for file in files}, package.status.origin)


def _found(package: Package, save_data: bool) -> _Contents:
    """Return what of the workspace of a run goes into the file."""
    status, root = package.status, package.workspace
    routes = saved_routes(status)
    artifacts = [build.artifact for build in status.builds if build.artifact is not None and build.route in routes]
    expected = {file.path: file for artifact in artifacts for file in artifact.files}
    members = {name: root / name for name in expected}
    origin = None
    if not status.source.live:
        origin, files = _origin(package)
        members |= files
        expected |= {file.path: file for file in origin.files}
    for folder, pattern in (("logs", "*.log"), ("reproduce", "*.py")):
        members |= {f"{folder}/{file.name}": file for file in sorted((root / folder).glob(pattern)) if file.is_file()}
    if save_data:
        members |= _samples(package)
    for name, where in members.items():
        if not where.is_file():
            raise WorkspaceError(f"{name} is not in the workspace {root} any more", _AGAIN)
    return _Contents(members, expected, origin)


def _origin(package: Package) -> tuple[Artifact, Mapping[str, Path]]:
    """Return the user's model file as it is to lie in the package, and where its files are."""
    found = package.origin()
    if found is None:
        raise WorkspaceError(
            f"the run could not note which files belong to {package.status.title}, so the package would not be whole",
            "see the warning of the run, and optimise again",
        )
    for file in found.artifact.files:
        if not (found.folder / file.path).is_file():
            raise WorkspaceError(
                f"{found.folder / file.path}, which belongs to the model that was optimised, is gone",
                "put it back, or optimise again",
            )
    return found.packed()


def _samples(package: Package) -> dict[str, Path]:
    names = sample_files(package.status.signature, len(package.status.samples))
    missing = [name for name in names if not (package.workspace / name).is_file()]
    if missing:
        raise WorkspaceError(
            f"{missing[0]} is not in the workspace {package.workspace}; the run could not write its samples, or "
            "they were removed",
            "pass save_data=False, or optimise again",
        )
    return {name: package.workspace / name for name in names}
