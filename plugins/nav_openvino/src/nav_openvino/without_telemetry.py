"""Imports OpenVINO without letting it report that over the network."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

__all__ = ["load_openvino", "missing_openvino"]


def missing_openvino() -> str | None:
    """Return what to do where OpenVINO is not installed, as `cause; fix`, or None where it is."""
    return "openvino is not installed; pip install nav-openvino" if find_spec("openvino") is None else None


def load_openvino() -> Any:
    """Return the module `openvino`.

    Its first import sends an event to an analytics server from a forked process (openvino 2025.1 to 2026.4,
    openvino/tools/ovc/__init__.py) and keeps a count in ~/intel. Of its two off switches one is a file in the user's
    home; this is the other. It is put back, so what users do with OpenVINO themselves is theirs to decide.
    """
    before = os.environ.get("CI")
    os.environ["CI"] = "true"
    try:
        import openvino
    finally:
        if before is None:
            del os.environ["CI"]
        else:
            os.environ["CI"] = before
    return openvino
