"""A model like GPT-2 in plain JAX, small and with random weights: find the fastest way to run it, and run that.

python examples/jax/gpt2.py [WORKSPACE]
"""

from __future__ import annotations

import os
import sys
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before any framework starts its threads

import jax
import jax.numpy as jnp
import numpy as np

import navcore as nav

VOCABULARY, LONGEST, WIDTH, HEADS, LAYERS = 500, 32, 32, 4, 2


def logits(params: dict[str, Any], ids: Any, mask: Any) -> Any:
    """Return the logits of the next token at each place, float32[batch, length, vocabulary]."""
    places = jnp.clip(jnp.cumsum(mask, axis=1) - 1, 0)  # of the tokens that are there
    x = params["tokens"][ids] + params["places"][places]
    # What a token may look at: those that are there, and none that comes later.
    order = jnp.cumsum(jnp.ones_like(ids), axis=1)
    seen = (order[:, None, :] <= order[:, :, None]) & (mask[:, None, :] > 0)
    for block in params["blocks"]:
        x = x + attention(block, normalised(x, block["before_attention"]), seen)
        inner = jax.nn.gelu(linear(normalised(x, block["before_net"]), block["inner"]))
        x = x + linear(inner, block["outer"])
    return normalised(x, params["last"]) @ params["tokens"].T


def attention(block: dict[str, Any], x: Any, seen: Any) -> Any:
    """Return what each token takes from those that it sees."""
    parts = jnp.split(linear(x, block["attention"]), 3, axis=-1)
    query, key, value = (part.reshape(*part.shape[:2], HEADS, WIDTH // HEADS) for part in parts)
    scores = jnp.einsum("bqhd,bkhd->bhqk", query, key) / np.float32((WIDTH // HEADS) ** 0.5)
    weights = jax.nn.softmax(jnp.where(seen[:, None], scores, np.float32(-1e9)), axis=-1)
    mixed = jnp.einsum("bhqk,bkhd->bqhd", weights, value)
    return linear(mixed.reshape(x.shape), block["mixed"])


def linear(x: Any, layer: dict[str, Any]) -> Any:
    """Return `x @ weight + bias`."""
    return x @ layer["weight"] + layer["bias"]


def normalised(x: Any, layer: dict[str, Any]) -> Any:
    """Return x with mean 0 and variance 1 in each place, scaled and shifted."""
    mean, variance = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
    return (x - mean) / jnp.sqrt(variance + 1e-5) * layer["weight"] + layer["bias"]


def random_params() -> dict[str, Any]:
    """Return small random weights."""
    generator = np.random.default_rng(0)

    def weights(*shape: int) -> Any:
        return (generator.standard_normal(shape) * 0.02).astype(np.float32)

    def layer(inputs: int, outputs: int) -> dict[str, Any]:
        return {"weight": weights(inputs, outputs), "bias": np.zeros(outputs, np.float32)}

    def norm() -> dict[str, Any]:
        return {"weight": np.ones(WIDTH, np.float32), "bias": np.zeros(WIDTH, np.float32)}

    blocks = [
        {
            "before_attention": norm(),
            "attention": layer(WIDTH, 3 * WIDTH),
            "mixed": layer(WIDTH, WIDTH),
            "before_net": norm(),
            "inner": layer(WIDTH, 4 * WIDTH),
            "outer": layer(4 * WIDTH, WIDTH),
        }
        for _ in range(LAYERS)
    ]
    return {"tokens": weights(VOCABULARY, WIDTH), "places": weights(LONGEST, WIDTH), "blocks": blocks, "last": norm()}


def sentences(batch: int, length: int) -> dict[str, Any]:
    """Return token ids, and a mask that leaves out the last ones of some sentences."""
    ids = np.random.default_rng(batch).integers(0, VOCABULARY, (batch, length)).astype(np.int32)
    mask = (np.arange(length)[None] < length - np.arange(batch)[:, None]).astype(np.int32)
    return {"ids": ids, "mask": mask}


def main() -> int:
    """Optimise, then continue a sentence with the function and with the chosen runner."""
    params = random_params()
    package = nav.jax.optimize(
        logits,
        params,
        [sentences(2, 12), sentences(3, 16)],
        workspace=sys.argv[1] if len(sys.argv) > 1 else "gpt2_workspace",
        target_device="cpu",
        # Briefly, so that it ends soon: a model in earnest is measured with the defaults.
        optimization_profile=nav.OptimizationProfile(max_batch_size=2, window_size=3, max_trials=3),
        output_names=["logits"],
    )
    given = sentences(1, 9)
    expected = np.asarray(jax.jit(logits)(params, **given))[0, -1]
    with package.get_runner() as session:
        got = session.infer(given)["logits"][0, -1]
    error = float(np.abs(got - expected).max())
    print(f"{session.name} differs from the function by at most {error:.1e}")
    print(f"the likeliest next token is {int(got.argmax())}, by the function {int(expected.argmax())}")
    return 0 if error < 1e-4 else 1


if __name__ == "__main__":
    sys.exit(main())
