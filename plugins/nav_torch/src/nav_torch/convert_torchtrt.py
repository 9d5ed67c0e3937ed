"""Torch-TensorRT: the parts of an exported program that TensorRT can run become engines."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from nav_torch.export_error import explained
from nav_torch.infer import infer_artifact
from nav_torch.proof import prove
from nav_torch.run_exportedprogram import on_device
from nav_torch.run_torchtrt import load_engines, missing_torchtrt
from nav_torch.sizes import input_dimensions, ordered_examples, sizes_seen
from navcore.configs import Arguments, thawed_arguments
from navcore.contracts import Converter, Model, Tensors
from navcore.domain import DeviceKind, Range, Signature
from navcore.formats import Format

__all__ = ["TorchTensorRTConverter", "profile_ranges", "shapes_at"]

_LOWER = {"fp16": "float16", "bf16": "bfloat16"}


@attrs.frozen(kw_only=True)
class TorchTensorRTConverter(Converter):
    """Writes an exported program with engines in it, for sizes up to those of the examples, and a batch up to a limit.

    Attributes:
        max_batch_size: Largest batch that the engines are built for, where the program takes it.
        max_workspace_size: Bytes that TensorRT may use while it builds; None: all that there are.
        custom_args: Further arguments for torch_tensorrt.dynamo.compile.
    """

    name: str = "torch-trt"
    imports: tuple[str, ...] = ("torch",)
    source: Format = Format.TORCH_EXPORTEDPROGRAM
    target: Format = Format.TORCH_TRT
    bound_to: tuple[str, ...] = ("cuda.device", "tensorrt", "torch")
    precision: str | None = attrs.field(default=None, validator=attrs.validators.in_((None, *_LOWER)))
    max_batch_size: int = attrs.field(default=64, validator=attrs.validators.ge(1))
    max_workspace_size: int | None = attrs.field(
        default=None, validator=attrs.validators.optional(attrs.validators.ge(0))
    )
    custom_args: Arguments = ()

    def unavailable(self) -> str | None:
        return missing_torchtrt()

    def write(self, model: Model, out: Path) -> Signature:
        import torch
        import torch_tensorrt

        device, examples = torch.device("cuda"), ordered_examples(model)
        program = on_device(torch.export.load(model.path), DeviceKind.CUDA)
        ranges = profile_ranges(model.signature, examples, self.max_batch_size)
        signature = attrs.evolve(model.signature, ranges=ranges)
        with explained("torch_tensorrt.dynamo.compile"), torch.no_grad():
            compiled = torch_tensorrt.dynamo.compile(
                program,
                inputs=[torch_tensorrt.Input(**shapes) for shapes in _inputs(signature, examples[0])],
                **self._settings(torch_tensorrt.dynamo.compile),
            )
            torch_tensorrt.save(compiled, str(out), retrace=False)
        artifact = infer_artifact(load_engines(out), model, device)
        return prove(signature, examples, infer_artifact(program.module(), model, device), artifact)

    def _settings(self, function: Any) -> dict[str, Any]:
        """Return what torch_tensorrt is told besides shapes."""
        import torch

        # TensorFloat-32 is a lower precision than the name of the tool says.
        settings: dict[str, Any] = {"disable_tf32": True, "workspace_size": self.max_workspace_size or 0}
        if self.precision is not None:
            lower = getattr(torch, _LOWER[self.precision])
            if "enable_autocast" in inspect.signature(function).parameters:  # Torch-TensorRT 2.10 and later
                settings |= {"enable_autocast": True, "autocast_low_precision_type": lower}
            else:
                settings |= {"enabled_precisions": {torch.float32, lower}, "use_explicit_typing": False}
        return {**settings, **thawed_arguments(self.custom_args)}


def profile_ranges(signature: Signature, examples: tuple[Tensors, ...], max_batch_size: int) -> tuple[Range, ...]:
    """Return the sizes that engines are built for, by dimension: from the smallest that the program takes.

    The largest batch is a limit, or what the program takes if that is less; other dimensions go up to the longest
    example.
    """
    known = {each.dimension: each for each in signature.ranges}
    found = []
    for dimension in sorted(input_dimensions(signature)):
        given, seen = known.get(dimension, Range(dimension)), sizes_seen(dimension, signature, examples)
        most = max(*seen, max_batch_size) if dimension == signature.batch else max(seen)
        largest = most if given.largest is None else min(most, given.largest)
        found.append(Range(dimension, max(given.smallest, 1), largest))
    return tuple(found)


def shapes_at(signature: Signature, sizes: Mapping[str, int]) -> Iterator[tuple[int, ...]]:
    """Yield the shape of each input at these sizes of its named dimensions."""
    for spec in signature.inputs:
        yield tuple(sizes[size] if isinstance(size, str) else size for size in spec.shape)


def _inputs(signature: Signature, example: Tensors) -> Iterator[dict[str, Any]]:
    """Yield what torch_tensorrt.Input is told of each input."""
    import torch

    smallest = {each.dimension: each.smallest for each in signature.ranges}
    largest = {each.dimension: each.largest or each.smallest for each in signature.ranges}
    shapes = zip(shapes_at(signature, smallest), shapes_at(signature, largest), strict=True)
    for spec, (low, high) in zip(signature.inputs, shapes, strict=True):
        dtype = getattr(torch, spec.dtype)
        if low == high:
            yield {"shape": low, "dtype": dtype}
        else:
            optimum = tuple(example[spec.name].shape)
            yield {"min_shape": low, "opt_shape": optimum, "max_shape": high, "dtype": dtype}
