"""Session: arrays in another byte order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import navcore as nav
from navcore.errors import UsageError
from navcore.testing.toys import ToyModel

from .package_toys import PLAIN, machine, optimized

X = np.arange(6, dtype=np.float32).reshape(2, 3)
SWAPPED = {"x": X.astype(X.dtype.newbyteorder())}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> nav.Package:
    """A package of a live toy."""
    return optimized(Path(tmp_path_factory.mktemp("w")), machine(*PLAIN))


def test_what_a_runtime_is_given_has_this_machines_byte_order(package: nav.Package) -> None:
    with package.get_runner() as session:
        given: list[np.dtype[np.float32]] = []
        infer = session._infer
        assert infer is not None
        session._infer = lambda feeds: (given.append(feeds["x"].dtype), infer(feeds))[1]
        outputs = session.infer(SWAPPED)

    assert [X.dtype] == given
    np.testing.assert_array_equal(ToyModel()(X), outputs["y"])


def test_binding_refuses_what_it_would_have_to_copy(package: nav.Package) -> None:
    with package.get_runner() as session, pytest.raises(UsageError, match="input 'x' has bytes in the other order"):
        session.bind(SWAPPED)
