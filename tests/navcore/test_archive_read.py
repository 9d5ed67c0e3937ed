"""Opening package files: where they lie, what they are unpacked into, and what is left when something fails."""

from __future__ import annotations

import os
import shutil
import stat
import struct
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from navcore.domain import PackageStatus
from navcore.errors import PackageFileError
from navcore.store import archive_read
from navcore.store.archive_read import open_archive

from ..hostile.packages import CONTENTS, Entry, manifest, packed, status, zipped  # noqa: TID252  # no package to name

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.nav"
    path.write_bytes(packed())
    return path


def extract(file: Path, folder: Path) -> PackageStatus:
    with open_archive(file) as archive:
        archive.extract(folder)
        return archive.status


def test_a_package_gives_the_status_that_was_written(file: Path) -> None:
    with open_archive(file) as archive:
        assert status() == archive.status


def test_everything_but_the_results_is_unpacked(file: Path, tmp_path: Path) -> None:
    extract(file, tmp_path / "new" / "folder")

    root = tmp_path / "new" / "folder"
    found = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert CONTENTS == found
    assert ["artifacts", "logs", "reproduce", "samples"] == sorted(os.listdir(root))


def test_it_is_unpacked_into_an_empty_folder_that_is_there(file: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    extract(file, tmp_path / "empty")

    assert (tmp_path / "empty" / "logs").is_dir()


@posix
def test_what_is_unpacked_has_the_permissions_of_new_files(file: Path, tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        extract(file, tmp_path / "new")
    finally:
        os.umask(mask)

    modes = {stat.filemode(path.stat().st_mode) for path in (tmp_path / "new").rglob("*")}
    assert {"drwxr-x---", "-rw-r-----"} == modes


def test_verifying_writes_nothing(file: Path, tmp_path: Path) -> None:
    with open_archive(file) as archive:
        archive.verify()

    assert ["model.nav"] == os.listdir(tmp_path)


@pytest.mark.parametrize("content", ["a file", "a hidden file", "a link"])
def test_a_folder_that_is_not_empty_is_refused_and_untouched(file: Path, tmp_path: Path, content: str) -> None:
    target = tmp_path / "target"
    target.mkdir()
    if content == "a link":
        (target / "logs").symlink_to(tmp_path / "gone")
    else:
        (target / {"a file": "thesis.txt", "a hidden file": ".thesis"}[content]).write_text("precious")
    before = os.listdir(target)

    with pytest.raises(PackageFileError, match="target is not empty; nothing was touched"):
        extract(file, target)

    assert before == os.listdir(target)


def test_a_target_that_is_a_file_is_refused(file: Path, tmp_path: Path) -> None:
    (tmp_path / "target").write_text("precious")

    with pytest.raises(PackageFileError, match="target is not empty; nothing was touched"):
        extract(file, tmp_path / "target")

    assert "precious" == (tmp_path / "target").read_text()


def test_a_target_below_a_file_is_refused(file: Path, tmp_path: Path) -> None:
    with pytest.raises(PackageFileError, match="cannot be read or unpacked: Not a directory"):
        extract(file, tmp_path / "model.nav" / "x")


@posix
def test_a_link_to_nowhere_is_no_new_folder(file: Path, tmp_path: Path) -> None:
    (tmp_path / "target").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(PackageFileError, match="target is not empty; nothing was touched"):
        extract(file, tmp_path / "target")

    assert not (tmp_path / "elsewhere").exists()


@posix
def test_nobody_else_can_enter_the_folder_in_which_members_are_checked(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def inspect(*_: object) -> None:
        seen.extend((path.name, stat.S_IMODE(path.stat().st_mode)) for path in (tmp_path / "target").iterdir())

    monkeypatch.setattr(archive_read, "inspect_contents", inspect)
    extract(file, tmp_path / "target")

    assert [0o700] == [mode for _, mode in seen]
    assert [] == [name for name in os.listdir(tmp_path / "target") if name.startswith(".")]


def test_a_file_that_appears_meanwhile_is_left_alone_and_nothing_else_stays(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        archive_read, "inspect_contents", lambda *_: (tmp_path / "target" / "reproduce").write_text("precious")
    )

    with pytest.raises(PackageFileError, match="reproduce appeared while the package was unpacked"):
        extract(file, tmp_path / "target")

    assert ["reproduce"] == os.listdir(tmp_path / "target")
    assert "precious" == (tmp_path / "target" / "reproduce").read_text()


@posix
def test_a_link_that_appears_meanwhile_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.nav").write_bytes(packed())
    (tmp_path / "thesis.txt").write_text("precious")
    write, links = archive_read._write_all, []

    def write_and_link(out: object, piece: bytes) -> None:
        (staging,) = (tmp_path / "target").iterdir()
        if not links:
            links.append(staging / "samples" / "outputs" / "0-0.npy")
            links[0].parent.mkdir(parents=True)
            links[0].symlink_to(tmp_path / "thesis.txt")
        write(out, piece)

    monkeypatch.setattr(archive_read, "_write_all", write_and_link)
    with pytest.raises(PackageFileError, match="cannot be read or unpacked: File exists"):
        extract(tmp_path / "model.nav", tmp_path / "target")

    assert "precious" == (tmp_path / "thesis.txt").read_text()
    assert not (tmp_path / "target").exists()


@posix
def test_a_package_that_is_swapped_after_it_was_opened_changes_nothing(file: Path, tmp_path: Path) -> None:
    with open_archive(file) as archive:
        (tmp_path / "other.nav").write_bytes(b"other")
        (tmp_path / "other.nav").replace(file)
        archive.extract(tmp_path / "target")

    assert CONTENTS["reproduce/onnx.py"] == (tmp_path / "target" / "reproduce" / "onnx.py").read_bytes()


@pytest.mark.parametrize("place", ["artifacts/onnx/model.onnx.data", "samples/inputs/0-0.npy"])
def test_a_package_that_is_written_to_after_it_was_opened_is_refused(file: Path, tmp_path: Path, place: str) -> None:
    with open_archive(file) as archive:
        member = archive._members[place]
        with file.open("r+b") as writer:
            writer.seek(member.offset + member.size_bytes - 1)
            writer.write(b"\xee")
        with pytest.raises(PackageFileError, match=f"'{place}' is not what package.json says"):
            archive.extract(tmp_path / "target")

    assert not (tmp_path / "target").exists()


def test_a_package_that_becomes_shorter_after_it_was_opened_is_refused(file: Path, tmp_path: Path) -> None:
    with open_archive(file) as archive:
        os.truncate(file, 100)
        with pytest.raises(PackageFileError, match=r"is cut off|is not what package.json says"):
            archive.verify()


def test_more_than_what_is_free_is_not_begun(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")  # as shutil has it
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 10, 99))

    with pytest.raises(PackageFileError, match=r"holds [0-9]+ bytes, and 99 are free at .*target"):
        extract(file, tmp_path / "target")

    assert ["model.nav"] == os.listdir(tmp_path)


def test_a_file_that_is_not_there_is_an_error_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(PackageFileError, match=r"there is no file .*gone\.nav"), open_archive(tmp_path / "gone.nav"):
        pass


def test_a_folder_is_no_package(tmp_path: Path) -> None:
    with pytest.raises(PackageFileError, match=r"is no file|cannot be read"), open_archive(tmp_path):
        pass


@posix
def test_a_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.nav")

    with pytest.raises(PackageFileError, match="is no file"), open_archive(tmp_path / "pipe.nav"):
        pass


def test_errors_of_whoever_uses_the_archive_stay_what_they_are(file: Path) -> None:
    with pytest.raises(FileNotFoundError, match="mine"), open_archive(file):
        raise FileNotFoundError("mine")


def test_an_honest_zip64_directory_is_read(tmp_path: Path) -> None:
    data = packed()
    count, size, start = (*struct.unpack("<H", data[-12:-10]), *struct.unpack("<2L", data[-10:-2]))
    place = len(data) - 22
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, start)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    (tmp_path / "model.nav").write_bytes(
        data[:place] + record + struct.pack("<4sLQL", b"PK\x06\x07", 0, place, 1) + end
    )

    assert status() == extract(tmp_path / "model.nav", tmp_path / "target")


def test_honest_zip64_sizes_are_read(tmp_path: Path) -> None:
    full = 0xFFFFFFFF
    contents = sorted(CONTENTS.items())
    wide = {
        "size": full,
        "stored": full,
        "extra": struct.pack("<2H2Q", 1, 16, len(contents[0][1]), len(contents[0][1])),
    }
    entries = [Entry(name=contents[0][0], data=contents[0][1], central=wide, local=wide)]
    entries += [Entry(name=name, data=data) for name, data in contents[1:]]
    (tmp_path / "model.nav").write_bytes(zipped([*entries, Entry(name="package.json", data=manifest(status()))]))

    assert status() == extract(tmp_path / "model.nav", tmp_path / "target")


def test_a_package_without_samples_and_left_out_artifacts_is_whole(tmp_path: Path) -> None:
    kept = {name: data for name, data in CONTENTS.items() if "samples" not in name and "torchscript" not in name}
    (tmp_path / "model.nav").write_bytes(packed(kept))

    found = extract(tmp_path / "model.nav", tmp_path / "target")

    assert len(kept) == len(found.files)
