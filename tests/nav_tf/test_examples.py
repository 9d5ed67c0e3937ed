"""The quickest of the examples runs, as it is."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples/tensorflow"


def test_the_linear_example_finds_something_that_computes_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runpy.run_path(str(EXAMPLES / "linear.py"))["main"](str(tmp_path / "w"))
    said, _, difference = capsys.readouterr().out.splitlines()[-1].rpartition(" ")

    assert "largest difference:" == said
    assert float(difference) < 1e-5
