"""Records to JSON and back, by cattrs."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from navcore.domain import Dimension, OptimizationProfile, PackageStatus, Tolerance
from navcore.errors import WorkspaceError
from navcore.formats import Format, Risk

if TYPE_CHECKING:
    import cattrs

__all__ = ["SCHEMA", "from_json", "record_data", "record_from", "to_data", "to_json"]

SCHEMA = 1
"""Number of the layout of `package.json`.

1: 2026-11, first.
"""

_TEXTS = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


Record = TypeVar("Record")


def record_data(record: Any) -> Any:
    """Return any of the domain's records as JSON-ready data."""
    return _converter().unstructure(record)


def record_from(data: Any, kind: type[Record]) -> Record:
    """Return the record that `record_data` described.

    Raises:
        ValueError: The data does not have the record's fields.
    """
    import cattrs

    try:
        return _converter().structure(data, kind)
    except cattrs.BaseValidationError as error:
        raise ValueError("; ".join(cattrs.transform_error(error))) from error


def to_data(status: PackageStatus) -> dict[str, Any]:
    """Return the record as JSON-ready data, with its schema number first."""
    return {"schema": SCHEMA, **_converter().unstructure(status)}


def to_json(status: PackageStatus) -> str:
    """Return the record as JSON text; floats that JSON does not have are written as `"inf"`, `"-inf"`, `"nan"`."""
    return json.dumps(to_data(status), indent=1, allow_nan=False) + "\n"


def from_json(text: str, where: str) -> PackageStatus:
    """Return the record.

    Args:
        text: As `to_json` wrote it.
        where: Path of the file, for messages.

    Raises:
        WorkspaceError: The text is no JSON, of a newer schema, or does not have the record's fields.
    """
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise WorkspaceError(f"{where} is not JSON: {error}", "run the optimisation again") from error
    schema = data.get("schema") if isinstance(data, Mapping) else None
    if schema != SCHEMA:
        raise WorkspaceError(
            f"{where} has schema {schema!r}; this navcore reads {SCHEMA}", "pip install --upgrade navcore, or run again"
        )
    import cattrs

    try:
        return _converter().structure({key: data[key] for key in data if key != "schema"}, PackageStatus)
    except (cattrs.BaseValidationError, KeyError, TypeError, ValueError) as error:
        details = "; ".join(cattrs.transform_error(error)) if isinstance(error, cattrs.BaseValidationError) else error
        raise WorkspaceError(f"{where} is damaged: {details}", "run the optimisation again") from error


@functools.cache
def _converter() -> cattrs.Converter:
    import cattrs
    from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_unstructure_hook(float, lambda value: value if math.isfinite(value) else str(value))
    converter.register_structure_hook(float, _structure_float)
    converter.register_structure_hook(Dimension, lambda value, _: value)
    converter.register_unstructure_hook(Format, _format_data)
    converter.register_structure_hook(Format, _structure_format)
    converter.register_structure_hook(
        Tolerance | tuple[tuple[str, Tolerance], ...] | None,
        lambda value, _: _structure_tolerance(converter, value),
    )
    omitted = override(omit=True)
    converter.register_unstructure_hook(
        OptimizationProfile, make_dict_unstructure_fn(OptimizationProfile, converter, dataloader=omitted)
    )
    converter.register_structure_hook(
        OptimizationProfile, make_dict_structure_fn(OptimizationProfile, converter, dataloader=omitted)
    )
    return converter


def _structure_float(value: Any, _: type) -> float:
    if isinstance(value, str):
        return _TEXTS[value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is not a number")
    return float(value)


def _structure_format(value: Any, _: type) -> Format:
    return Format(value["name"], suffix=value["suffix"], live=value["live"], risk=Risk(value["risk"]))


def _format_data(value: Format) -> dict[str, Any]:
    return {"name": value.name, "suffix": value.suffix, "live": value.live, "risk": value.risk.value}


def _structure_tolerance(converter: cattrs.Converter, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, Mapping):
        return converter.structure(value, Tolerance)
    return converter.structure(value, tuple[tuple[str, Tolerance], ...])
