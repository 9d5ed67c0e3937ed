"""Digests what values are made of: tensors, modules, containers and objects; their code is in `code.py`."""

from __future__ import annotations

import enum
import functools
import hashlib
import logging
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from nav_torch.code import CodeContents
from nav_torch.opaque import OpaqueError

__all__ = ["Contents", "OpaqueError"]

_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis))
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_HEAP_TYPE, _IMMUTABLE_TYPE = 1 << 9, 1 << 8  # Py_TPFLAGS_HEAPTYPE, Py_TPFLAGS_IMMUTABLETYPE
_GLOBAL_HOOKS = tuple(f"_global{name}" for name in _HOOKS)


class Contents:
    """A digest that values are added to; raises OpaqueError for what cannot be looked into.

    Containers count by content. What has an identity (tensors, modules, objects, functions, classes) is digested
    once and then referred to by its number, so that sharing is seen and cycles end.
    """

    def __init__(self, torch: Any) -> None:
        self._torch = torch
        self._digest = hashlib.sha256()
        self._seen: dict[int, int] = {}
        self._alive: list[Any] = []  # an id may be used again once its object is gone
        self._code = CodeContents(self)
        self._own_attributes = frozenset(vars(torch.nn.Module()))

    def hexdigest(self) -> str:
        """Return the digest of everything added."""
        return self._digest.hexdigest()

    def add(self, text: str) -> None:
        """Add a text, with its length, so that neighbours cannot be mixed up."""
        data = text.encode("utf-8", "surrogatepass")
        self._digest.update(b"%d:" % len(data))
        self._digest.update(data)

    def first_time(self, value: Any) -> bool:
        """Return whether the object is met for the first time; otherwise add its number."""
        number = self._seen.setdefault(id(value), len(self._seen))
        if number != len(self._alive):
            self.add(f"seen {number}")
            return False
        self._alive.append(value)
        return True

    def add_value(self, value: Any) -> None:
        """Add anything."""
        if isinstance(value, enum.Enum):
            self.add(f"{type(value).__module__}.{value!r}")
        elif type(value) in _PLAIN:
            self.add(f"{type(value).__name__} {value!r}")
        else:
            self._writer(value)(value)

    def _writer(self, value: Any) -> Callable[[Any], None]:
        torch = self._torch
        writers: tuple[tuple[Any, Callable[[Any], None]], ...] = (
            (torch.Tensor, self._add_tensor),
            (torch.nn.Module, self._add_module),
            ((np.ndarray, np.generic), self._add_array),
            ((torch.dtype, torch.device, torch.layout, torch.memory_format), self._add_text),
            (logging.Logger, lambda logger: self.add(f"logger {logger.name}")),
            ((tuple, list), self._add_sequence),
            ((set, frozenset), self._add_set),
            ((dict, types.MappingProxyType), self._add_mapping),
            (functools.partial, lambda part: self._add_sequence((part.func, part.args, part.keywords))),
            (types.MethodType, lambda method: self._add_sequence((method.__func__, method.__self__))),
            (functools._lru_cache_wrapper, lambda function: self.add_value(function.__wrapped__)),
            ((types.FunctionType, types.BuiltinFunctionType, type, types.ModuleType), self._code.add),
        )
        return next((writer for kinds, writer in writers if isinstance(value, kinds)), self._add_object)

    def _add_text(self, value: Any) -> None:
        text = repr(value)
        if " at 0x" in text or "..." in text:
            raise OpaqueError(f"{type(value).__module__}.{type(value).__qualname__} does not show what it holds")
        self.add(f"{type(value).__module__}.{type(value).__qualname__} {text}")

    def _add_array(self, array: Any) -> None:
        array = np.asarray(array)
        self.add(f"array {array.dtype} {array.shape}")
        if array.dtype.hasobject:
            self._add_sequence(array.reshape(-1).tolist())
        else:
            self._digest.update(array.tobytes())

    def _add_tensor(self, tensor: Any) -> None:
        if not self.first_time(tensor):
            return
        torch = self._torch
        if type(tensor) not in (torch.Tensor, torch.nn.Parameter, getattr(torch.nn, "Buffer", torch.Tensor)):
            raise OpaqueError(f"a tensor is a {type(tensor).__qualname__}")
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.device.type == "meta":
            raise OpaqueError(f"a tensor is {tensor.layout} on {tensor.device}")
        self.add(f"tensor {tensor.dtype} {tuple(tensor.shape)} {tensor.stride()} {tensor.device.type}")
        dense = tensor.detach().resolve_conj().resolve_neg().cpu().contiguous()
        self._digest.update(memoryview(dense.reshape(-1).view(torch.uint8).numpy()))

    def _add_module(self, module: Any) -> None:
        if not self.first_time(module):
            return
        torch = self._torch
        hooks = [name for name in _HOOKS if getattr(module, name, None)]
        hooks += [name for name in _GLOBAL_HOOKS if getattr(torch.nn.modules.module, name, None)]
        if hooks or isinstance(module, torch.jit.ScriptModule):
            raise OpaqueError(f"{type(module).__qualname__} has {hooks[0]}" if hooks else "it is TorchScript")
        self._code.add(type(module))
        attributes = vars(module)
        for kind in ("_parameters", "_buffers"):
            self._add_mapping(attributes[kind])
        self._add_named(attributes, without=self._own_attributes)
        self._add_mapping(attributes["_modules"])

    def _add_named(self, attributes: Mapping[str, Any], without: Iterable[str] = ()) -> None:
        names = sorted(set(attributes) - set(without))
        self.add(f"attributes {len(names)}")
        for name in names:
            self.add(name)
            self.add_value(attributes[name])

    def _add_sequence(self, values: Any) -> None:
        self._add_kind(values)
        for value in values:
            self.add_value(value)

    def _add_set(self, values: Any) -> None:
        self._add_kind(values)
        texts = sorted(map(repr, values))
        if not all(isinstance(value, (*_PLAIN, tuple)) for value in values) or " at 0x" in "".join(texts):
            raise OpaqueError("a set holds more than numbers and texts")
        for text in texts:
            self.add(text)

    def _add_mapping(self, values: Any) -> None:
        self._add_kind(values)
        for key, value in values.items():
            self.add_value(key)
            self.add_value(value)

    def _add_kind(self, values: Any) -> None:
        """Add type and size of a container, and what a subclass adds to it."""
        self.add(f"{type(values).__module__}.{type(values).__qualname__} {len(values)}")
        if not _is_standard(type(values)):
            self._code.add(type(values))
        if getattr(values, "__dict__", None):
            self._add_named(vars(values))

    def _add_object(self, value: Any) -> None:
        """Add an object by its attributes, or by its text where it is the standard library's or has none."""
        kind = type(value)
        slots = [name for each in kind.__mro__ for name in _slots(each)]
        if _is_standard(kind) or not (slots or hasattr(value, "__dict__")):
            self._add_text(value)
            return
        if hidden := [base for base in kind.__mro__ if base is not object and _is_compiled(base)]:
            raise OpaqueError(f"{kind.__module__}.{kind.__qualname__} extends {hidden[0].__qualname__}")
        if self.first_time(value):
            self._code.add(kind)
            held = {name: getattr(value, name) for name in slots if hasattr(value, name)}
            self._add_named(held | dict(getattr(value, "__dict__", {})))


def _is_standard(kind: type) -> bool:
    return kind.__module__.partition(".")[0] in sys.stdlib_module_names


def _is_compiled(kind: type) -> bool:
    """Return whether a type is made by C code, so that its objects hold what is no attribute."""
    return not kind.__flags__ & _HEAP_TYPE or bool(kind.__flags__ & _IMMUTABLE_TYPE)


def _slots(kind: type) -> tuple[str, ...]:
    members = vars(kind) if "__slots__" in vars(kind) else {}
    return tuple(name for name, member in members.items() if isinstance(member, types.MemberDescriptorType))
