"""What one writes by hand to run a PyTorch module on each runtime with its default settings; used by best_of.py."""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from hand_case import Case, Prepare, Step, on_onnx_runtime, on_openvino, once

from navcore.contracts import Array, Tensors

__all__ = ["EXPORTS", "ONE_SIZE", "WAYS", "arrays_of", "placed"]


def _arguments(case: Case, feeds: Tensors) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return positional and keyword arguments of the module."""
    positional, keywords = case.model.call.arguments([placed(feeds[name]) for name in case.model.call.inputs])
    return tuple(positional), dict(keywords)


def _open_axes(case: Case) -> Any:
    """Return `dynamic_shapes` for torch: for each argument, which of its axes vary; None where none may."""
    import torch

    auto = torch.export.Dim.AUTO

    if not case.varying:
        return None
    tensors = [placed(case.feeds[name]) for name in case.model.call.inputs]
    positional, keywords = case.model.call.arguments(tensors)
    bound = inspect.signature(case.module.forward).bind(*positional, **keywords)
    axes = {
        id(tensor): {axis: auto for axis, size in enumerate(spec.shape) if isinstance(size, str)}
        for tensor, spec in zip(tensors, case.model.signature.inputs, strict=True)
    }
    return torch.utils._pytree.tree_map(lambda leaf: axes.get(id(leaf)), dict(bound.arguments))


def placed(array: Array) -> Any:
    """Return a tensor of the same numbers."""
    import torch

    from nav_torch.tensors import to_tensor

    return once(array, lambda: to_tensor(array, torch.device("cpu")))


def arrays_of(outputs: Any) -> list[Array]:
    """Return what a step gave as arrays, in the order of flattening."""
    import torch

    from nav_torch.tensors import to_array

    if hasattr(outputs, "to_tuple"):  # what transformers and diffusers return
        outputs = outputs.to_tuple()
    leaves = [leaf for leaf in torch.utils._pytree.tree_leaves(outputs) if leaf is not None]
    return [to_array(leaf) if isinstance(leaf, torch.Tensor) else np.asarray(leaf) for leaf in leaves]


def _calling(function: Callable[..., Any], case: Case) -> Prepare:
    import torch

    def prepare(feeds: Tensors) -> Step:
        positional, keywords = _arguments(case, feeds)

        def step() -> Any:
            with torch.inference_mode():
                return function(*positional, **keywords)

        return step

    return prepare


def eager(case: Case) -> Prepare:
    """Return the module as it is."""
    return _calling(case.module, case)


def compiled(case: Case) -> Prepare:
    """Return torch.compile(module)."""
    import torch

    return _calling(torch.compile(copy.copy(case.module)), case)  # it would mark the module itself as compiled


def traced(case: Case) -> Prepare:
    """Return torch.jit.trace, not strict, so that it takes dicts."""
    import torch

    positional, keywords = _arguments(case, case.feeds)
    given = {"example_kwarg_inputs": keywords} if keywords else {"example_inputs": positional}
    if keywords and positional:
        raise ValueError("torch.jit.trace takes positional or keyword arguments, not both")
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _calling(torch.jit.trace(case.module, strict=False, check_trace=False, **given), case)


def _exported(case: Case) -> Any:
    import torch

    positional, keywords = _arguments(case, case.feeds)
    with torch.no_grad():
        return torch.export.export(case.module, positional, keywords, dynamic_shapes=_open_axes(case))


def exported(case: Case) -> Prepare:
    """Return the module of a torch.export."""
    return _calling(_exported(case).module(), case)


def inductor(case: Case) -> Prepare:
    """Return an AOTInductor package."""
    import torch

    package = torch._inductor.aoti_compile_and_package(_exported(case), package_path=case.file("model.pt2"))
    return _calling(torch._inductor.aoti_load_package(package), case)


def _onnx_file(case: Case) -> str:
    import torch

    positional, keywords = _arguments(case, case.feeds)
    path = case.file("model.onnx")
    shapes = _open_axes(case)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            case.module, positional, path, kwargs=keywords, dynamo=True, dynamic_shapes=shapes, verbose=False
        )
    return path


def _order(case: Case) -> list[str]:
    """Return the names of the inputs in the order in which torch flattens the arguments, which is that of the graph."""
    import torch

    tensors = {name: placed(case.feeds[name]) for name in case.model.call.inputs}
    names = {id(tensor): name for name, tensor in tensors.items()}
    positional, keywords = case.model.call.arguments(tensors.values())
    leaves = torch.utils._pytree.tree_leaves((tuple(positional), dict(keywords)))
    return [names[id(leaf)] for leaf in leaves if id(leaf) in names]


def onnx_runtime(case: Case) -> Prepare:
    """Return an ONNX Runtime session on an ONNX file."""
    return on_onnx_runtime(_onnx_file(case), _order(case))


def openvino(case: Case) -> Prepare:
    """Return an OpenVINO model compiled from an ONNX file, in the precision of the module."""
    lowered = any(str(each.dtype) == "torch.bfloat16" for each in case.module.parameters())
    return on_openvino(_onnx_file(case), _order(case), "bf16" if lowered else "f32")


WAYS: Mapping[str, Callable[[Case], Prepare]] = {
    "eager": eager,
    "torch.compile": compiled,
    "torch.jit.trace": traced,
    "torch.export": exported,
    "AOTInductor": inductor,
    "ONNX Runtime": onnx_runtime,
    "OpenVINO": openvino,
}
"""The ways by name, each from the module and its call; each fails with whatever error its framework has."""

EXPORTS = ("torch.export", "AOTInductor", "ONNX Runtime", "OpenVINO")

ONE_SIZE = ("torch.compile",)
"""What it has seen at other sizes, it compiles for other sizes: its default is what it does first."""
