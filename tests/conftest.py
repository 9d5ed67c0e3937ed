"""For all tests: a cache of their own, a place where relative imports find what lies beside them, and who waits."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

# tf2onnx installs a package `tests` (1.17), which pytest takes for the parent of the folders here.
if "tests" in sys.modules:
    sys.modules["tests"].__path__ = [str(Path(__file__).parent)]


@pytest.fixture(scope="session", autouse=True)
def _cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the user's artifact cache out of the tests, and the tests out of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAVCORE_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Where pytest-xdist runs tests in several processes, let no other run beside one that is marked `alone`.

    Each process holds a lock of its own while it runs a test, and the locks of all for one that is to be alone. Whoever
    wants locks goes through a gate, in which that one waits, so that it has its turn after one test of each other.
    """
    with contextlib.ExitStack() as held:
        if (me := os.environ.get("PYTEST_XDIST_WORKER")) is not None:
            assert item.config.cache is not None
            folder = item.config.cache.mkdir("alone")
            everyone = [f"gw{number}" for number in range(int(os.environ["PYTEST_XDIST_WORKER_COUNT"]))]
            with FileLock(folder / "gate").acquire(poll_interval=0.005):
                for name in everyone if item.get_closest_marker("alone") else [me]:
                    held.enter_context(FileLock(folder / name).acquire(poll_interval=0.005))
        return (yield)
