"""How the user's model is called, learnt from one sample; what a SavedModel declares, read from its folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import attrs

from nav_tf.call import TfCall, make_call
from nav_tf.feeds import feeds_of
from nav_tf.infer import as_array, as_tensor
from nav_tf.run_savedmodel import SAVED_MODEL_CPU
from nav_tf.saved_model_file import read_signature
from nav_tf.source import callable_of, model_name
from navcore.contracts import Description, Model, Names, Tensors
from navcore.domain import DeviceKind, Signature
from navcore.errors import DataloaderError, NavError, any_failure, first_line
from navcore.formats import Format
from navcore.naming import check_own

__all__ = ["describe"]


def describe(model: Any, sample: Any, names: Names) -> Description:
    """Return how a live model or a SavedModel is called.

    Raises:
        DataloaderError: The sample does not fit the model, or holds no arrays.
        ModelFileError: The SavedModel cannot be read.
        UsageError: The model cannot be called.
    """
    if isinstance(model, str | os.PathLike):
        return _describe_folder(Path(os.fsdecode(model)), sample, names)
    target = callable_of(model)
    if sample is None:
        return Description(inputs={}, infer=_no_sample)
    call, leaves = make_call(target, sample, names)
    return Description(
        inputs={name: as_array(leaf) for name, leaf in leaves.items()}, infer=_Reference(target, call), call=call
    )


def _no_sample(_inputs: Tensors) -> Tensors:
    raise DataloaderError(
        "a sample is None, and a model of TensorFlow is described by a call", "pass dataloader=[sample, ...]"
    )


@attrs.frozen(eq=False)
class _Reference:
    """The model as the user has it, called as it is."""

    model: Any
    call: TfCall

    def __call__(self, inputs: Tensors) -> Tensors:
        arguments, keywords = self.call.arguments(as_tensor(inputs[name]) for name in self.call.inputs)
        try:
            result = self.model(*arguments, **keywords)
        except NavError:
            raise
        except any_failure() as error:  # the user's model may raise anything
            shapes = ", ".join(f"{name}: {inputs[name].dtype}{list(inputs[name].shape)}" for name in self.call.inputs)
            name = model_name(self.model)
            raise DataloaderError(
                f"{name} refuses the sample ({shapes}), called as {name}{self.call!r}: "
                f"{type(error).__name__}: {first_line(error)}",
                "make shapes and dtypes of the sample those that the model takes",
            ) from error
        return {name: as_array(tensor) for name, tensor in self.call.named_outputs(result).items()}


@attrs.frozen
class _FolderCall:
    """All about calling a SavedModel that its signature does not say: where it is."""

    path: str


@attrs.define(eq=False)
class _FolderReference:
    """A SavedModel, opened here with the first call; a run opens it in a worker instead."""

    path: Path
    signature: Signature
    stack: Any = None
    infer: Any = None

    def __call__(self, feeds: Tensors) -> Tensors:
        if self.infer is None:
            model = Model(format=Format.TF_SAVEDMODEL, signature=self.signature, path=self.path)
            self.stack = SAVED_MODEL_CPU.open(model, DeviceKind.CPU)
            self.infer = self.stack.__enter__()
        outputs: Tensors = self.infer(feeds)
        return outputs


def _describe_folder(path: Path, sample: Any, names: Names) -> Description:
    signature = read_signature(path)
    check_own("input_names", names.inputs, signature.input_names, path.name)
    check_own("output_names", names.outputs, signature.output_names, path.name)
    return Description(
        inputs={} if sample is None else feeds_of(sample, signature, path.name),
        infer=_FolderReference(path, signature),
        call=_FolderCall(str(path)),
        signature=signature,
        reference=SAVED_MODEL_CPU,
    )
