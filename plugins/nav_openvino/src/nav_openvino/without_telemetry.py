"""Imports OpenVINO and NNCF without letting them report that over the network."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

__all__ = ["load_nncf", "load_openvino", "missing_nncf", "missing_openvino", "without_torch"]


def missing_openvino() -> str | None:
    """Return what to do where OpenVINO is not installed, as `cause; fix`, or None where it is."""
    return "openvino is not installed; pip install nav-openvino" if find_spec("openvino") is None else None


def missing_nncf() -> str | None:
    """Return what to do where NNCF is not installed, as `cause; fix`, or None where it is."""
    return "nncf is not installed; pip install 'nav-openvino[int8]'" if find_spec("nncf") is None else None


def load_openvino() -> Any:
    """Return the module `openvino`.

    Its first import sends an event to an analytics server from a forked process (openvino 2025.1 to 2026.4,
    openvino/tools/ovc/__init__.py) and keeps a count in ~/intel. Of its two off switches one is a file in the user's
    home; this is the other.
    """
    with _environment(CI="true"):
        import openvino
    return openvino


def load_nncf() -> Any:
    """Return the module `nncf`, which reports nothing as long as the process lives.

    It reports each call of its functions, by the same means as OpenVINO, unless its own switch is set when it is
    imported (nncf 3.4, nncf/telemetry/wrapper.py).
    """
    load_openvino()
    with _environment(CI="true", NNCF_CI="1"), without_torch():
        import nncf
    return nncf


@contextmanager
def without_torch() -> Iterator[None]:
    """Keep NNCF from importing PyTorch, which it tries before each model of whatever kind: 3 s and 200 MB.

    Where PyTorch is imported already, nothing is done.
    """
    if "torch" in sys.modules:
        yield
        return
    sys.modules["torch"] = None  # type: ignore[assignment]  # as Python documents it: importing it then fails
    try:
        yield
    finally:
        del sys.modules["torch"]


@contextmanager
def _environment(**wanted: str) -> Iterator[None]:
    """Set variables, and put them back: what users do with these libraries themselves is theirs to decide."""
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
