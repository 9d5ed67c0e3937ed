"""Small models of JAX, of each kind that is taken."""

from __future__ import annotations

from importlib.metadata import distributions
from typing import Any

import numpy as np
import pytest

import navcore as nav

jax = pytest.importorskip("jax", reason="nav-jax needs JAX: pip install nav-jax")

QUICK = nav.OptimizationProfile(max_batch_size=2, window_size=3, max_trials=3)


def affine(x: Any, params: Any) -> Any:
    """`x @ weight + bias`, float32[batch, 3] to float32[batch, 2]."""
    return x @ params["weight"] + params["bias"]


@pytest.fixture
def params() -> dict[str, Any]:
    generator = np.random.default_rng(0)
    weight, bias = generator.standard_normal((3, 2)), generator.standard_normal(2)
    return {"weight": np.asarray(weight, np.float32), "bias": np.asarray(bias, np.float32)}


@pytest.fixture
def samples() -> list[Any]:
    generator = np.random.default_rng(1)
    return [np.asarray(generator.standard_normal((size, 3)), np.float32) for size in (2, 3)]


def encode(params: Any, ids: Any, *, mask: Any, scale: float = 1.0) -> dict[str, Any]:
    """One block of attention over tokens, with a mask; a dict and a list come out."""
    import jax.numpy as jnp

    x = params["table"][ids]
    scores = jnp.einsum("bqd,bkd->bqk", x, x) / 4.0
    scores = jnp.where(mask[:, None, :] > 0, scores, -1e9)
    mixed = jax.nn.softmax(scores, axis=-1) @ x * scale
    hidden = jax.nn.gelu(mixed @ params["layers"][0]) @ params["layers"][1]
    return {"hidden": hidden, "parts": [mixed, hidden.mean(axis=1)]}


@pytest.fixture
def encoder_params() -> dict[str, Any]:
    generator = np.random.default_rng(2)
    shapes = {"table": (20, 16), "first": (16, 32), "second": (32, 16)}
    arrays = {name: np.asarray(generator.standard_normal(shape) / 4, np.float32) for name, shape in shapes.items()}
    return {"table": arrays["table"], "layers": [arrays["first"], arrays["second"]]}


def old_tensorflow() -> str | None:
    """Why TensorFlow, if it is installed, cannot run every SavedModel that is made of JAX, or None."""
    builds = ("tensorflow", "tensorflow-cpu")
    installed = [each.version for build in builds for each in distributions(name=build)]
    if all(tuple(map(int, number.split(".")[:2])) >= (2, 20) for number in installed):
        return None
    return f"TensorFlow {installed[0]} does not know `tanh` as JAX writes it, that of StableHLO 1.10; 2.20 does"


def tokens(batch: int, length: int) -> tuple[Any, dict[str, Any]]:
    generator = np.random.default_rng(batch)
    ids = generator.integers(0, 20, (batch, length)).astype(np.int32)
    return ids, {"mask": (np.arange(length) < length - 1).astype(np.int32)[None].repeat(batch, 0)}
