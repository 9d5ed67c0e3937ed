"""Exported programs are written as torch writes them, in less memory."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.export.pt2_archive import _package

from nav_torch.save_program import save_program

MEBI = 1024**2


@pytest.fixture
def program() -> torch.export.ExportedProgram:
    """A program with a tensor that is large enough to be written apart, and one that is not."""
    module = nn.Sequential(nn.Linear(1024, 1024), nn.Linear(1024, 2, bias=False)).eval()
    return torch.export.export(module, (torch.ones(2, 1024),))


def records(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        files = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    del files[".data/serialization_id"]  # a digest that has the name of the file in it
    return files


def test_the_file_holds_what_torch_writes(program: torch.export.ExportedProgram, tmp_path: Path) -> None:
    torch.export.save(program, tmp_path / "theirs.pt2")
    save_program(program, tmp_path / "ours.pt2")

    assert records(tmp_path / "theirs.pt2") == records(tmp_path / "ours.pt2")


def test_large_tensors_are_written_without_a_copy_in_the_writer_and_torch_is_left_as_it_was(
    program: torch.export.ExportedProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[int] = []

    def write_bytes(_writer: object, _name: str, data: bytes) -> None:
        copied.append(len(data))

    monkeypatch.setattr(_package.PT2ArchiveWriter, "write_bytes", write_bytes)
    save_program(program, tmp_path / "ours.pt2")

    assert 0 < max(copied) < MEBI
    assert write_bytes is _package.PT2ArchiveWriter.write_bytes
