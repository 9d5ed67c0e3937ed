"""Small SavedModels, made by hand, whose signature is `serving_default`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow

from navcore.contracts import Model
from navcore.domain import Signature, TensorSpec
from navcore.formats import Format

SIGNATURE = Signature(
    (
        TensorSpec("ids", "int32", ("batch", "length")),
        TensorSpec("wide", "float32", ("batch", 4)),
        TensorSpec("unused", "float32", ("batch", 2)),
    ),
    (TensorSpec("scores", "float32", ("batch", 3)), TensorSpec("hidden", "float32", ("batch", "length", 4))),
    batch="batch",
)
"""Of `encode`."""

FEATURES = Signature(
    (TensorSpec("x", "float32", ("batch", 3)),), (TensorSpec("y", "float32", ("batch", 3)),), batch="batch"
)
"""Of a function with one input and one output."""


def encode(ids: Any, wide: Any, unused: Any) -> dict[str, Any]:
    """An embedding with an exact GELU, as Keras computes it, and a matrix product."""
    generator = np.random.default_rng(0)
    table, matrix = (generator.normal(size=shape).astype(np.float32) for shape in ((11, 4), (4, 3)))
    tokens = tensorflow.gather(tensorflow.constant(table), ids) + wide[:, None, :]
    hidden = 0.5 * tokens * tensorflow.math.erfc(-tokens * 0.5**0.5)
    return {"scores": tensorflow.linalg.matmul(tensorflow.reduce_mean(hidden, 1), matrix), "hidden": hidden}


def save(folder: Path, function: Callable[..., Any], signature: Signature) -> Path:
    """Write a function of tensors by name, and return the folder."""
    module = tensorflow.Module()
    module.serve = tensorflow.function(function)
    specs = {
        spec.name: tensorflow.TensorSpec(
            [size if isinstance(size, int) else None for size in spec.shape], spec.dtype, name=spec.name
        )
        for spec in signature.inputs
    }
    concrete = module.serve.get_concrete_function(**specs)
    tensorflow.saved_model.save(module, str(folder), signatures={"serving_default": concrete})
    return folder


def saved(folder: Path, function: Callable[..., Any], signature: Signature) -> Model:
    """Write a function as SavedModel and return it with two examples."""
    return Model(
        format=Format.TF_SAVEDMODEL,
        signature=signature,
        path=save(folder, function, signature),
        examples=tuple(_example(signature, batch, length) for batch, length in ((2, 5), (3, 7))),
    )


def expected(function: Callable[..., Any], model: Model) -> tuple[dict[str, Any], ...]:
    """What TensorFlow gives for the examples."""
    return tuple({name: each.numpy() for name, each in function(**feeds).items()} for feeds in model.examples)


def stablehlo(folder: Path) -> Path:
    """Write what jax2tf makes: a SavedModel with the operator that holds StableHLO."""
    from tensorflow.compiler.tf2xla.ops.gen_xla_ops import xla_call_module

    def called(x: Any) -> dict[str, Any]:
        options: dict[str, Any] = {name: [] for name in ("dim_args_spec", "function_list", "disabled_checks")}
        (y,) = xla_call_module([x], 9, b"bytecode", [(None, 3)], [tensorflow.float32], platforms=["CPU"], **options)
        return {"y": y}

    return save(folder, called, FEATURES)


def _example(signature: Signature, batch: int, length: int) -> dict[str, Any]:
    generator = np.random.default_rng(batch)
    sizes = {"batch": batch, "length": length}
    return {
        spec.name: np.asarray(
            generator.integers(0, 10, shape) if spec.dtype == "int32" else generator.normal(size=shape), spec.dtype
        )
        for spec in signature.inputs
        for shape in [[size if isinstance(size, int) else sizes[size] for size in spec.shape]]
    }
