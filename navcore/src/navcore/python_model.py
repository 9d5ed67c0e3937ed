"""The format `python`: any callable, profiled as it is."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import attrs
import numpy as np

from navcore.contracts import Description, Infer, Model, Names, Runner, Tensors
from navcore.domain import DeviceKind
from navcore.errors import DataloaderError
from navcore.formats import Format
from navcore.hookspecs import hookimpl

__all__ = ["PythonCall", "PythonRunner"]

_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, functools.partial, np.ufunc)


@attrs.frozen
class PythonCall:
    """How flattened inputs go back into the call: the first `positional` in order, the others by keyword."""

    positional: int
    inputs: tuple[str, ...]
    keywords: tuple[str, ...]
    outputs: tuple[str, ...]

    def bind(self, function: Callable[..., Any]) -> Infer:
        """Return the function as one that maps named arrays to named arrays."""

        def infer(feeds: Tensors) -> Tensors:
            values = [_value(feeds[name]) for name in self.inputs]
            keywords = dict(zip(self.keywords, values[self.positional :], strict=True))
            return _outputs(function(*values[: self.positional], **keywords), self.outputs)

        return infer


@attrs.frozen(kw_only=True)
class PythonRunner(Runner):
    """Calls the function."""

    name: str = "Python"
    accepts: Format = Format.PYTHON
    devices: tuple[DeviceKind, ...] = tuple(DeviceKind)
    plain: bool = True

    @contextmanager
    def open(self, model: Model, device: DeviceKind) -> Iterator[Infer]:
        yield model.call.bind(model.object)


@hookimpl
def nav_recognise(model: Any) -> Format | None:
    return Format.PYTHON if isinstance(model, _FUNCTIONS) else None


@hookimpl
def nav_describe(model: Any, sample: Any, names: Names) -> Description:
    arguments, keywords = _split(sample)
    automatic = (*(f"input__{index}" for index in range(len(arguments))), *keywords)
    inputs = names.inputs or automatic
    if len(inputs) != len(automatic):
        raise DataloaderError(
            f"input_names has {len(inputs)} names for {len(automatic)} inputs", "give one name per input, in order"
        )
    if len(set(inputs)) != len(inputs):
        raise DataloaderError(f"input_names={inputs!r} has a name twice", "give every input a name of its own")
    arrays = [_array(value, name) for name, value in zip(inputs, (*arguments, *keywords.values()), strict=True)]
    call = PythonCall(len(arguments), inputs, tuple(keywords), names.outputs)
    return Description(inputs=dict(zip(inputs, arrays, strict=True)), infer=call.bind(model), call=call)


@hookimpl
def nav_runners() -> Iterable[Runner]:
    return (PythonRunner(),)


def _split(sample: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if isinstance(sample, Mapping):
        return (), dict(sample)
    if not isinstance(sample, tuple | list):
        return (sample,), {}
    if sample and isinstance(sample[-1], Mapping):
        return tuple(sample[:-1]), dict(sample[-1])
    return tuple(sample), {}


def _outputs(result: Any, names: tuple[str, ...]) -> Tensors:
    if result is None:
        return {}
    if isinstance(result, Mapping):
        pairs = list(result.items())
    elif isinstance(result, tuple | list):
        pairs = [(f"output__{index}", value) for index, value in enumerate(result)]
    else:
        pairs = [("output__0", result)]
    chosen = names or tuple(str(name) for name, _ in pairs)
    if len(chosen) != len(pairs):
        raise DataloaderError(
            f"output_names has {len(chosen)} names for {len(pairs)} outputs", "give one name per output, in order"
        )
    return {name: _array(value, name) for name, (_, value) in zip(chosen, pairs, strict=True)}


def _value(array: np.ndarray[Any, Any]) -> Any:
    return array.item() if array.ndim == 0 else np.array(array)  # the function may write to its arguments


def _array(value: Any, name: str) -> np.ndarray[Any, Any]:
    array = np.array(value) if not hasattr(value, "detach") else np.array(value.detach().cpu())
    if array.dtype == object:
        raise DataloaderError(
            f"{name!r} is a {type(value).__name__}, which is no array",
            "take and return arrays, numbers, strings, or tuples and dicts of them",
        )
    return array
