"""From what stands on the command line to objects: model files, `module:attribute` and `file.py:attribute`."""

from __future__ import annotations

import ast
import functools
import inspect
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from navcore.cli import user_code
from navcore.errors import DataloaderError, UsageError, nearest

__all__ = ["Reference", "importable", "load_dataloader", "load_model", "parse_reference", "parse_source"]

_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, functools.partial)


@attrs.frozen
class Reference:
    """An attribute of a module or of a Python file.

    Attributes:
        text: As the user gave it.
        place: Dotted name of the module, or the resolved path of the file.
        attribute: Name within it, dots allowed.
    """

    text: str
    place: str | Path
    attribute: str

    @property
    def folder(self) -> Path:
        """Where imports start from: the file's own folder, as for `python file.py`; else the current one."""
        return self.place.parent if isinstance(self.place, Path) else Path.cwd()

    def load(self) -> Any:
        """Return the attribute.

        Raises:
            UsageError: The place cannot be imported, or has no such attribute.
        """
        if isinstance(self.place, Path):
            return user_code.get_attribute(user_code.import_file(self.place), self.attribute, self.place.name)
        return user_code.get_attribute(user_code.import_module(self.place), self.attribute, self.place)


def parse_source(text: str) -> Reference | Path:
    """Return what SOURCE means: a file or folder that is there, or a reference.

    Raises:
        UsageError: It is neither; the message names a similar file, or the attributes to choose from.
    """
    path = Path(text)
    if path.suffix == ".py" and path.is_file():
        names = _defined_in(path)
        fix = f"write {text}:NAME; it defines {', '.join(names) or 'nothing'}"
        raise UsageError(f"SOURCE {text!r} is a Python file, and does not say which model in it", fix)
    if path.exists():
        return path
    if ":" in text:
        return parse_reference(text, "SOURCE")
    fix = "write a path, module:attribute or file.py:attribute"
    raise UsageError(f"SOURCE {text!r} is neither a file nor module:attribute", _similar(path) or fix)


def parse_reference(text: str, option: str) -> Reference:
    """Return the reference that an option gives.

    Raises:
        UsageError: It is not `module:attribute` or `file.py:attribute`, or there is no such file.
    """
    place, _, attribute = text.rpartition(":")
    if not (place and _is_dotted(attribute)):
        fix = "write module:attribute or file.py:attribute, for example net.py:model"
        raise UsageError(f"{option} {text!r} is not module:attribute", fix)
    if _is_dotted(place) and not place.endswith(".py"):
        return Reference(text, place, attribute)
    file = Path(place)
    if not file.is_file():
        raise UsageError(f"{option} {text!r}: there is no file {place!r}", _similar(file) or "check the path")
    return Reference(text, file.resolve(), attribute)


@contextmanager
def importable(*sources: object) -> Iterator[None]:
    """Put the folders of references on `sys.path`: to load them, and to run what imports more when it is called."""
    before = list(sys.path)
    folders = [str(source.folder) for source in sources if isinstance(source, Reference)]
    sys.path[:0] = [folder for folder in dict.fromkeys(folders) if folder not in before]
    try:
        yield
    finally:
        sys.path[:] = before


def load_model(source: Reference | Path) -> Any:
    """Return the model: the path, the object, or what a function or class gives when called without arguments.

    A function that needs arguments is itself the model.

    Raises:
        UsageError: It cannot be imported or called.
    """
    if isinstance(source, Path):
        return source
    value = source.load()
    needs = _needs(value) if callable(value) else ""
    if isinstance(value, type) and needs:
        cause = f"{source.text!r} is a class that needs arguments: {needs}"
        raise UsageError(cause, "write a function without arguments that returns the model, and name that function")
    factory = isinstance(value, type) or (isinstance(value, _FUNCTIONS) and not needs)
    model = user_code.call(value, source.text) if factory else value
    if model is None:
        raise UsageError(f"{source.text!r} gives None, not a model", "return the model from the function")
    return model


def load_dataloader(source: Reference) -> Iterable[Any]:
    """Return the iterable, or what a function or class gives when called without arguments.

    Raises:
        UsageError: It cannot be imported or called, or is no iterable.
    """
    value = source.load()
    made = isinstance(value, type) or (callable(value) and not _is_iterable(value))
    samples: Any = user_code.call(value, source.text) if made else value
    if not _is_iterable(samples):
        cause = f"--dataloader {source.text!r} gives a {type(samples).__name__}, which cannot be iterated over"
        raise UsageError(cause, "name a list of samples, a DataLoader, or a function that returns or yields samples")
    return _Samples(source.text, samples)


@attrs.frozen(eq=False)
class _Samples:
    """The user's iterable; what goes wrong while it is read is told like the rest of the user's code."""

    text: str
    samples: Iterable[Any]

    def __iter__(self) -> Iterator[Any]:
        with user_code.told(f"--dataloader {self.text!r} fails", DataloaderError):
            yield from self.samples


def _is_dotted(text: str) -> bool:
    return all(name.isidentifier() for name in text.split("."))


def _is_iterable(value: object) -> bool:
    return hasattr(value, "__iter__") or hasattr(value, "__getitem__")


def _needs(function: Callable[..., Any]) -> str:
    """Return the parameters without which a call fails; empty where there are none, or nobody knows."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ""
    optional = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return ", ".join(each.name for each in parameters if each.default is each.empty and each.kind not in optional)


def _similar(path: Path) -> str:
    """Return advice to take a file of nearly that name; empty where there is none."""
    folder = path.parent
    names = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
    near = nearest(path.name, names)
    return f"did you mean {(folder / near).as_posix()!r}?" if near else ""


def _defined_in(path: Path) -> list[str]:
    """Return the public names that a Python file defines, in order, without running it."""
    try:
        body = ast.parse(path.read_text("utf-8")).body
    except (SyntaxError, ValueError, OSError):
        return []
    named = (node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef))
    assigned = (
        target.id
        for node in body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    )
    return [name for name in (*named, *assigned) if not name.startswith("_")]
