"""What nav-onnx adds to navcore."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from nav_onnx.describe import describe
from nav_onnx.facts import environment
from nav_onnx.fingerprint import fingerprint
from nav_onnx.passes import PASSES
from nav_onnx.runners import RUNNERS
from navcore.contracts import Converter, Description, Runner
from navcore.domain import Names
from navcore.formats import Format
from navcore.hookspecs import hookimpl


@hookimpl
def nav_recognise(model: Any) -> Format | None:
    if isinstance(model, str | os.PathLike):
        return Format.ONNX if os.fsdecode(model).lower().endswith(".onnx") else None
    # An in-memory model is claimed so that nav_describe can say how to hand it over.
    onnx = sys.modules.get("onnx")
    return Format.ONNX if isinstance(model, getattr(onnx, "ModelProto", ())) else None


@hookimpl
def nav_describe(model: Any, sample: Any, names: Names) -> Description:
    return describe(model, sample, names)


@hookimpl
def nav_fingerprint(model: Any) -> str | None:
    return fingerprint(model)


@hookimpl
def nav_converters() -> Iterable[Converter]:
    yield from PASSES


@hookimpl
def nav_runners() -> Iterable[Runner]:
    return RUNNERS


@hookimpl
def nav_environment() -> Mapping[str, str]:
    return environment()
