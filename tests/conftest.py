"""For all tests: a cache of their own, and a place where relative imports find what lies beside them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# tf2onnx installs a package `tests` (1.17), which pytest takes for the parent of the folders here.
if "tests" in sys.modules:
    sys.modules["tests"].__path__ = [str(Path(__file__).parent)]


@pytest.fixture(scope="session", autouse=True)
def _cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the user's artifact cache out of the tests, and the tests out of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAVCORE_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield
