"""What tools find in place of `sys.stdout` while a step runs."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from navcore.engine.capture import captured


def test_the_stream_has_the_attributes_of_the_real_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "real").open("w", encoding="latin-1", errors="replace") as real:
        monkeypatch.setattr(sys, "stdout", real)
        with captured(tmp_path / "log"):
            found = (sys.stdout.encoding.lower(), sys.stdout.errors, sys.stdout.name, sys.stdout.fileno())

        assert (real.encoding, "replace", real.name, real.fileno()) == found


def test_a_real_stream_without_an_encoding_gives_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    with captured(tmp_path / "log"):
        assert "utf-8" == sys.stdout.encoding
        with pytest.raises(io.UnsupportedOperation):
            sys.stdout.fileno()


def test_what_is_printed_goes_into_the_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with captured(tmp_path / "logs" / "step.log"):
        print("inside")

    assert "inside\n" == (tmp_path / "logs" / "step.log").read_text("utf-8")
    assert ("", "") == tuple(capsys.readouterr())
