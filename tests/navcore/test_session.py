"""Session: arrays in another byte order, and tensors of a framework."""

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


def test_a_runtime_without_tensors_of_its_own_says_what_to_call(package: nav.Package) -> None:
    with (
        package.get_runner() as session,
        pytest.raises(UsageError, match=r"has no tensors of its own\n.*use infer\(\)"),
    ):
        session.native({"x": X})


def test_tensors_of_a_framework_are_looked_at_once_for_each_shape_and_dtype(package: nav.Package) -> None:
    given: list[np.ndarray] = []
    with package.get_runner() as session:
        infer = session._infer
        assert infer is not None
        infer.native = lambda x: (given.append(x), {"y": x})[1]
        for array in (X, X[:1], X):
            assert session.native({"x": array})["y"] is array
        assert 2 == len(session._usual)
        with pytest.raises(UsageError, match=r"was given int8\n  fix: cast it to float32"):
            session.native({"x": X.astype(np.int8)})
        with pytest.raises(UsageError, match=r"missing: x; unknown: z"):
            session.native({"z": X})

    assert 3 == len(given)
