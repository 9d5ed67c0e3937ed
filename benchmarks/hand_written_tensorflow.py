"""What one writes by hand to run a model of Keras on each runtime with its default settings; used by best_of.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from hand_case import Case, Prepare, Step, on_onnx_runtime, on_openvino, once

from navcore.contracts import Array, Tensors

__all__ = ["EXPORTS", "ONE_SIZE", "WAYS", "arrays_of", "placed"]


def arrays_of(outputs: Any) -> list[Array]:
    """Return what a step gave as arrays, in the order in which TensorFlow flattens it."""
    import tensorflow

    return [np.asarray(leaf) for leaf in tensorflow.nest.flatten(outputs)]


def placed(array: Array) -> Any:
    """Return a tensor of the same numbers."""
    import tensorflow

    return once(array, lambda: tensorflow.convert_to_tensor(array))


def _calling(function: Callable[..., Any], case: Case) -> Prepare:
    def prepare(feeds: Tensors) -> Step:
        tensors = [placed(feeds[name]) for name in case.model.call.inputs]
        positional, keywords = case.model.call.arguments(tensors)
        return lambda: function(*positional, **keywords)

    return prepare


def eager(case: Case) -> Prepare:
    """Return the model, called as it is."""
    return _calling(case.module, case)


def traced(case: Case) -> Prepare:
    """Return tf.function(model)."""
    import tensorflow

    return _calling(tensorflow.function(case.module), case)


def compiled(case: Case) -> Prepare:
    """Return tf.function(model, jit_compile=True), which XLA compiles."""
    import tensorflow

    return _calling(tensorflow.function(case.module, jit_compile=True), case)


def _saved(case: Case) -> str:
    folder = case.file("saved")
    case.module.export(folder, verbose=False)
    return folder


def saved(case: Case) -> Prepare:
    """Return the signature of what `model.export` saved."""
    import tensorflow

    loaded = tensorflow.saved_model.load(_saved(case))
    function = loaded.signatures["serving_default"]
    names = list(function.structured_input_signature[1])

    def prepare(feeds: Tensors) -> Step:
        given = {name: placed(array) for name, array in _by_name(case, names, feeds).items()}
        return lambda: (loaded, function(**given))[1]  # the variables live as long as what was loaded

    return prepare


def _by_name(case: Case, names: Sequence[str], feeds: Tensors) -> dict[str, Array]:
    """Return inputs by the names that an export gave them: its own where they are the same, else the only one."""
    ours = case.model.call.inputs
    if set(names) == set(ours):
        return {name: feeds[name] for name in names}
    (name,), (own,) = names, ours
    return {name: feeds[own]}


def onnx_runtime(case: Case) -> Prepare:
    """Return an ONNX Runtime session on what tf2onnx makes of the model."""
    import tensorflow
    import tf2onnx

    specs = [tensorflow.TensorSpec(each.shape, each.dtype, name=each.name) for each in case.module.inputs]
    path = case.file("model.onnx")
    tf2onnx.convert.from_function(
        tensorflow.function(lambda *tensors: case.module(tensors[0] if len(tensors) == 1 else list(tensors))),
        specs,
        opset=18,
        custom_op_handlers={"Erfc": (_erfc, [])},
        output_path=path,
    )
    return on_onnx_runtime(path, case.model.call.inputs)


def _erfc(graph: Any, node: Any, name: str, _arguments: Any) -> None:
    """Write 1 - Erf(x), because tf2onnx cannot translate the exact GELU of Keras otherwise."""
    value, result = node.input[0], node.output[0]
    kind, shape = graph.get_dtype(result), graph.get_shape(result)
    graph.remove_node(node.name)
    erf = graph.make_node("Erf", [value], dtypes=[kind], shapes=[shape])
    one = graph.make_const(f"{name}__one", np.array(1, np.float32))
    graph.make_node("Sub", [one.output[0], erf.output[0]], outputs=[result], dtypes=[kind], shapes=[shape], name=name)


def openvino(case: Case) -> Prepare:
    """Return an OpenVINO model compiled from the SavedModel."""
    return on_openvino(_saved(case), sorted(case.model.call.inputs))


def litert(case: Case) -> Prepare:
    """Return the signature of a LiteRT interpreter on what its converter makes of the SavedModel."""
    import tensorflow
    from ai_edge_litert.interpreter import Interpreter

    content = tensorflow.lite.TFLiteConverter.from_saved_model(_saved(case)).convert()
    run = Interpreter(model_content=content).get_signature_runner()
    names = list(run.get_input_details())

    def prepare(feeds: Tensors) -> Step:
        given = {name: np.ascontiguousarray(array) for name, array in _by_name(case, names, feeds).items()}
        return lambda: run(**given)

    return prepare


WAYS: Mapping[str, Callable[[Case], Prepare]] = {
    "eager": eager,
    "tf.function": traced,
    "XLA": compiled,
    "SavedModel": saved,
    "ONNX Runtime": onnx_runtime,
    "OpenVINO": openvino,
    "LiteRT": litert,
}
"""The ways by name, each from the model and its call; each fails with whatever error its framework has."""

EXPORTS: tuple[str, ...] = ()
"""What Keras exports keeps open what the model leaves open."""

ONE_SIZE: tuple[str, ...] = ()
