"""Imports and calls code of the user's: what goes wrong in it is told with file, line and cause."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
import types
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from navcore.errors import UnknownNameError, UsageError

__all__ = ["call", "get_attribute", "import_file", "import_module", "told"]

_FIX = "correct it there; --debug shows the traceback"


def import_module(name: str) -> types.ModuleType:
    """Return a module by its dotted name.

    Raises:
        UsageError: There is none, or its import fails.
    """
    try:
        with told(f"module {name!r} cannot be imported"):
            return importlib.import_module(name)
    except UsageError as error:
        inner = error.__cause__
        missing = isinstance(inner, ModuleNotFoundError) and inner.name
        if missing and (name == missing or name.startswith(f"{missing}.")):
            cause = f"no module named {missing!r}, neither in {Path.cwd()} nor installed"
            raise UsageError(cause, "run nav where the module is, install it, or write file.py:attribute") from inner
        raise


def import_file(file: Path) -> types.ModuleType:
    """Return a Python file as a module with a name of its own; a second call gives the same module.

    Raises:
        UsageError: Its import fails.
    """
    name = f"_nav_{zlib.crc32(str(file).encode()):08x}_{file.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise UsageError(f"{file} is not a Python file", "name a file that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and torch look their own module up while it is executed
    try:
        with told(f"{file.name} cannot be imported"):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def get_attribute(module: types.ModuleType, dotted: str, where: str) -> Any:
    """Return an attribute, or an attribute of an attribute.

    Raises:
        UnknownNameError: There is none; the message lists those that the module defines itself.
    """
    value: Any = module
    for name in dotted.split("."):
        if not hasattr(value, name):
            hint = f"define {name!r} in {where}, or name another attribute after the colon"
            raise UnknownNameError(f"attribute of {where}", name, _own_names(value), hint)
        value = getattr(value, name)
    return value


def call(function: Callable[[], Any], text: str) -> Any:
    """Return what the function returns.

    Raises:
        UsageError: It raises.
    """
    with told(f"{text!r} cannot be called"):
        return function()


@contextmanager
def told(what: str, kind: type[UsageError] = UsageError) -> Iterator[None]:
    """Tell what the user's code raises as an error of that kind, with file and line."""
    try:
        yield
    # Not any_failure(): the block may yield, and who stops reading early leaves it by a GeneratorExit.
    except (Exception, SystemExit) as error:  # the user's code may raise anything, and call sys.exit()
        raise kind(f"{what}: {type(error).__name__}: {error}{_place(error)}", _FIX) from error


def _place(error: BaseException) -> str:
    """Return file and line of the innermost frame in code that is not installed; empty where there is none."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(frame.filename)]
    return f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""


def _is_users(filename: str) -> bool:
    installed = ("site-packages", "dist-packages", f"python{sys.version_info.major}.{sys.version_info.minor}")
    return not filename.startswith("<") and filename != __file__ and not {*installed} & {*Path(filename).parts}


def _own_names(value: object) -> list[str]:
    """Return public names, without modules and without what was imported from elsewhere."""
    home = getattr(value, "__name__", "")
    found = (
        {name: item for name, item in vars(value).items() if not name.startswith("_")}
        if hasattr(value, "__dict__")
        else {}
    )
    return [name for name, item in found.items() if not _imported(item, home)]


def _imported(item: object, home: str) -> bool:
    if isinstance(item, types.ModuleType):
        return True
    return isinstance(item, (type, types.FunctionType)) and item.__module__ != home
