"""Records from plain data and back, by cattrs. A value of another type than the field's is an error."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, get_args

import attrs

from navcore.domain import Artifact, Dimension, Failure, FileHash, OptimizationProfile, Tolerance
from navcore.formats import Format, Risk

if TYPE_CHECKING:
    import cattrs

__all__ = ["record_data", "structured"]

_TEXTS = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}
_SUFFIX = re.compile(r"(\.[A-Za-z0-9_-]{1,32})*")
_TOLERANCE = Tolerance | tuple[tuple[str, Tolerance], ...] | None


def record_data(record: Any) -> Any:
    """Return any of the domain's records as JSON-ready data."""
    return _converter().unstructure(record)


def structured(data: Any, kind: Any, *, own: bool = True) -> Any:
    """Return the record that `record_data` described.

    Formats that navcore knows are its own, whatever the data says about them.

    Args:
        data: Lists, objects, texts and numbers.
        kind: Class of the record.
        own: Whether the data is from this machine. A stranger's formats can run code, unless navcore knows them.

    Raises:
        ValueError: A field is missing or unknown, or its value is of another type or not allowed; it says where.
    """
    import cattrs

    try:
        return _converter(own).structure(data, kind)
    except cattrs.BaseValidationError as error:
        told = cattrs.transform_error(error, format_exception=lambda found, _: _told(found))
        raise ValueError("; ".join(ascii(line)[1:-1] for line in told[:3])) from error
    except (ArithmeticError, AttributeError, LookupError, TypeError) as error:
        raise ValueError(_told(error)) from error


def _told(error: BaseException) -> str:
    import cattrs

    if isinstance(error, KeyError):
        return "required field missing"
    if isinstance(error, cattrs.ForbiddenExtraKeysError):
        return f"extra fields found ({', '.join(sorted(error.extra_fields))})"[:300]
    return str(error)[:300] if isinstance(error, ValueError | TypeError) else f"{type(error).__name__}: {error}"[:300]


@functools.cache
def _converter(own: bool = True) -> cattrs.Converter:
    import cattrs
    from cattrs.gen import make_dict_unstructure_fn, override

    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_unstructure_hook(float, lambda value: value if math.isfinite(value) else str(value))
    converter.register_unstructure_hook(
        Format, lambda held: {"name": held.name, "suffix": held.suffix, "live": held.live, "risk": held.risk.value}
    )
    converter.register_unstructure_hook(
        OptimizationProfile,
        make_dict_unstructure_fn(OptimizationProfile, converter, dataloader=override(omit=True)),
    )
    converter.register_structure_hook_factory(attrs.has, functools.partial(_object_hook, converter))
    converter.register_structure_hook_factory(_is_tuple, functools.partial(_list_hook, converter))
    for scalar, name in ((str, "a text"), (int, "a whole number"), (bool, "true or false")):
        converter.register_structure_hook(scalar, functools.partial(_exact, scalar, name))
    converter.register_structure_hook(float, _structure_float)
    converter.register_structure_hook(Dimension, _structure_dimension)
    converter.register_structure_hook(Format, functools.partial(_structure_format, own))
    converter.register_structure_hook(_TOLERANCE, lambda value, _: _structure_tolerance(converter, value))
    return converter


def _object_hook(converter: cattrs.Converter, kind: type[Any]) -> Callable[[Any, Any], Any]:
    """Return the hook of an attrs class: an object with its fields, and paths that lead nowhere else."""
    from cattrs.gen import make_dict_structure_fn, override

    if kind is OptimizationProfile:
        plain = make_dict_structure_fn(kind, converter, dataloader=override(omit=True))
    else:
        plain = make_dict_structure_fn(kind, converter)

    def hook(value: Any, _kind: Any) -> Any:
        if not isinstance(value, dict):
            raise TypeError(f"{_shown(value)} is not an object with the fields of {kind.__name__}")
        record = plain(value, kind)
        if isinstance(record, Artifact | FileHash):
            _check_inside(record.path)
        elif isinstance(record, Failure) and record.log:
            _check_inside(record.log)
        return record

    return hook


def _is_tuple(kind: Any) -> bool:
    return getattr(kind, "__origin__", None) is tuple


def _list_hook(converter: cattrs.Converter, kind: Any) -> Callable[[Any, Any], Any]:
    """Return the hook of a tuple type, which ends at the first wrong item: a million errors would fill the memory."""
    from cattrs import IterableValidationError, IterableValidationNote

    kinds = get_args(kind)
    length = None if kinds[-1] is Ellipsis else len(kinds)
    hooks = [(converter.get_structure_hook(each), each) for each in kinds if each is not Ellipsis]

    def hook(value: Any, _kind: Any) -> Any:
        if not isinstance(value, list) or length not in (None, len(value)):
            raise TypeError(f"{_shown(value)} is not a list{'' if length is None else f' of {length}'}")
        items = []
        for index, item in enumerate(value):
            structure, of = hooks[0 if length is None else index]
            try:
                items.append(structure(item, of))
            except Exception as error:  # of any hook: the place is added, and it goes on
                note = IterableValidationNote(f"item {index}", index, of)
                error.__notes__ = [*getattr(error, "__notes__", []), note]  # type: ignore[attr-defined]
                raise IterableValidationError(f"item {index}", [error], kind) from None
        return tuple(items)

    return hook


def _exact(scalar: type, name: str, value: Any, kind: Any) -> Any:
    if type(value) is not scalar:
        raise TypeError(f"{_shown(value)} is not {name}")
    return value if kind is scalar else kind(value)  # an enumeration of texts


def _structure_float(value: Any, _: type) -> float:
    if isinstance(value, str) and value in _TEXTS:
        return _TEXTS[value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{_shown(value)} is not a number")
    return float(value)


def _structure_dimension(value: Any, _: Any) -> Dimension:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError(f"{_shown(value)} is neither a size nor a name")
    return value


def _structure_format(own: bool, value: Any, _: Any) -> Format:
    if not isinstance(value, Mapping) or set(value) != {"name", "suffix", "live", "risk"}:
        raise TypeError(f"{_shown(value)} is not a format")
    name, suffix, live = value["name"], value["suffix"], value["live"]
    risk = Risk(value["risk"]) if own else Risk.CODE
    if not isinstance(name, str) or not isinstance(suffix, str) or not isinstance(live, bool):
        raise TypeError(f"{_shown(value)} is not a format")
    if not _SUFFIX.fullmatch(suffix):
        raise ValueError(f"{_shown(suffix)} is not a file ending")
    return _known().get(name) or Format(name, suffix=suffix, live=live, risk=risk)


@functools.cache
def _known() -> Mapping[str, Format]:
    return {each.name: each for each in vars(Format).values() if isinstance(each, Format)}


def _structure_tolerance(converter: cattrs.Converter, value: Any) -> Any:
    if value is None:
        return None
    return converter.structure(value, Tolerance if isinstance(value, Mapping) else tuple[tuple[str, Tolerance], ...])


def _check_inside(path: str) -> None:
    """Refuse a recorded path that is not one below the folder of the record, on any system."""
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\\" in path or "\0" in path or ":" in parts[0]:
        raise ValueError(f"{_shown(path)} is not a relative, normalised path inside the workspace")


def _shown(value: Any) -> str:
    text = ascii(value) if isinstance(value, str | int | float | None) else f"a {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:80]}..."
