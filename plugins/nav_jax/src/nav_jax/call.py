"""JaxCall: how named arrays become a call of the user's function, and its result named arrays again."""

from __future__ import annotations

import inspect
from collections.abc import Hashable, Iterable
from typing import Any

import attrs

from nav_jax.arrays import is_array
from nav_jax.jax_model import JaxModel
from navcore.arguments import Arguments, argument_choices, first_that_binds
from navcore.domain import Names
from navcore.errors import DataloaderError
from navcore.naming import KeyPath, check_apart, chosen_names, leaf_names

__all__ = ["JaxCall", "make_call"]


def _same_constants(value: tuple[tuple[int, Any], ...]) -> tuple[Any, ...]:
    """Return what to compare constants by: 1, 1.0 and True differ, and nan equals itself."""
    return tuple((place, type(each), repr(each)) for place, each in value)


@attrs.frozen(repr=False)
class JaxCall:
    """The structure of a call; equal for samples that differ only in their arrays.

    Attributes:
        structure: The pytree of positional and keyword arguments.
        constants: Leaves that are no arrays, numbers and texts, with their places among all leaves.
        inputs: Names of the arrays, in order.
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

    def arguments(self, arrays: Iterable[Any]) -> Arguments:
        """Return positional and keyword arguments with these arrays, given in the order of `inputs`."""
        import jax

        held = dict(self.constants)
        given = iter(arrays)
        count = len(self.inputs) + len(held)
        leaves = [held[place] if place in held else next(given) for place in range(count)]
        arguments: Arguments = jax.tree_util.tree_unflatten(self.structure, leaves)
        return arguments

    def named_outputs(self, result: Any) -> dict[str, Any]:
        """Return the arrays of what the function returned, by name.

        Raises:
            DataloaderError: There are none in it, or not as many as the user gave names for.
        """
        import jax

        found = [
            (_path(keys), leaf) for keys, leaf in jax.tree_util.tree_flatten_with_path(result)[0] if is_array(leaf)
        ]
        if not found:
            raise DataloaderError(
                f"the function returned {type(result).__name__}, which holds no arrays",
                "return arrays, or a pytree of arrays",
            )
        automatic = leaf_names(tuple(path for path, _ in found), "output", taken=self.inputs)
        names = chosen_names(self.outputs, automatic, "output")
        return dict(zip(names, (leaf for _, leaf in found), strict=True))


def make_call(model: JaxModel, sample: Any, names: Names) -> tuple[JaxCall, dict[str, Any]]:
    """Return the call that a sample stands for, and the sample's arrays by name.

    Raises:
        DataloaderError: The sample holds no arrays, or does not fit the function; the names are not as many, or not
            different ones.
    """
    import jax

    arguments = _arguments_of(model, sample)
    leaves, structure = jax.tree_util.tree_flatten_with_path(arguments)
    arrays = [(_path(keys)[1:], leaf) for keys, leaf in leaves if is_array(leaf)]
    if not arrays:
        raise DataloaderError(
            f"the sample ({type(sample).__name__}) holds no arrays", "give NumPy or JAX arrays, or pytrees of them"
        )
    constants = tuple((place, leaf) for place, (_, leaf) in enumerate(leaves) if not is_array(leaf))
    inputs = chosen_names(names.inputs, leaf_names(tuple(path for path, _ in arrays), "input"), "input")
    check_apart(inputs, names.outputs)
    call = JaxCall(structure, constants, inputs, names.outputs)
    return call, dict(zip(inputs, (leaf for _, leaf in arrays), strict=True))


def _path(keys: Iterable[Any]) -> KeyPath:
    """Return JAX's path to a leaf as keys, field names and positions."""
    return tuple(_key(key) for key in keys)


def _key(key: Any) -> Hashable:
    for attribute in ("key", "name", "idx"):
        if hasattr(key, attribute):
            value: Hashable = getattr(key, attribute)
            return value
    return str(key)


def _arguments_of(model: JaxModel, sample: Any) -> Arguments:
    """Return the arguments that a sample stands for.

    Raises:
        DataloaderError: It does not fit the function.
    """
    signature = model.signature()
    choices = argument_choices(sample, () if signature is None else signature.parameters)
    if signature is None:
        return choices[0]
    try:
        return first_that_binds(choices, signature)
    except TypeError as error:
        reason = str(error)
    raise DataloaderError(
        f"the sample ({type(sample).__name__}) does not fit {model.name}{_plain(signature)}: {reason}",
        "give a tuple with one value per parameter, or a dict whose keys are names of parameters; the model's own "
        "parameters are given once, as model_params",
    )


def _plain(signature: inspect.Signature) -> inspect.Signature:
    nothing = inspect.Parameter.empty
    parameters = [each.replace(annotation=nothing) for each in signature.parameters.values()]
    return signature.replace(parameters=parameters, return_annotation=nothing)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)
