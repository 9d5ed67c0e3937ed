"""Writing package files: whole or not at all, and only what can be read again."""

from __future__ import annotations

import json
import os
import stat
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

from navcore.domain import FileHash
from navcore.errors import PackageFileError, WorkspaceError
from navcore.store import archive_write
from navcore.store.archive_read import open_archive
from navcore.store.archive_write import write_archive
from navcore.store.schema import to_json

from ..hostile.models import onnx, tensor  # noqa: TID252  # tests are no package that could be named
from ..hostile.packages import CONTENTS, SIGNATURE, digest, status, with_files  # noqa: TID252

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX")
SCRIPT = "reproduce/onnx.py"


@pytest.fixture
def members(tmp_path: Path) -> Mapping[str, Path]:
    for name, data in CONTENTS.items():
        path = tmp_path / "space" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return {name: tmp_path / "space" / name for name in CONTENTS}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "model.nav"


def test_what_was_written_is_read_with_its_list_of_files(
    members: Mapping[str, Path], target: Path, tmp_path: Path
) -> None:
    written = write_archive(target, attrs.evolve(status(), files=()), members)

    with open_archive(target) as archive:
        archive.extract(tmp_path / "read")
        assert status() == written == archive.status
    assert CONTENTS == {name: (tmp_path / "read" / name).read_bytes() for name in CONTENTS}


def test_other_programs_read_it_too(members: Mapping[str, Path], target: Path) -> None:
    write_archive(target, status(), members)

    with zipfile.ZipFile(target) as archive:
        assert archive.testzip() is None
        assert [*sorted(CONTENTS), "package.json"] == archive.namelist()
        assert json.loads(to_json(status())) == json.loads(archive.read("package.json"))


def test_artifacts_are_stored_as_they_are(members: Mapping[str, Path], target: Path) -> None:
    write_archive(target, status(), members)

    with zipfile.ZipFile(target) as archive:
        assert {zipfile.ZIP_STORED} == {archive.getinfo(name).compress_type for name in CONTENTS}
        assert zipfile.ZIP_DEFLATED == archive.getinfo("package.json").compress_type


def test_the_same_contents_give_the_same_file(members: Mapping[str, Path], target: Path) -> None:
    write_archive(target, status(), members)
    write_archive(target.with_name("again.nav"), status(), dict(reversed(members.items())))

    assert target.read_bytes() == target.with_name("again.nav").read_bytes()


@posix
def test_the_file_has_the_permissions_of_new_files(members: Mapping[str, Path], target: Path) -> None:
    mask = os.umask(0o027)
    try:
        write_archive(target, status(), members)
    finally:
        os.umask(mask)

    assert 0o640 == stat.S_IMODE(target.stat().st_mode)


def test_an_existing_file_is_refused_and_stays(members: Mapping[str, Path], target: Path) -> None:
    target.write_text("precious")

    with pytest.raises(PackageFileError, match=r"model\.nav exists") as error:
        write_archive(target, status(), members)

    assert "override=True" in error.value.fix
    assert "precious" == target.read_text()


def test_an_existing_file_is_replaced_where_that_was_said(members: Mapping[str, Path], target: Path) -> None:
    target.write_text("old")

    write_archive(target, status(), members, override=True)

    with open_archive(target) as archive:
        archive.verify()
    assert ["model.nav"] == os.listdir(target.parent)


def test_a_file_that_appears_meanwhile_stays(
    members: Mapping[str, Path], target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_write, "inspect_contents", lambda *_: target.write_text("precious"))

    with pytest.raises(PackageFileError, match=r"model\.nav exists"):
        write_archive(target, status(), members)

    assert "precious" == target.read_text()
    assert ["model.nav"] == os.listdir(target.parent)


@posix
def test_a_file_system_without_hard_links_will_do(
    members: Mapping[str, Path], target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: object) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(os, "link", link)
    write_archive(target, status(), members)

    with pytest.raises(PackageFileError, match=r"model\.nav exists"):
        write_archive(target, status(), members)
    assert ["model.nav"] == os.listdir(target.parent)


def refusals(change: str) -> tuple[dict[str, bytes], Any, str]:
    """Contents that are not written, the status, and what is said."""
    one = {**CONTENTS}
    found = None
    if change == "a name that no package may have":
        one["../x"], message = b"", r"'\.\./x' has a path that is not normalised"
    elif change == "a file of no artifact":
        one["artifacts/x/y"], message = b"", "'artifacts/x/y' belongs to no artifact"
    elif change == "names that differ in case":
        one["logs/A.log"], one["logs/a.log"], message = b"", b"", r"'logs/a\.log' is there twice"
    elif change == "a tensor that breaks scripts":
        signature = attrs.evolve(SIGNATURE, inputs=(attrs.evolve(SIGNATURE.inputs[0], name="x'"),))
        found, message = attrs.evolve(status(), signature=signature), 'has a tensor named "x\'"'
    else:
        name = "artifacts/onnx/model.onnx"
        one[name], message = onnx(initializer=tensor("w", {"location": "../x"})), f"'{name}' is refused"
        found = with_files(one)
    return one, found, message


@pytest.mark.parametrize(
    "change",
    [
        "a name that no package may have",
        "a file of no artifact",
        "names that differ in case",
        "a tensor that breaks scripts",
        "external data elsewhere",
    ],
)
def test_what_could_not_be_read_again_is_not_written(tmp_path: Path, target: Path, change: str) -> None:
    contents, found, message = refusals(change)
    members = {}
    for number, (name, data) in enumerate(contents.items()):
        members[name] = tmp_path / str(number)
        members[name].write_bytes(data)

    with pytest.raises(PackageFileError, match=message) as error:
        write_archive(target, found or status(), members)

    assert error.value.fix.startswith("rename or write again")
    assert [] == os.listdir(target.parent)


def test_too_many_files_are_not_begun(target: Path) -> None:
    with pytest.raises(PackageFileError, match="would have 10000 files; a package has at most 9999"):
        write_archive(target, status(), {f"logs/{number}.log": target for number in range(10_000)})


def test_results_beyond_the_limit_say_what_to_change(members: Mapping[str, Path], target: Path) -> None:
    many = attrs.evolve(status(), notices=("a",) * 1_000_100)

    with pytest.raises(PackageFileError, match=r"package.json has [0-9]+ values; at most 1000000 are read") as error:
        write_archive(target, many, members)

    assert "OptimizationProfile" in error.value.fix
    assert [] == os.listdir(target.parent)


def test_results_that_look_like_a_bomb_are_not_compressed(members: Mapping[str, Path], target: Path) -> None:
    write_archive(target, attrs.evolve(status(), notices=("a" * 1000,) * 5000), members)

    with open_archive(target) as archive:
        assert 5000 == len(archive.status.notices)


def test_a_member_that_has_changed_since_the_run_is_refused(members: Mapping[str, Path], target: Path) -> None:
    with pytest.raises(WorkspaceError, match=r"onnx\.py has changed since the run"):
        write_archive(target, status(), members, expected={SCRIPT: digest(SCRIPT, b"other")})

    assert [] == os.listdir(target.parent)


def test_a_member_that_is_gone_is_refused(members: Mapping[str, Path], target: Path) -> None:
    members[SCRIPT].unlink()

    with pytest.raises(WorkspaceError, match=r"onnx\.py cannot be read: No such file"):
        write_archive(target, status(), members)

    assert [] == os.listdir(target.parent)


@posix
def test_a_member_that_is_no_regular_file_is_refused(members: Mapping[str, Path], target: Path) -> None:
    members[SCRIPT].unlink()
    os.mkfifo(members[SCRIPT])

    with pytest.raises(WorkspaceError, match=r"onnx\.py cannot be read: it is no regular file"):
        write_archive(target, status(), members)


@posix
def test_a_link_is_packed_as_the_file_that_it_leads_to(
    members: Mapping[str, Path], target: Path, tmp_path: Path
) -> None:
    members[SCRIPT].rename(tmp_path / "blob")
    members[SCRIPT].symlink_to(tmp_path / "blob")

    write_archive(target, status(), members)

    with open_archive(target) as archive:
        archive.extract(tmp_path / "read")
    assert not (tmp_path / "read" / SCRIPT).is_symlink()
    assert CONTENTS[SCRIPT] == (tmp_path / "read" / SCRIPT).read_bytes()


@posix
def test_a_member_that_grows_while_it_is_read_is_refused(
    members: Mapping[str, Path], target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Smaller:
        st_size = 3

    monkeypatch.setattr(archive_write.os, "fstat", lambda _: Smaller())

    with pytest.raises(WorkspaceError, match="changed its size while it was read"):
        write_archive(target, status(), members)


def test_a_folder_that_is_not_there_is_an_error_that_says_so(members: Mapping[str, Path], tmp_path: Path) -> None:
    with pytest.raises(PackageFileError, match="cannot be written: No such file or directory"):
        write_archive(tmp_path / "gone" / "model.nav", status(), members)


@pytest.mark.parametrize("override", [False, True])
@pytest.mark.parametrize("step", ["write", "fsync", "interrupt"])
def test_a_failed_save_leaves_nothing_and_the_old_file(
    members: Mapping[str, Path], target: Path, monkeypatch: pytest.MonkeyPatch, step: str, override: bool
) -> None:
    if override:
        target.write_text("precious")

    def fail(*_: object) -> None:
        if step == "interrupt":
            raise KeyboardInterrupt
        raise OSError(28, "No space left on device")

    if step == "fsync":
        monkeypatch.setattr(archive_write.os, "fsync", fail)
    else:
        monkeypatch.setattr(archive_write, "_add_manifest", fail)
    with pytest.raises((PackageFileError, KeyboardInterrupt), match=r"No space left on device|^$"):
        write_archive(target, status(), members, override=override)

    assert (["model.nav"] if override else []) == os.listdir(target.parent)
    assert not override or target.read_text() == "precious"


@posix
def test_a_full_disk_leaves_nothing(members: Mapping[str, Path], target: Path) -> None:
    import resource
    import signal

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(PackageFileError, match="cannot be written: File too large"):
            write_archive(target, status(), members)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)

    assert [] == os.listdir(target.parent)


def test_the_list_is_made_from_what_was_read(members: Mapping[str, Path], target: Path) -> None:
    lying = attrs.evolve(status(), files=(FileHash("logs/other.log", "0" * 64, 1),))

    assert status().files == write_archive(target, lying, members).files
