"""The conformance suite for runners; import it from `navcore.testing.suites`."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from navcore.contracts import Model, Tensors
from navcore.domain import DeviceKind
from navcore.testing.checks import assert_close, assert_fits, rows
from navcore.testing.tool_suite import ToolSuite

__all__ = ["RunnerSuite"]


class RunnerSuite(ToolSuite):
    """The contract of a runner; needs the fixtures `tool`, `model` and `expected`.

    Attributes:
        atol, rtol: How close outputs must be.
    """

    atol = 1e-5
    rtol = 1e-4

    @pytest.fixture
    def device(self, tool: Any) -> DeviceKind:
        """Return the device to run on."""
        first: DeviceKind = tool.devices[0]
        return first

    def test_accepts_the_format(self, tool: Any, model: Model) -> None:
        assert tool.accepts == model.format, f"{tool.name} accepts {tool.accepts}, the model is {model.format}"

    def test_outputs_are_right_for_every_example(self, usable: Any, model: Model, expected: Any, device: Any) -> None:
        with usable.open(model, device) as infer:
            for feeds, right in zip(model.examples, expected, strict=True):
                assert_close(infer(feeds), right, self.atol, self.rtol)

    def test_outputs_fit_the_signature(self, usable: Any, model: Model, device: Any) -> None:
        with usable.open(model, device) as infer:
            for feeds in model.examples:
                assert_fits(infer(feeds), feeds, model.signature)

    def test_outputs_belong_to_the_caller(self, usable: Any, model: Model, device: Any) -> None:
        feeds = model.examples[0]
        with usable.open(model, device) as infer:
            first = infer(feeds)
            kept = {name: array.copy() for name, array in first.items()}
            infer({name: np.zeros_like(array) for name, array in feeds.items()})
            for name, array in first.items():
                assert np.array_equal(kept[name], array, equal_nan=True), f"a second call changed {name!r}; copy it"
                if array.flags.writeable:
                    array[...] = 0
            assert_close(infer(feeds), kept, self.atol, self.rtol)

    def test_inputs_are_left_as_they_were(self, usable: Any, model: Model, device: Any) -> None:
        feeds = {name: array.copy() for name, array in model.examples[0].items()}
        with usable.open(model, device) as infer:
            infer(feeds)

        assert_close(feeds, model.examples[0], 0.0, 0.0)

    def test_takes_inputs_that_are_not_contiguous(self, usable: Any, model: Model, expected: Any, device: Any) -> None:
        feeds = {name: np.asfortranarray(array) for name, array in model.examples[0].items()}
        with usable.open(model, device) as infer:
            assert_close(infer(feeds), expected[0], self.atol, self.rtol)

    def test_takes_other_batch_sizes(self, usable: Any, model: Model, expected: Any, device: Any) -> None:
        if model.signature.batch is None:
            pytest.skip("the model has no batch axis")
        with usable.open(model, device) as infer:
            for size in (1, 3, 5):
                feeds = rows(model.examples[0], model.signature.inputs, model.signature.batch, size)
                right = rows(expected[0], model.signature.outputs, model.signature.batch, size)
                outputs = infer(feeds)
                assert_fits(outputs, feeds, model.signature)
                assert_close(outputs, right, self.atol, self.rtol)

    def test_opens_again_and_twice_at_once(self, usable: Any, model: Model, expected: Any, device: Any) -> None:
        with usable.open(model, device) as infer:
            infer(model.examples[0])
        with usable.open(model, device) as one, usable.open(model, device) as two:
            for infer in (one, two):
                assert_close(infer(model.examples[0]), expected[0], self.atol, self.rtol)

    def test_runs_in_another_thread(self, usable: Any, model: Model, expected: Any, device: Any) -> None:
        outputs: list[Tensors] = []
        with usable.open(model, device) as infer:
            thread = threading.Thread(target=lambda: outputs.append(infer(model.examples[0])), name="another-thread")
            thread.start()
            thread.join()

        assert len(outputs) == 1, "the call raised in a thread of another name than the one that opened the model"
        assert_close(outputs[0], expected[0], self.atol, self.rtol)

    def test_a_missing_input_is_an_error(self, usable: Any, model: Model, device: Any) -> None:
        if not model.signature.inputs:
            pytest.skip("the model has no inputs")
        feeds = dict(model.examples[0])
        del feeds[model.signature.inputs[0].name]
        # Whatever the framework raises will do, as long as it raises.
        with usable.open(model, device) as infer, pytest.raises(Exception):  # noqa: B017, PT011
            infer(feeds)
