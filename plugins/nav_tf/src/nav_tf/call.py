"""TfCall: how named tensors become a call of the user's model, and its result named tensors again."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from typing import Any

import attrs
import numpy as np

from nav_tf.source import call_signature, is_keras, model_name
from navcore.arguments import Arguments, argument_choices, first_that_binds
from navcore.domain import Names
from navcore.errors import DataloaderError
from navcore.naming import check_apart, chosen_names, leaf_names

__all__ = ["TfCall", "make_call"]

_AUTOMATIC = re.compile(r"(keras_tensor|input_layer)(_\d+)?")
"""Names that Keras counts up: they depend on what was made before."""


def _same_constants(value: tuple[tuple[int, Any], ...]) -> tuple[Any, ...]:
    """Return what to compare constants by: 1, 1.0 and True differ, and nan equals itself."""
    return tuple((place, type(each), repr(each)) for place, each in value)


@attrs.frozen(repr=False)
class TfCall:
    """The structure of a call; equal for samples that differ only in their tensors.

    Attributes:
        structure: The tree of positional and keyword arguments, as optree has it.
        constants: Leaves that are no tensors, with their places among all leaves.
        inputs: Names of the tensors, in order.
        outputs: Names for the outputs as the user wants them; empty where they name themselves.
    """

    structure: Any
    constants: tuple[tuple[int, Any], ...] = attrs.field(eq=_same_constants)
    inputs: tuple[str, ...]
    outputs: tuple[str, ...] = ()

    def __repr__(self) -> str:
        arguments, keywords = self.arguments(self.inputs)
        parts = [*map(_shown, arguments), *(f"{key}={_shown(value)}" for key, value in keywords.items())]
        return f"({', '.join(parts)})"

    def arguments(self, tensors: Iterable[Any]) -> Arguments:
        """Return positional and keyword arguments with these tensors, given in the order of `inputs`."""
        import optree

        held, given = dict(self.constants), iter(tensors)
        count = len(self.inputs) + len(held)
        leaves = [held[place] if place in held else next(given) for place in range(count)]
        arguments: Arguments = optree.tree_unflatten(self.structure, leaves)
        return arguments

    def named_outputs(self, result: Any) -> dict[str, Any]:
        """Return the tensors of what the model returned, by name.

        Raises:
            DataloaderError: There are none in it, some are not dense, or they are not as many as the user named.
        """
        import optree
        import tensorflow

        paths, leaves, _ = optree.tree_flatten_with_path(result, none_is_leaf=True)
        found = []
        for path, leaf in zip(paths, leaves, strict=True):
            if isinstance(leaf, tensorflow.Tensor | tensorflow.Variable | np.ndarray):
                found.append((path, leaf))
            elif tensorflow.is_tensor(leaf):
                raise DataloaderError(
                    f"the model returned a {type(leaf).__name__}, and only dense tensors can be compared",
                    "return leaf.to_tensor() or tf.sparse.to_dense(leaf) from a function around the model",
                )
        if not found:
            raise DataloaderError(
                f"the model returned {type(result).__name__}, which holds no tensors",
                "return tensors, or dicts, lists and tuples of them",
            )
        automatic = leaf_names(tuple(path for path, _ in found), "output", taken=self.inputs)
        names = chosen_names(self.outputs, automatic, "output")
        return dict(zip(names, (leaf for _, leaf in found), strict=True))


def make_call(model: Any, sample: Any, names: Names) -> tuple[TfCall, dict[str, Any]]:
    """Return the call that a sample stands for, and the sample's tensors and arrays by name.

    Raises:
        DataloaderError: The sample holds no tensors, or does not fit the model; the names are not as many, or not
            different ones.
    """
    import optree

    arguments = _arguments_of(model, sample)
    paths, leaves, structure = optree.tree_flatten_with_path(arguments, none_is_leaf=True)
    tensors = [(path[1:], leaf) for path, leaf in zip(paths, leaves, strict=True) if _is_tensor(leaf)]
    if not tensors:
        raise DataloaderError(
            f"the sample ({type(sample).__name__}) holds no arrays",
            "give NumPy arrays or dense tensors, or dicts, lists and tuples of them",
        )
    constants = tuple((place, leaf) for place, leaf in enumerate(leaves) if not _is_tensor(leaf))
    automatic = _declared(model, len(tensors)) or leaf_names(tuple(path for path, _ in tensors), "input")
    keyed = any(isinstance(key, str) for path, _ in tensors for key in path)
    automatic = leaf_names(tuple(path for path, _ in tensors), "input") if keyed else automatic
    inputs = chosen_names(names.inputs, automatic, "input")
    check_apart(inputs, names.outputs)
    call = TfCall(structure, constants, inputs, names.outputs)
    return call, dict(zip(inputs, (leaf for _, leaf in tensors), strict=True))


def _declared(model: Any, count: int) -> tuple[str, ...]:
    """Return the names that the user gave the inputs of a Keras model of this many; empty where they did not."""
    names = tuple(tensor.name for tensor in getattr(model, "inputs", None) or ()) if is_keras(model) else ()
    given = len(names) == count and len(set(names)) == count and not any(map(_AUTOMATIC.fullmatch, names))
    return names if given and all(name.isidentifier() for name in names) else ()


def _is_tensor(leaf: Any) -> bool:
    import tensorflow

    return isinstance(leaf, np.ndarray | np.generic | tensorflow.Tensor | tensorflow.Variable)


def _arguments_of(model: Any, sample: Any) -> Arguments:
    """Return the arguments that a sample stands for; a model of Keras that has one takes a tuple as that one.

    Raises:
        DataloaderError: It does not fit the model.
    """
    own, full = call_signature(model)
    choices = argument_choices(sample, () if full is None else full.parameters)
    if own is None or full is None:
        return choices[0]
    if is_keras(model) and isinstance(sample, tuple | list):
        choices.append(((list(sample),), {}))
    for signature in (own, full):
        try:
            return first_that_binds(choices, signature)
        except TypeError as error:
            reason = str(error)
    raise DataloaderError(
        f"the sample ({type(sample).__name__}) does not fit {model_name(model)}{_plain(own)}: {reason}",
        "give a tuple with one value per parameter and no labels, or a dict whose keys are names of parameters",
    )


def _plain(signature: inspect.Signature) -> str:
    return f"({', '.join(signature.parameters)})"


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)
