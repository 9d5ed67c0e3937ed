"""The conformance suites for exporters and converters; import them from `navcore.testing.suites`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from navcore.contracts import Model, Runner
from navcore.testing.checks import assert_close, assert_fits, snapshot_files
from navcore.testing.tool_suite import ToolSuite

__all__ = ["ConverterSuite", "ExporterSuite"]


class _EdgeSuite(ToolSuite):
    """The contract of an edge; needs the fixtures `tool`, `model` and `expected`, and better `runner` too.

    Attributes:
        atol, rtol: How close outputs of the artifact must be.
    """

    atol = 1e-5
    rtol = 1e-4

    @pytest.fixture
    def runner(self) -> Runner | None:
        """Return a runner for the target format, to run what was written; None: it is not run."""
        return None

    @pytest.fixture
    def out(self, tool: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Return the path to write to, in an empty folder, with an empty working directory beside it."""
        for folder in ("artifact", "elsewhere"):
            (tmp_path / "suite" / folder).mkdir(parents=True)
        monkeypatch.chdir(tmp_path / "suite" / "elsewhere")
        return tmp_path / "suite" / "artifact" / f"model{tool.target.suffix}"

    def state(self, model: Model) -> object:
        """Return what must be the same before and after `write`; override it to look into a live object."""
        return snapshot_files(model.path) if model.path else None

    def test_starts_from_the_format(self, tool: Any, model: Model) -> None:
        assert tool.source == model.format, f"{tool.name} starts from {tool.source}, the model is {model.format}"

    def test_writes_the_main_file_and_returns_the_signature(self, usable: Any, model: Model, out: Path) -> None:
        signature = usable.write(model, out)

        assert out.exists(), f"{out.name} was not written; there is: {sorted(snapshot_files(out.parent))}"
        assert snapshot_files(out), "nothing was written"
        names = [(side.input_names, side.output_names) for side in (model.signature, signature)]
        assert names[0] == names[1], f"expected the inputs and outputs {names[0]}, got {names[1]}"

    def test_keeps_the_batch_axis(self, usable: Any, model: Model, out: Path) -> None:
        assert model.signature.batch == usable.write(model, out).batch, "the batch size was fixed"

    def test_writes_nowhere_else(self, usable: Any, model: Model, out: Path) -> None:
        usable.write(model, out)

        assert snapshot_files(Path.cwd()) == {}, "files were written into the working directory"

    def test_leaves_the_source_as_it_was(self, usable: Any, model: Model, out: Path) -> None:
        feeds = [{name: array.copy() for name, array in example.items()} for example in model.examples]
        before, random_state = self.state(model), str(np.random.get_state())
        usable.write(model, out)

        assert before == self.state(model), "the source was changed"
        assert random_state == str(np.random.get_state()), "numpy's random state was changed"
        for kept, example in zip(feeds, model.examples, strict=True):
            assert_close(example, kept, 0.0, 0.0)

    def test_what_was_written_computes_the_same(
        self, usable: Any, model: Model, out: Path, runner: Any, expected: Any
    ) -> None:
        if runner is None:
            pytest.skip("the suite has no fixture `runner`")
        if reason := runner.unavailable():
            pytest.skip(f"{runner.name}: {reason}")
        signature = usable.write(model, out)
        artifact = Model(format=usable.target, signature=signature, path=out, examples=model.examples)
        with runner.open(artifact, runner.devices[0]) as infer:
            for feeds, right in zip(model.examples, expected, strict=True):
                outputs = infer(feeds)
                assert_fits(outputs, feeds, signature)
                assert_close(outputs, right, self.atol, self.rtol)


class ConverterSuite(_EdgeSuite):
    """The contract of a converter: see the module `navcore.testing.suites` for the fixtures."""

    def test_a_second_model_can_be_written_elsewhere(self, usable: Any, model: Model, out: Path) -> None:
        other = out.parent.parent / "second" / out.name
        other.parent.mkdir()
        usable.write(model, out)
        usable.write(model, other)

        assert set(snapshot_files(out)) == set(snapshot_files(other)), "a second model has other files than the first"


class ExporterSuite(_EdgeSuite):
    """The contract of an exporter: see the module `navcore.testing.suites` for the fixtures."""
