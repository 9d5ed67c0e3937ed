"""Session: a chosen artifact on its runner, ready to infer."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

import attrs
import numpy as np

from navcore.contracts import Array, Infer, Model, Runner, Tensors
from navcore.domain import Choice, DeviceKind, Signature, TensorSpec
from navcore.engine.shapes import dtype_name
from navcore.errors import UsageError, nearest

__all__ = ["Session"]

_REMEMBERED = 1024
"""Dtypes and shapes of tensors that were found to be good."""


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
    _guard: _Guard = attrs.field(
        init=False, repr=False, default=attrs.Factory(lambda self: _Guard(self.signature), takes_self=True)
    )
    _names: tuple[str, ...] = attrs.field(
        init=False, repr=False, default=attrs.Factory(lambda self: self.signature.input_names, takes_self=True)
    )
    _usual: set[tuple[Any, ...]] = attrs.field(init=False, repr=False, factory=set)
    _keep: object = attrs.field(default=None, repr=False)  # the private folder that the model lies in, if it does

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
            raise self._not_active()
        return self._infer(feeds if self._guard.lets_pass(feeds) else self._checked(feeds))

    def bind(self, feeds: Tensors) -> Callable[[], Tensors]:
        """Return a step that runs the model on these very arrays, again and again, without looking at them.

        For new inputs, write into the arrays.

        Args:
            feeds: As for `infer`; contiguous. They are held as long as the step is.

        Raises:
            UsageError: As for `infer`; or an array is not in this machine's byte order, so it would have to be copied.
        """
        if self._infer is None:
            raise self._not_active()
        _check_byte_order(feeds)
        infer, checked = self._infer, self._checked(feeds)
        bind: Callable[[Tensors], Callable[[], Tensors]] | None = getattr(infer, "bind", None)
        return (lambda: infer(checked)) if bind is None else bind(checked)

    def native(self, feeds: Mapping[str, Any]) -> Mapping[str, Any]:
        """Run the model once on tensors of the runtime's own framework, and return such, by name.

        For what stays in one framework: nothing becomes an array, and nothing is copied. It is as when the framework
        itself calls the model, without gradients: a model that writes to its inputs writes to these, outputs may share
        memory with them or with the model, and what runs on a GPU may not have finished.

        Args:
            feeds: One tensor per input, on the device of the session, with the signature's dtypes and shapes.

        Raises:
            UsageError: As for `infer`; the tensors are another framework's; or the runtime has none but arrays.
        """
        if self._infer is None:
            raise self._not_active()
        native: Callable[..., Mapping[str, Any]] | None = getattr(self._infer, "native", None)
        if native is None:
            raise UsageError(f"{self.name} has no tensors of its own", "use infer(), which takes and gives arrays")
        try:
            tensors = [feeds[name] for name in self._names] if type(feeds) is dict else []
            kinds = tuple([(each.dtype, each.shape) for each in tensors])
            usual = len(feeds) == len(tensors) and kinds in self._usual
        except (KeyError, TypeError, AttributeError):
            usual = False
        if not usual:
            tensors, kinds = self._checked_tensors(feeds)
            if len(self._usual) < _REMEMBERED:  # looking takes longer than many a model
                self._usual.add(kinds)
        return native(*tensors)

    def _not_active(self) -> UsageError:
        return UsageError(f"{self.name} is not active", "use it in a `with` block, or call activate() first")

    def _checked(self, feeds: Tensors) -> Tensors:
        _check_names(feeds, self.signature)
        for spec in self.signature.inputs:
            array = np.asarray(feeds[spec.name])
            _check_fits(spec, dtype_name(array), array.shape, f"cast it: {spec.name}.astype({spec.dtype!r})")
        self._check_sizes({name: np.shape(feeds[name]) for name in self.signature.input_names})
        return {name: _native(np.asarray(feeds[name])) for name in self.signature.input_names}

    def _checked_tensors(self, feeds: Mapping[str, Any]) -> tuple[list[Any], tuple[Any, ...]]:
        """Return the tensors in the order of the inputs, and of which dtypes and shapes they are."""
        _check_names(feeds, self.signature)
        tensors = [feeds[name] for name in self._names]
        shapes = {}
        for spec, tensor in zip(self.signature.inputs, tensors, strict=True):
            if not hasattr(tensor, "shape") or not hasattr(tensor, "dtype"):
                raise UsageError(f"input {spec} was given a {type(tensor).__name__}", "give a tensor")
            shapes[spec.name] = tuple(tensor.shape)
            _check_fits(spec, _tensor_dtype(tensor), shapes[spec.name], f"cast it to {spec.dtype}")
        self._check_sizes(shapes)
        return tensors, tuple([(each.dtype, each.shape) for each in tensors])

    def _check_sizes(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        if beyond := self.signature.beyond(shapes):
            raise UsageError(
                f"{self.name} was given inputs outside of its envelope: {beyond}",
                "give it such sizes, or take another runtime: package.get_runner(strategy=...) or "
                "nav.SelectedRuntimeStrategy",
            )


class _Guard:
    """Looks at inputs in well under a microsecond each; what it does not let pass is looked at slowly, with words."""

    def __init__(self, signature: Signature) -> None:
        self._wanted = [(spec.name, _dtype(spec.dtype), len(spec.shape), _sizes(spec)) for spec in signature.inputs]
        self._ranges = _ranges(signature)

    def lets_pass(self, feeds: Tensors) -> bool:
        """Return whether every array is certainly what the signature says."""
        if type(feeds) is not dict or len(feeds) != len(self._wanted):
            return False
        for name, dtype, axes, sizes in self._wanted:
            array = feeds.get(name)
            if type(array) is not np.ndarray or array.dtype != dtype or array.ndim != axes:
                return False
            shape = array.shape
            for axis, size in sizes:
                if shape[axis] != size:
                    return False
        return not self._ranges or self._inside(feeds)

    def _inside(self, feeds: Tensors) -> bool:
        return all(smallest <= feeds[name].shape[axis] <= largest for name, axis, smallest, largest in self._ranges)


def _dtype(name: str) -> np.dtype[Any] | None:
    """Return NumPy's dtype of that name; None, which no array has, where it knows none by it."""
    try:
        return np.dtype(name)
    except TypeError:
        return None


def _sizes(spec: TensorSpec) -> tuple[tuple[int, int], ...]:
    return tuple((axis, size) for axis, size in enumerate(spec.shape) if isinstance(size, int))


def _ranges(signature: Signature) -> list[tuple[str, int, int, float]]:
    """Return input, axis and bounds of every axis whose size has a range."""
    ranges = {each.dimension: each for each in signature.ranges}
    return [
        (spec.name, axis, ranges[name].smallest, math.inf if (most := ranges[name].largest) is None else most)
        for spec in signature.inputs
        for axis, name in enumerate(spec.shape)
        if isinstance(name, str) and name in ranges
    ]


def _native(array: Array) -> Array:
    """Return the array in this machine's byte order, which signatures and runtimes take for granted."""
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _check_byte_order(feeds: Tensors) -> None:
    for name, array in feeds.items() if isinstance(feeds, Mapping) else ():
        if not np.asarray(array).dtype.isnative:
            raise UsageError(
                f"input {name!r} has bytes in the other order, {array.dtype.str}", "bind what array.astype('=') gives"
            )


def _check_names(feeds: Mapping[str, Any], signature: Signature) -> None:
    if not isinstance(feeds, Mapping):
        raise UsageError(
            f"the inputs are given as a {type(feeds).__name__}",
            f"give a dict by name: {{{', '.join(f'{name!r}: ...' for name in signature.input_names)}}}",
        )
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


def _check_fits(spec: TensorSpec, dtype: str, shape: Sequence[int], cast: str) -> None:
    if dtype != spec.dtype:
        raise UsageError(f"input {spec} was given {dtype}", cast)
    fits = len(shape) == len(spec.shape) and all(
        isinstance(wanted, str) or wanted == got for wanted, got in zip(spec.shape, shape, strict=True)
    )
    if not fits:
        raise UsageError(f"input {spec} was given shape {list(shape)}", "give it the signature's shape")


def _tensor_dtype(tensor: Any) -> str:
    """Return the dtype's name without that of its framework: `float32`."""
    return getattr(tensor.dtype, "name", None) or str(tensor.dtype).rpartition(".")[2]
