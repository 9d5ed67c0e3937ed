"""What one writes by hand to run a model of JAX on each runtime with its default settings; used by best_of.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from hand_case import Case, Prepare, Step, on_onnx_runtime, on_openvino, once

from navcore.contracts import Array, Tensors

__all__ = ["EXPORTS", "ONE_SIZE", "WAYS", "arrays_of", "placed"]


def arrays_of(outputs: Any) -> list[Array]:
    """Return what a step gave as arrays, in the order of flattening."""
    import jax

    return [np.asarray(leaf) for leaf in jax.tree_util.tree_leaves(outputs)]


def placed(array: Array) -> Any:
    """Return an array of JAX with the same numbers."""
    import jax

    return once(array, lambda: jax.device_put(array))


def _calling(function: Callable[..., Any], case: Case) -> Prepare:
    import jax

    def prepare(feeds: Tensors) -> Step:
        arrays = [placed(feeds[name]) for name in case.model.call.inputs]
        return lambda: jax.block_until_ready(function(*arrays))

    return prepare


def _flat(case: Case) -> tuple[Callable[..., Any], Any]:
    """Return the function of parameters and input arrays, and its parameters on the device."""
    import jax

    function, params = case.module.pure()

    def flat(params: Any, *arrays: Any) -> Any:
        arguments, keywords = case.model.call.arguments(arrays)
        return function(params, *arguments, **keywords)

    return flat, jax.tree_util.tree_map(jax.device_put, params)


def eager(case: Case) -> Prepare:
    """Return the function as it is."""
    flat, params = _flat(case)
    return _calling(lambda *arrays: flat(params, *arrays), case)


def compiled(case: Case) -> Prepare:
    """Return jax.jit(function)."""
    import jax

    flat, params = _flat(case)
    jitted = jax.jit(flat)
    return _calling(lambda *arrays: jitted(params, *arrays), case)


def _inputs(case: Case) -> list[Any]:
    """Return shapes and dtypes to export with."""
    import jax

    from nav_jax.shapes import symbolic_inputs

    if case.varying:
        return symbolic_inputs(case.model.signature)
    return [jax.ShapeDtypeStruct(case.feeds[name].shape, case.feeds[name].dtype) for name in case.model.call.inputs]


def exported(case: Case) -> Prepare:
    """Return the call of what jax.export writes and reads again."""
    import jax
    from jax import export

    flat, params = _flat(case)
    written = export.export(jax.jit(lambda *arrays: flat(params, *arrays)))(*_inputs(case)).serialize()
    return _calling(jax.jit(export.deserialize(written).call), case)


def _onnx_file(case: Case) -> str:
    import jax
    import jax2onnx
    import onnx

    flat, params = _flat(case)
    model = jax2onnx.to_onnx(
        lambda *arrays: tuple(jax.tree_util.tree_leaves(flat(params, *arrays))),
        inputs=_inputs(case),
        opset=21,
        input_names=list(case.model.call.inputs),
    )
    del model.graph.value_info[:]  # of another order of axes than ONNX has (jax2onnx 0.17)
    path = case.file("model.onnx")
    onnx.save(model, path)
    return path


def onnx_runtime(case: Case) -> Prepare:
    """Return an ONNX Runtime session on what jax2onnx writes."""
    return on_onnx_runtime(_onnx_file(case), case.model.call.inputs)


def openvino(case: Case) -> Prepare:
    """Return an OpenVINO model compiled from what jax2onnx writes."""
    return on_openvino(_onnx_file(case), case.model.call.inputs)


WAYS: Mapping[str, Callable[[Case], Prepare]] = {
    "eager": eager,
    "jax.jit": compiled,
    "jax.export": exported,
    "ONNX Runtime": onnx_runtime,
    "OpenVINO": openvino,
}
"""The ways by name, each from the model and its call; each fails with whatever error its framework has."""

EXPORTS = ("jax.export", "ONNX Runtime", "OpenVINO")
ONE_SIZE: tuple[str, ...] = ()
