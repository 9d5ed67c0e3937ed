"""StableHLO to a SavedModel, by jax2tf: in a worker, so that TensorFlow is never imported beside the user's code."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import attrs

from nav_jax.device import missing_jax
from nav_jax.shapes import ExportError
from navcore.contracts import Converter, Model
from navcore.domain import Signature, TensorSpec
from navcore.formats import Format

__all__ = ["SavedModelConverter"]


@attrs.frozen(kw_only=True)
class SavedModelConverter(Converter):
    """Writes a folder with one signature, `serving_default`, that has the names of inputs and outputs.

    The operator in it, XlaCallModule, holds the StableHLO: TensorFlow runs it where XLA is, for the platforms that it
    was exported for. Neither tf2onnx nor OpenVINO reads it (tf2onnx 1.17, OpenVINO 2026.4).
    """

    name: str = "jax-savedmodel"
    imports: tuple[str, ...] = ("jax", "jax.export", "tensorflow")
    source: Format = Format.JAX_STABLEHLO
    target: Format = Format.TF_SAVEDMODEL

    def unavailable(self) -> str | None:
        if (missing := missing_jax()) is not None:
            return missing
        return None if find_spec("tensorflow") else "TensorFlow is not installed; pip install 'nav-jax[savedmodel]'"

    def write(self, model: Model, out: Path) -> Signature:
        import tensorflow as tf
        from jax import export
        from jax.experimental import jax2tf

        if model.path is None:
            raise ValueError(f"{self.name} needs a file, and was given a {model.format} without a path")
        exported = export.deserialize(bytearray(model.path.read_bytes()))
        signature = model.signature
        function = jax2tf.convert(
            exported.call,
            polymorphic_shapes=[_polymorphic(spec) for spec in signature.inputs],
            with_gradient=False,
            native_serialization_platforms=exported.platforms,
        )
        module = tf.Module()
        module.serve = _served(tf, function, signature)
        concrete = module.serve.get_concrete_function()
        _check_names(concrete, signature)
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        tf.saved_model.save(module, str(out), signatures=concrete, options=options)
        return signature


def _polymorphic(spec: TensorSpec) -> str:
    """Return a shape as jax2tf takes it: names for sizes that vary."""
    return f"({', '.join(map(str, spec.shape))})"


def _served(tf: Any, function: Any, signature: Signature) -> Any:
    """Return a tf.function of named inputs that returns named outputs."""
    inputs = [
        tf.TensorSpec([None if isinstance(size, str) else size for size in spec.shape], spec.dtype, name=spec.name)
        for spec in signature.inputs
    ]

    def serve(*tensors: Any) -> dict[str, Any]:
        return dict(zip(signature.output_names, function(*tensors), strict=True))

    return tf.function(serve, input_signature=inputs, autograph=False)


def _check_names(concrete: Any, signature: Signature) -> None:
    """Refuse a signature in which TensorFlow renamed an input: those with characters that it does not take."""
    given = {tensor.name.partition(":")[0] for tensor in concrete.inputs}
    lost = sorted(set(signature.input_names) - given)
    if lost:
        raise ExportError(
            f"TensorFlow takes no input of the name {lost[0]!r}; give input_names of letters, digits and '_'"
        )
