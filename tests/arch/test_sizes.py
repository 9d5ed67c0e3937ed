"""A file does one job, which fits in 350 lines."""

from __future__ import annotations

from pathlib import Path

LIMIT = 350


def test_a_source_file_is_short_enough_to_have_one_job(source: Path) -> None:
    assert len(source.read_text("utf-8").splitlines()) <= LIMIT
