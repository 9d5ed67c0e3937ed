"""Digests code: functions, classes and modules, and what they refer to."""

from __future__ import annotations

import dis
import functools
import hashlib
import os
import sys
import sysconfig
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from nav_torch.opaque import OpaqueError

__all__ = ["CodeContents", "Digest"]

_ELSEWHERE = ("site-packages", "dist-packages")
_SKIPPED = (types.GetSetDescriptorType, types.MemberDescriptorType)


class Digest(Protocol):
    """What code is added to."""

    def add(self, text: str) -> None:
        """Add a text."""
        ...

    def add_value(self, value: Any) -> None:
        """Add anything."""
        ...

    def first_time(self, value: Any) -> bool:
        """Return whether the object is met for the first time; otherwise add its number."""
        ...


class CodeContents:
    """Adds code to a digest.

    Installed packages count by their version and the file that is used; they are not expected to change in between.
    The user's own code counts by the file, and by what it is now in memory: the bytecode of methods with their
    defaults, the variables that they close over, and the globals that they name.
    """

    def __init__(self, digest: Digest) -> None:
        self._digest = digest
        self._sources: set[str] = set()

    def add(self, value: Any) -> None:
        """Add a function, class or module."""
        if not self._digest.first_time(value):
            return
        if isinstance(value, types.ModuleType):
            self._add_module(value)
        elif isinstance(value, type):
            self._add_class(value)
        elif isinstance(value, types.FunctionType):
            self._add_function(value)
        else:
            self._add_builtin(value)

    def _add_source(self, name: str) -> bool:
        """Add the file of a module, and its version if it is installed; return whether it is."""
        file = getattr(sys.modules.get(name), "__file__", None)
        installed = _is_installed(name, file)
        if name not in self._sources and not _is_standard(name):
            self._sources.add(name)
            top = sys.modules.get(name.partition(".")[0])
            version = getattr(top, "__version__", "") if installed else ""
            self._digest.add(f"{name} {version} {_file_digest(file) if file is not None else 'without a file'}")
        return installed

    def _add_module(self, module: types.ModuleType) -> None:
        """Add a module that code refers to as a whole; of the user's own, everything in it."""
        self._digest.add(f"module {module.__name__}")
        if self._add_source(module.__name__):
            return
        for name, value in sorted(vars(module).items()):
            if not (name.startswith("__") and name.endswith("__")):
                self._digest.add(name)
                self._digest.add_value(value)

    def _add_class(self, kind: type) -> None:
        self._digest.add(f"class {kind.__module__}.{kind.__qualname__}")
        installed = self._add_source(kind.__module__)
        for base in kind.__bases__:
            self.add(base)
        for name, member in sorted(vars(kind).items()):
            for value in _members(member):
                if isinstance(value, types.FunctionType):
                    if not _is_generated(value, kind) and (not installed or _is_patched(value)):
                        self._digest.add(name)
                        self.add(value)
                elif not installed and not name.startswith("__") and name != "_abc_impl":
                    self._digest.add(name)
                    self._digest.add_value(value)

    def _add_function(self, function: types.FunctionType) -> None:
        name = f"{function.__module__}:{function.__qualname__}"
        self._digest.add(f"function {name}")
        installed = self._add_source(str(function.__module__)) and not _is_patched(function)
        if installed and "<" not in name:  # nothing in it but what its file says
            return
        self._digest.add_value(function.__defaults__)
        self._digest.add_value(function.__kwdefaults__)
        for cell in function.__closure__ or ():
            try:
                self._digest.add_value(cell.cell_contents)
            except ValueError:  # not filled yet
                self._digest.add("empty")
        self._add_code(function.__code__, {} if installed else function.__globals__)

    def _add_code(self, code: types.CodeType, scope: dict[str, Any]) -> None:
        self._digest.add(code.co_code.hex())
        self._digest.add(f"{code.co_names} {code.co_varnames} {code.co_freevars} {code.co_flags}")
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                self._add_code(constant, scope)
            else:
                self._digest.add_value(constant)
        for instruction in dis.get_instructions(code):
            if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME") and instruction.argval in scope:
                self._digest.add(instruction.argval)
                self._digest.add_value(scope[instruction.argval])
            elif instruction.opname == "IMPORT_NAME":
                self._digest.add_value(sys.modules.get(instruction.argval))

    def _add_builtin(self, function: Any) -> None:
        owner = getattr(function, "__self__", None)
        self._digest.add(f"built-in {function.__module__}.{function.__qualname__}")
        if isinstance(owner, type | types.ModuleType):
            self._digest.add(owner.__name__)
        elif owner is not None:
            self._digest.add_value(owner)


def _members(member: Any) -> Iterator[Any]:
    """Return what a class's member is made of."""
    if isinstance(member, staticmethod | classmethod):
        yield member.__func__
    elif isinstance(member, property):
        yield from (part for part in (member.fget, member.fset) if part is not None)
    elif isinstance(member, functools.cached_property):
        yield member.func
    elif not isinstance(member, _SKIPPED):
        yield member


def _is_generated(function: types.FunctionType, kind: type) -> bool:
    """Return whether dataclasses or attrs wrote the method, from fields that the source tells."""
    made = hasattr(kind, "__dataclass_fields__") or hasattr(kind, "__attrs_attrs__")
    return made and function.__name__.startswith("__") and function.__code__.co_filename.startswith("<")


def _is_patched(function: types.FunctionType) -> bool:
    """Return whether a function that is found in an installed package was written elsewhere."""
    file = function.__code__.co_filename
    if file.startswith("<"):  # made by exec: by the package itself, or by the user at a prompt
        return function.__module__ == "__main__"
    return not _is_installed("", file)


def _is_standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names


def _is_installed(module: str, file: str | None) -> bool:
    """Return whether a module is of the standard library, torch, or lies where packages are installed."""
    if _is_standard(module) or module.partition(".")[0] == "torch":
        return True
    return file is not None and (file.startswith(_homes()) or not {*_ELSEWHERE}.isdisjoint(Path(file).parts))


@functools.cache
def _homes() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    return tuple(paths[name] + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib"))


def _file_digest(file: str) -> str:
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except OSError as error:
        raise OpaqueError(f"{file} cannot be read: {error.strerror}") from error
