"""For all runtimes: ONNX's cases, computed once; a sample of them, or all where NAVCORE_NODE_CASES is `all`."""

from __future__ import annotations

import os
import warnings

import pytest

from .node_cases import NodeCase, all_cases, sampled

_SAMPLED = 120
_SEED = 7


@pytest.fixture(scope="session")
def node_cases() -> tuple[NodeCase, ...]:
    """Return the cases to run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's, about infinities that ONNX casts on purpose
        cases = all_cases()
    return cases if os.environ.get("NAVCORE_NODE_CASES") == "all" else sampled(cases, _SAMPLED, _SEED)
