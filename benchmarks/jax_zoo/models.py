"""The models: `cnn` and `encoder` of Flax linen, and `nested`, a function."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen
from zoo import Loaded

from nav_jax import JaxModel

__all__ = ["cnn", "encoder", "nested"]


class Cnn(linen.Module):
    """Blocks of convolutions with batch normalisation, the mean over the image, and a linear layer."""

    widths: tuple[int, ...]

    @linen.compact
    def __call__(self, images: Any) -> Any:
        x = images
        for width in self.widths:
            x = linen.Conv(width, (3, 3), use_bias=False)(x)
            x = linen.relu(linen.BatchNorm(use_running_average=True)(x))
            x = linen.max_pool(x, window_shape=(2, 2), strides=(2, 2))
        return linen.Dense(10)(x.mean(axis=(1, 2)))


class Encoder(linen.Module):
    """Layers of attention with a mask over the tokens that are there."""

    vocabulary: int
    width: int
    heads: int
    layers: int
    longest: int

    @linen.compact
    def __call__(self, ids: Any, mask: Any) -> Any:
        x = linen.Embed(self.vocabulary, self.width)(ids)
        places = self.param("places", linen.initializers.normal(0.02), (self.longest, self.width))
        x = x + places[jnp.cumsum(mask, axis=1) - 1]  # the place of a token is how many are there up to it
        allowed = mask[:, None, None, :] > 0
        for _ in range(self.layers):
            attended = linen.MultiHeadDotProductAttention(num_heads=self.heads)(linen.LayerNorm()(x), mask=allowed)
            x = x + attended
            inner = linen.gelu(linen.Dense(4 * self.width)(linen.LayerNorm()(x)))
            x = x + linen.Dense(self.width)(inner)
        kept = mask[:, :, None].astype(x.dtype)
        return {"tokens": x, "sentence": (x * kept).sum(axis=1) / kept.sum(axis=1)}


def cnn(tiny: bool) -> Loaded:
    """Return the CNN."""
    side, widths = (16, (8, 16)) if tiny else (64, (64, 128, 256))
    images = [_normal(seed, (batch, side, side, 3)) for seed, batch in enumerate((2, 3))]
    module = Cnn(widths)
    variables = module.init(jax.random.key(0), images[0])
    told = f"Flax, {len(widths)} convolutions with batch normalisation, images of {side} x {side}"
    return Loaded(module=JaxModel(module, variables), samples=images, told=told)


def encoder(tiny: bool) -> Loaded:
    """Return the encoder."""
    width, layers, vocabulary = (16, 1, 50) if tiny else (256, 4, 10000)
    module = Encoder(vocabulary=vocabulary, width=width, heads=4, layers=layers, longest=128)
    shapes = ((2, 7), (3, 5)) if tiny else ((2, 64), (3, 40))
    samples = [_tokens(batch, length, vocabulary) for batch, length in shapes]
    variables = module.init(jax.random.key(0), *samples[0])
    depth = "one layer" if layers == 1 else f"{layers} layers"
    told = f"Flax, attention with a mask in {depth}, {width} wide, sequences of several lengths"
    return Loaded(module=JaxModel(module, variables), samples=samples, told=told)


def nested(tiny: bool) -> Loaded:
    """Return the function with nested parameters."""
    width, layers = (8, 2) if tiny else (1024, 4)
    params = {
        "blocks": [
            {"weight": _normal(seed, (width, width)) / np.float32(width**0.5), "scale": _normal(10 + seed, (width,))}
            for seed in range(layers)
        ],
        "head": (_normal(20, (width, 10)), _normal(21, (10,))),
    }
    samples = [
        {"left": _normal(30 + batch, (batch, width)), "right": _normal(40 + batch, (batch, width))} for batch in (2, 3)
    ]
    told = f"a function of two arrays, its parameters in dicts, lists and a tuple, {width} wide"
    return Loaded(module=JaxModel(_blocks, params), samples=samples, told=told)


def _blocks(params: Any, left: Any, right: Any) -> Any:
    x = left * jax.nn.sigmoid(right)
    for block in params["blocks"]:
        x = x + jnp.tanh(x @ block["weight"]) * block["scale"]
    weight, bias = params["head"]
    return {"scores": x @ weight + bias, "layers": [x, x.max(axis=-1)]}


def _normal(seed: int, shape: tuple[int, ...]) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def _tokens(batch: int, length: int, vocabulary: int) -> tuple[Any, Any]:
    ids = np.random.default_rng(batch).integers(0, vocabulary, (batch, length)).astype(np.int32)
    ends = np.arange(length)[None] < length - np.arange(batch)[:, None]
    return ids, ends.astype(np.int32)
