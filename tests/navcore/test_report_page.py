"""How pages are printed: whole lines where there is no terminal, and on every encoding."""

from __future__ import annotations

import io

import pytest
from rich.console import RenderableType
from rich.table import Table

from navcore.report.page import print_page

NAMES = ("torch-exportedprogram/openvino-ir", "TorchExportedProgramCPU, TorchScriptCPU, TorchCompileCPU, OpenVINOCPU")


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def no_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


def table(_width: int) -> RenderableType:
    found = Table("★ route", "tried on")
    found.add_row(*NAMES)
    return found


def printed(encoding: str) -> str:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    print_page(table, stream)
    stream.seek(0)
    return stream.read()


def test_where_there_is_no_terminal_a_row_is_one_line() -> None:
    stream = io.StringIO()
    print_page(table, stream)

    assert 1 == sum(all(name in line for name in NAMES) for line in stream.getvalue().splitlines())


def test_lines_are_as_wide_as_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    print_page(table, stream)

    assert max(map(len, stream.getvalue().splitlines())) <= 80


def test_the_environment_may_say_how_wide_lines_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    stream = io.StringIO()
    print_page(table, stream)

    assert max(map(len, stream.getvalue().splitlines())) <= 60


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_an_encoding_that_lacks_a_character_gets_the_nearest(encoding: str) -> None:
    text = printed(encoding)

    assert "* route" in text
    assert NAMES[0] in text


def test_unicode_is_kept_where_it_can_be_written() -> None:
    assert "★ route" in printed("utf-8")
