"""The workspace: only ever ours."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from navcore.errors import WorkspaceError
from navcore.store.workspace import MARKER, open_workspace, read_status


def test_a_new_folder_is_made_and_marked(tmp_path: Path) -> None:
    with open_workspace(tmp_path / "deep" / "folder") as workspace:
        assert (workspace.root / MARKER).exists()


def test_a_folder_with_other_contents_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")

    with (
        pytest.raises(WorkspaceError, match=r"is not empty and not a workspace .*thesis\.txt"),
        open_workspace(tmp_path),
    ):
        pass

    assert ["thesis.txt"] == os.listdir(tmp_path)


def test_clearing_removes_what_runs_wrote_and_nothing_else(tmp_path: Path) -> None:
    with open_workspace(tmp_path / "w") as workspace:
        (workspace.artifact_folder("onnx") / "deep").mkdir(parents=True)
        (workspace.root / "notes.txt").write_text("mine")
    with open_workspace(tmp_path / "w") as workspace:
        workspace.clear()
        assert not (workspace.root / "artifacts").exists()
        assert "mine" == (workspace.root / "notes.txt").read_text()


def test_a_link_in_the_workspace_is_removed_without_its_target(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "file").touch()
    with open_workspace(tmp_path / "w") as workspace:
        (workspace.root / "artifacts").symlink_to(target)
    with open_workspace(tmp_path / "w") as workspace:
        workspace.clear()

    assert not (tmp_path / "w" / "artifacts").exists()
    assert (target / "file").exists()


def test_a_file_in_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "w").touch()

    with pytest.raises(WorkspaceError, match="is a file"), open_workspace(tmp_path / "w"):
        pass


def test_a_second_run_at_the_same_time_is_an_error(tmp_path: Path) -> None:
    with (
        open_workspace(tmp_path / "w"),
        pytest.raises(WorkspaceError, match="another run is using the workspace"),
        open_workspace(tmp_path / "w"),
    ):
        pass


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(WorkspaceError, match="cannot be written"), open_workspace(tmp_path / "file" / "w"):
        pass


def test_a_folder_that_is_no_workspace_has_no_results(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="is not a workspace of navcore"):
        read_status(tmp_path)


def test_a_run_that_did_not_finish_has_no_results(tmp_path: Path) -> None:
    with open_workspace(tmp_path / "w"):
        pass

    with pytest.raises(WorkspaceError, match="its run did not finish"):
        read_status(tmp_path / "w")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ('{"schema": 99}', "has schema 99; this navcore reads 1"),
        ("[]", "has schema None"),
        ('{"schema": 1}', r"is damaged: required field missing @ \$\.title"),
    ],
)
def test_damaged_results_are_an_error_that_names_the_file(tmp_path: Path, text: str, message: str) -> None:
    with open_workspace(tmp_path / "w") as workspace:
        (workspace.root / "package.json").write_text(text)

    with pytest.raises(WorkspaceError, match=message):
        read_status(tmp_path / "w")


def test_scratch_folders_are_gone_afterwards(tmp_path: Path) -> None:
    with open_workspace(tmp_path / "w") as workspace:
        with workspace.scratch() as scratch:
            (scratch / "file").touch()

        assert not (workspace.root / "scratch").exists()


@pytest.fixture
def become_nobody() -> Iterator[Callable[[], None]]:
    """Root may read and remove everything; after a call of this, the test is somebody else."""

    def become() -> None:
        if os.geteuid() == 0:
            try:
                os.seteuid(65534)
            except OSError as error:
                pytest.skip(f"cannot stop being root: {error}")

    before = os.geteuid()
    yield become
    os.seteuid(before)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter, as `tmp_path` is not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


def test_results_that_are_not_text_are_an_error(tmp_path: Path) -> None:
    with open_workspace(tmp_path / "w") as workspace:
        (workspace.root / "package.json").write_bytes(b"\xff\xfe{}")

    with pytest.raises(WorkspaceError, match=r"package.json is not UTF-8: .*\n  fix: run the optimisation again"):
        read_status(tmp_path / "w")


def test_a_folder_in_place_of_the_results_is_an_error(tmp_path: Path) -> None:
    with open_workspace(tmp_path / "w") as workspace:
        (workspace.root / "package.json").mkdir()

    with pytest.raises(
        WorkspaceError, match=r"package.json cannot be read: Is a directory\n  fix: make folder and file"
    ):
        read_status(tmp_path / "w")


def test_results_that_may_not_be_read_are_an_error(open_folder: Path, become_nobody: Callable[[], None]) -> None:
    with open_workspace(open_folder / "w") as workspace:
        (workspace.root / "package.json").touch(0o000)
    become_nobody()

    with pytest.raises(WorkspaceError, match=r"package.json cannot be read: Permission denied"):
        read_status(open_folder / "w")


def test_a_workspace_in_a_folder_that_may_not_be_entered_is_an_error(
    open_folder: Path, become_nobody: Callable[[], None]
) -> None:
    (open_folder / "closed").mkdir(0o000)
    become_nobody()

    with pytest.raises(WorkspaceError, match=r"package.json cannot be read: Permission denied"):
        read_status(open_folder / "closed" / "w")


def test_what_an_earlier_run_wrote_and_cannot_be_removed_is_an_error(
    open_folder: Path, become_nobody: Callable[[], None]
) -> None:
    with open_workspace(open_folder / "w") as workspace:
        (workspace.artifact_folder("onnx") / "deep").mkdir(parents=True)
        workspace.root.chmod(0o777)
        (workspace.root / "artifacts").chmod(0o755)
        become_nobody()

        with pytest.raises(WorkspaceError, match=r"artifacts, which an earlier run wrote, cannot be removed: .*denied"):
            workspace.clear()
