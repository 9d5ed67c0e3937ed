"""JaxModel: a function with its parameters, as JAX has models."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

import attrs

from nav_jax.arrays import is_array
from navcore.errors import UsageError
from navcore.keywords import checked_options

__all__ = ["JaxModel", "is_model_object"]

_KEYWORD = "params"
"""A function with a parameter of this name is given the parameters by it, unless it is the first one."""


@checked_options
@attrs.frozen(eq=False, repr=False)
class JaxModel:
    """A model of JAX, for `nav.optimize`; `nav.jax.optimize` makes it of its first two arguments.

    Attributes:
        model: A function; a module of Flax (linen, or nnx); or any callable that is a pytree, as Equinox has them.
        params: What the function takes as `params`, or else as its first argument; the variables of a linen module.
            A pytree of arrays. None: the function takes none, and nnx modules and pytrees hold their own.
    """

    model: Any
    params: Any = None

    def __attrs_post_init__(self) -> None:
        if not callable(self.model):
            raise UsageError(
                f"model={type(self.model).__name__}(...) cannot be called", "give a function, or a module of Flax"
            )
        if _is_linen(self.model) and self.params is None:
            raise UsageError(
                f"{type(self.model).__name__} is a linen module, which holds no parameters, and model_params is None",
                "give its variables: model_params=module.init(key, sample)",
            )
        if self.params is not None and _holds_its_own(self.model):
            raise UsageError(
                f"{type(self.model).__name__} holds its parameters itself, and model_params was given too",
                "leave model_params out",
            )

    def __repr__(self) -> str:
        return f"JaxModel({self.name})"

    @property
    def name(self) -> str:
        """Name of the function or of the module's class."""
        return getattr(self.model, "__name__", None) or type(self.model).__name__

    def pure(self) -> tuple[Callable[..., Any], Any]:
        """Return a function of parameters, positional and keyword arguments, and the parameters.

        It leaves the model as it was: what an nnx module or a pytree changes in itself is changed in a copy.
        """
        if _is_linen(self.model):
            return _linen(self.model), self.params
        if _is_nnx(self.model):
            return _nnx(self.model)
        if _is_pytree(self.model):
            return _pytree(self.model)
        return _function(self.model, self.params), self.params

    def signature(self) -> inspect.Signature | None:
        """Return what it takes besides the parameters, or None where it does not tell."""
        target = type(self.model).__call__ if _holds_its_own(self.model) or _is_linen(self.model) else self.model
        try:
            told = inspect.signature(target)
        except (TypeError, ValueError):  # a callable made in C
            return None
        parameters = list(told.parameters.values())
        if target is not self.model:
            return told.replace(parameters=parameters[1:])  # without self
        if self.params is None:
            return told
        if _takes_by_keyword(self.model):
            return told.replace(parameters=[each for each in parameters if each.name != _KEYWORD])
        return told.replace(parameters=parameters[1:])


def is_model_object(value: Any) -> bool:
    """Return whether a value is a model that holds its parameters, by the modules that are imported already."""
    return _is_nnx(value) or isinstance(value, _class_of("equinox", "Module"))


def _holds_its_own(model: Any) -> bool:
    return _is_nnx(model) or (not _is_linen(model) and _is_pytree(model))


def _is_linen(model: Any) -> bool:
    return isinstance(model, _class_of("flax.linen", "Module"))


def _is_nnx(model: Any) -> bool:
    return isinstance(model, _class_of("flax.nnx", "Module"))


def _class_of(module: str, name: str) -> Any:
    """Return a class of a module that somebody has imported; of another one there are no instances."""
    return getattr(sys.modules.get(module), name, ())


def _is_pytree(model: Any) -> bool:
    import jax

    return not inspect.isroutine(model) and not jax.tree_util.all_leaves([model])


def _linen(model: Any) -> Callable[..., Any]:
    def call(params: Any, /, *arguments: Any, **keywords: Any) -> Any:
        return model.apply(params, *arguments, **keywords)

    return call


def _nnx(model: Any) -> tuple[Callable[..., Any], Any]:
    import jax
    from flax import nnx

    structure, state = nnx.split(model)

    def call(params: Any, /, *arguments: Any, **keywords: Any) -> Any:
        # Other variables of the same arrays: the module would change those that it is merged from (flax 0.12).
        own = jax.tree_util.tree_map(lambda array: array, params)
        return nnx.merge(structure, own)(*arguments, **keywords)

    return call, state


def _pytree(model: Any) -> tuple[Callable[..., Any], Any]:
    """Return the callable's arrays as parameters; what else it holds stays what it is."""
    import jax

    leaves, structure = jax.tree_util.tree_flatten(model)
    places = [place for place, leaf in enumerate(leaves) if is_array(leaf)]

    def call(params: Any, /, *arguments: Any, **keywords: Any) -> Any:
        own = list(leaves)
        for place, array in zip(places, params, strict=True):
            own[place] = array
        return jax.tree_util.tree_unflatten(structure, own)(*arguments, **keywords)

    return call, [leaves[place] for place in places]


def _function(function: Callable[..., Any], params: Any) -> Callable[..., Any]:
    def without(_params: Any, /, *arguments: Any, **keywords: Any) -> Any:
        return function(*arguments, **keywords)

    def by_keyword(params: Any, /, *arguments: Any, **keywords: Any) -> Any:
        return function(*arguments, **{_KEYWORD: params, **keywords})

    def first(params: Any, /, *arguments: Any, **keywords: Any) -> Any:
        return function(params, *arguments, **keywords)

    if params is None:
        return without
    return by_keyword if _takes_by_keyword(function) else first


def _takes_by_keyword(function: Callable[..., Any]) -> bool:
    """Return whether a function has a parameter `params`, and not as its first."""
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # a callable made in C
        return False
    return _KEYWORD in names[1:]
