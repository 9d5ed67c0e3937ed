"""Session: a chosen artifact on its runner, ready to infer."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from types import TracebackType

import attrs
import numpy as np

from navcore.contracts import Array, Infer, Model, Runner, Tensors
from navcore.domain import Choice, DeviceKind, Signature, TensorSpec
from navcore.engine.shapes import dtype_name
from navcore.errors import UsageError, nearest

__all__ = ["Session"]


@attrs.define(eq=False)
class Session:
    """What `Package.get_runner` returns. Use it in a `with` block, or call activate() and deactivate().

        with package.get_runner() as runner:
            outputs = runner.infer({"input__0": array})

    Attributes:
        choice: What was picked, and why.
        signature: Inputs and outputs.
    """

    choice: Choice
    signature: Signature
    _model: Model = attrs.field(repr=False)
    _runner: Runner
    _device: DeviceKind
    _infer: Infer | None = attrs.field(default=None, repr=False)
    _stack: contextlib.ExitStack = attrs.field(factory=contextlib.ExitStack, repr=False)

    @property
    def name(self) -> str:
        """Route and runner."""
        return f"{self.choice.trial.route} on {self.choice.trial.runner}"

    def activate(self) -> None:
        """Load the model; does nothing where it is loaded."""
        if self._infer is None:
            self._infer = self._stack.enter_context(self._runner.open(self._model, self._device))

    def deactivate(self) -> None:
        """Release everything; does nothing where nothing is loaded. A session can be activated again."""
        self._infer = None
        self._stack.close()

    def __enter__(self) -> Session:
        self.activate()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.deactivate()

    def infer(self, feeds: Tensors) -> Tensors:
        """Run the model once and return its outputs by name; they are the caller's.

        Args:
            feeds: One array per input, with the signature's dtypes and shapes.

        Raises:
            UsageError: The session is not active, or an input is missing, unknown, or of another dtype or shape.
        """
        if self._infer is None:
            raise UsageError(f"{self.name} is not active", "use it in a `with` block, or call activate() first")
        if not isinstance(feeds, Mapping):
            raise UsageError(
                f"the inputs are given as a {type(feeds).__name__}",
                f"give a dict by name: {{{', '.join(f'{name!r}: ...' for name in self.signature.input_names)}}}",
            )
        _check_names(feeds, self.signature)
        for spec in self.signature.inputs:
            _check_array(np.asarray(feeds[spec.name]), spec)
        return self._infer({name: np.asarray(feeds[name]) for name in self.signature.input_names})


def _check_names(feeds: Tensors, signature: Signature) -> None:
    missing = [name for name in signature.input_names if name not in feeds]
    unknown = [name for name in feeds if name not in signature.input_names]
    if missing or unknown:
        near = nearest(unknown[0], missing) if unknown else None
        hint = f"rename {unknown[0]!r} to {near!r}" if near else "give exactly one array per input"
        raise UsageError(
            f"the inputs are {', '.join(signature.input_names)}; missing: {', '.join(missing) or 'none'}; "
            f"unknown: {', '.join(map(str, unknown)) or 'none'}",
            hint,
        )


def _check_array(array: Array, spec: TensorSpec) -> None:
    if dtype_name(array) != spec.dtype:
        raise UsageError(f"input {spec} was given {dtype_name(array)}", f"cast it: {spec.name}.astype({spec.dtype!r})")
    fits = len(array.shape) == len(spec.shape) and all(
        isinstance(wanted, str) or wanted == got for wanted, got in zip(spec.shape, array.shape, strict=True)
    )
    if not fits:
        raise UsageError(f"input {spec} was given shape {list(array.shape)}", "give it the signature's shape")
