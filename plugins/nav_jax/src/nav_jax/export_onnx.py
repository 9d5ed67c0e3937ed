"""ONNX, through jax2onnx."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import attrs

from nav_jax.device import missing_jax
from nav_jax.run_jax import flat_function
from nav_jax.shapes import ExportError, explained, symbolic_inputs
from navcore.contracts import Exporter, Model
from navcore.domain import Signature
from navcore.errors import first_line
from navcore.formats import Format

__all__ = ["JaxOnnxExporter"]

_PRIMITIVE = re.compile(r"primitive '(?P<name>[^']+)'")
"""Where it names the primitive; where it has some of a primitive's forms only, it names that itself (jax2onnx 0.17)."""

_OPSETS = (17, 24)
"""From the first with LayerNormalization to the last that it was tried with (jax2onnx 0.17)."""

_IR_VERSION = 10
"""Read by every runtime here."""


@attrs.frozen(kw_only=True)
class JaxOnnxExporter(Exporter):
    """Writes an ONNX file whose dynamic axes have the signature's names.

    Attributes:
        opset: Version of the ONNX operators.
    """

    name: str = "jax-onnx"
    source: Format = Format.JAX
    target: Format = Format.ONNX
    opset: int = 21

    def unavailable(self) -> str | None:
        if (missing := missing_jax()) is not None:
            return missing
        if find_spec("jax2onnx") is None or find_spec("onnx") is None:
            return "jax2onnx is not installed; pip install 'nav-jax[onnx]'"
        return None

    def unsuited(self, model: Model) -> str | None:
        # Not in a validator of the field: OnnxConfig sets it for the models of all frameworks at once.
        if _OPSETS[0] <= self.opset <= _OPSETS[1]:
            return None
        return f"jax2onnx writes the opsets {_OPSETS[0]} to {_OPSETS[1]} here, and opset={self.opset} was asked for"

    def write(self, model: Model, out: Path) -> Signature:
        import jax2onnx
        import onnx

        signature = model.signature
        with _unsupported(), explained(signature):
            made = jax2onnx.to_onnx(
                flat_function(model),
                inputs=symbolic_inputs(signature),
                opset=self.opset,
                input_names=list(signature.input_names),
                output_names=list(signature.output_names),
            )
        # It writes shapes of its own order of axes beside those of ONNX, which the checker refuses (jax2onnx 0.17).
        del made.graph.value_info[:]
        made.ir_version = min(made.ir_version, _IR_VERSION)
        _check_sides(made, signature)
        onnx.save(made, str(out))
        onnx.checker.check_model(str(out), full_check=True)
        return signature


@contextmanager
def _unsupported() -> Iterator[None]:
    """Say which primitive of JAX has no form in ONNX.

    Raises:
        ExportError: jax2onnx knows none.
    """
    try:
        yield
    except NotImplementedError as error:
        text = first_line(error)
        found = _PRIMITIVE.search(text)
        what = f"the primitive {found['name']!r}" if found else f"what the function uses: {text}"
        raise ExportError(f"jax2onnx has no operators of ONNX for {what}") from error


def _check_sides(made: Any, signature: Signature) -> None:
    """Refuse a file that lost an input or an output, or fixed a size that varies."""
    for specs, values in ((signature.inputs, made.graph.input), (signature.outputs, made.graph.output)):
        given = {value.name: value.type.tensor_type.shape.dim for value in values}
        for spec in specs:
            if spec.name not in given:
                raise ExportError(f"jax2onnx lost {spec.name}; use another route")
            for named, dimension in zip(spec.shape, given[spec.name], strict=True):
                if isinstance(named, str):
                    if dimension.HasField("dim_value"):
                        raise ExportError(f"{named} was baked in: {spec.name} is {dimension.dim_value} in the file")
                    dimension.dim_param = named
