"""Lets torch's older ONNX exporter leave weights out, and writes them beside its file, one by one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from nav_torch.export_error import ExportError

__all__ = ["WITHOUT_WEIGHTS", "put_weights", "without_weights"]

WITHOUT_WEIGHTS = {"export_params": False, "do_constant_folding": False}
"""Arguments of `torch.onnx.export` with which it makes inputs of weights."""

_SHAPES = "_jit_pass_onnx_graph_shape_type_inference"

_PAGE = 4096
"""Runtimes map external data, which has to begin at a page for that."""


@contextmanager
def without_weights() -> Iterator[None]:
    """Run an export with WITHOUT_WEIGHTS, in which torch does not copy the weights either.

    With weights it needs three times their size, and without two: to infer shapes it makes a model and its text with
    all values in it, of which it needs none (torch 2.13). Drop with the exporter.
    """
    import torch

    infer = getattr(torch._C, _SHAPES, None)
    if infer is None:
        yield
        return
    setattr(torch._C, _SHAPES, lambda graph, _weights, opset: infer(graph, {}, opset))
    try:
        yield
    finally:
        setattr(torch._C, _SHAPES, infer)


def put_weights(path: Path, tensors: Mapping[str, Any], inputs: Collection[str]) -> None:
    """Make constants of inputs.

    Args:
        path: An ONNX file that was exported without weights.
        tensors: Parameters and buffers by the names that the inputs have.
        inputs: Names of the inputs that are none of them.

    Raises:
        ExportError: There is an input that is neither.
    """
    import onnx

    proto = onnx.load(str(path), load_external_data=False)
    location = f"{path.name}.data"
    with (path.parent / location).open("wb") as file:
        for value in proto.graph.input:
            if value.name in inputs:
                continue
            if value.name not in tensors:
                raise ExportError(f"the exporter made an input of {value.name}, which is none", "use another route")
            proto.graph.initializer.append(_written(value, tensors[value.name], file, location))
    kept = [onnx.ValueInfoProto.FromString(each.SerializeToString()) for each in proto.graph.input]
    del proto.graph.input[:]
    proto.graph.input.extend(value for value in kept if value.name in inputs)
    onnx.save_model(proto, str(path))


def _written(value: Any, tensor: Any, file: BinaryIO, location: str) -> Any:
    """Return the constant whose values are written into the file."""
    import onnx
    import torch

    file.write(b"\0" * (-file.tell() % _PAGE))
    dense = tensor.detach().resolve_conj().resolve_neg().cpu().contiguous().reshape(-1)
    offset = file.tell()
    file.write(dense.view(torch.uint8).numpy().data)
    made = onnx.TensorProto(
        name=value.name,
        dims=tensor.shape,
        data_type=value.type.tensor_type.elem_type,
        data_location=onnx.TensorProto.EXTERNAL,
    )
    place = {"location": location, "offset": offset, "length": dense.nbytes}
    for key, entry in place.items():
        made.external_data.add(key=key, value=str(entry))
    return made
