"""SavedModels of live models, with the names and the sizes that vary of the signature."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs

from nav_tf.framework import load_tensorflow
from nav_tf.needs import missing_tensorflow
from nav_tf.run_tensorflow import named_function
from nav_tf.saved_model_file import DEFAULT_SIGNATURE
from navcore.configs import Arguments, thawed_arguments
from navcore.contracts import Exporter, Model
from navcore.domain import Signature, TensorSpec
from navcore.formats import Format

__all__ = ["ExportError", "SavedModelExporter", "tensor_specs", "traced"]


class ExportError(Exception):
    """What would be exported is not what the signature says."""


@attrs.frozen(kw_only=True)
class SavedModelExporter(Exporter):
    """Writes the model as one function, the signature `serving_default`.

    Not by `model.export` of Keras: it takes names from where Keras keeps them, and refuses nested outputs.

    Attributes:
        custom_args: Arguments for `tf.saved_model.SaveOptions`.
    """

    name: str = "tf-savedmodel"
    source: Format = Format.TENSORFLOW
    target: Format = Format.TF_SAVEDMODEL
    custom_args: Arguments = ()

    def unavailable(self) -> str | None:
        return missing_tensorflow()

    def write(self, model: Model, out: Path) -> Signature:
        tensorflow = load_tensorflow()
        function = traced(model)
        holder = tensorflow.Module()
        # A SavedModel holds what hangs on the object that is saved: variables, and tables of the model besides.
        holder.held = list(function.variables)
        if isinstance(model.object, tensorflow.__internal__.tracking.AutoTrackable):
            holder.model = model.object
        options = tensorflow.saved_model.SaveOptions(**thawed_arguments(self.custom_args))
        tensorflow.saved_model.save(holder, str(out), signatures={DEFAULT_SIGNATURE: function}, options=options)
        return model.signature


def traced(model: Model) -> Any:
    """Return a live model as a concrete function of tensors by the signature's names.

    Raises:
        ExportError: A name is none that TensorFlow can keep, or a size that varies was fixed.
    """
    tensorflow, signature = load_tensorflow(), model.signature
    for name in signature.input_names:
        if not (name.isidentifier() and name.isascii()):
            raise ExportError(
                f"TensorFlow keeps no input named {name!r}: give names of letters, digits and _ by input_names=[...]"
            )
    function = tensorflow.function(named_function(model.object, model.call), autograph=False)
    concrete = function.get_concrete_function(**tensor_specs(signature.inputs))
    _check_outputs(signature, concrete.structured_outputs)
    return concrete


def tensor_specs(inputs: tuple[TensorSpec, ...]) -> dict[str, Any]:
    """Return a `tf.TensorSpec` for each input by name; sizes that vary are None."""
    tensorflow = load_tensorflow()
    return {
        spec.name: tensorflow.TensorSpec(
            [None if isinstance(size, str) else size for size in spec.shape], spec.dtype, spec.name
        )
        for spec in inputs
    }


def _check_outputs(signature: Signature, outputs: Any) -> None:
    """Refuse an output whose size is fixed where the model's varies."""
    for spec in signature.outputs:
        shape = outputs[spec.name].shape
        for named, size in zip(spec.shape, shape if shape.rank is not None else (), strict=shape.rank is not None):
            if isinstance(named, str) and size is not None:
                raise ExportError(
                    f"{named} was baked in: {spec.name} is {size} where the model's varies; take sizes from "
                    "tf.shape(x) in the model, not from x.shape"
                )
