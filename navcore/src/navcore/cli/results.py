"""Where commands find results: in a workspace, or in a package file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from navcore.domain import PackageStatus

__all__ = ["end_of_log_in", "is_package", "read_results"]

_SUFFIX = ".nav"


def is_package(path: Path) -> bool:
    """Return whether a path is meant as a package file, and not as a workspace."""
    return path.is_file() or (path.suffix == _SUFFIX and not path.is_dir())


def read_results(path: Path) -> PackageStatus:
    """Return the results in a workspace or a package file; no plugin is needed, and nothing is run.

    Raises:
        WorkspaceError: The folder is no workspace, or its run did not finish.
        PackageFileError: The file is damaged, unsafe or of another schema.
    """
    from navcore.store.archive_read import open_archive
    from navcore.store.workspace import read_status

    if not is_package(path):
        return read_status(path)
    with open_archive(path) as archive:
        return archive.status


def end_of_log_in(path: Path, log: str) -> str | None:
    """Return the last part of a log in a workspace or a package file; None where there is none.

    Args:
        path: Of the workspace or the file.
        log: As the results call it: relative, or empty.
    """
    from navcore.store.archive_read import open_archive
    from navcore.store.log import end_of_log

    if not is_package(path):
        return end_of_log(path.absolute(), log)
    with open_archive(path) as archive:
        return archive.end_of_log(log)
