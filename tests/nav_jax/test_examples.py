"""The examples of JAX run."""

from __future__ import annotations

from pathlib import Path

import pytest


def test_the_linear_example_finds_a_runner_that_agrees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "examples" / "jax")
    import linear

    # By three runners only, which is quicker than all that are installed.
    status = linear.main(str(tmp_path / "w"), runners=["JAXCPU", "JAXJitCPU", "JAXExportedCPU"], quiet=True)

    assert 0 == status
    assert "differs from the function by at most" in capsys.readouterr().out
