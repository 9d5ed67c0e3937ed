"""TorchCall: how named tensors become a call of the user's module, and its result named tensors again."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import attrs

from nav_torch.hidden import hidden_tensors
from nav_torch.sample import arguments_of
from nav_torch.tree import Leaf, Node, flatten, rebuild, render
from nav_torch.watch import Watch
from navcore.arguments import Arguments
from navcore.domain import Names
from navcore.errors import DataloaderError
from navcore.naming import KeyPath, check_apart, chosen_names, leaf_names

__all__ = ["TorchCall", "make_call"]


@attrs.frozen(repr=False)
class TorchCall:
    """The structure of a call; equal for samples that differ only in their tensors.

    Attributes:
        positional, keywords: Structure of the arguments, with their constants.
        inputs: Names of the leaves of both, in order.
        outputs: Names for the outputs as the user wants them; empty where they name themselves.
        watch: What calls were seen to change in the module.
    """

    positional: tuple[Node, ...]
    keywords: tuple[tuple[str, Node], ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...] = ()
    watch: Watch = attrs.field(factory=Watch, eq=False)
    _output_names: dict[tuple[KeyPath, ...], tuple[str, ...]] = attrs.field(factory=dict, eq=False, init=False)

    def __repr__(self) -> str:
        names = iter(self.inputs)
        parts = [render(node, names) for node in self.positional]
        parts += [f"{key}={render(node, names)}" for key, node in self.keywords]
        return f"forward({', '.join(parts)})"

    @property
    def only_tensors(self) -> bool:
        """Whether the arguments are the tensors themselves, in the order of `inputs`."""
        return not self.keywords and all(isinstance(node, Leaf) for node in self.positional)

    def arguments(self, tensors: Iterable[Any]) -> Arguments:
        """Return positional and keyword arguments with these tensors, given in the order of `inputs`."""
        leaves = iter(tensors)
        positional = tuple(rebuild(node, leaves) for node in self.positional)
        return positional, {key: rebuild(node, leaves) for key, node in self.keywords}

    def named_outputs(self, result: Any) -> dict[str, Any]:
        """Return the tensors of what `forward` returned, by name.

        What is no tensor is left out. Names that an input has are not used, because a graph on disk has one
        namespace for both.

        Raises:
            DataloaderError: There are no tensors in it, or not as many as the user gave names for.
        """
        _, leaves = flatten(result)
        if not leaves:
            raise DataloaderError(
                f"forward returned {type(result).__name__}, which holds no tensors that can be found",
                "return tensors, or tuples, lists, dicts or dataclasses of tensors",
            )
        paths = tuple([path for path, _ in leaves])
        names = self._output_names.get(paths)
        if names is None:  # only once, since making them takes longer than many a model
            automatic = leaf_names(paths, "output", taken=self.inputs)
            names = self._output_names[paths] = chosen_names(self.outputs, automatic, "output")
        return {name: leaf for name, (_, leaf) in zip(names, leaves, strict=True)}


def make_call(module: Any, sample: Any, names: Names) -> tuple[TorchCall, Mapping[str, Any]]:
    """Return the call that a sample stands for, and the sample's tensors and arrays by name.

    Raises:
        DataloaderError: The sample holds no tensors, or some that cannot be found; it does not fit `forward`; the names
            are not as many, or not different ones.
    """
    positional, keywords = arguments_of(module, sample)
    nodes, leaves = _flatten_each([*enumerate(positional), *keywords.items()])
    if not leaves:
        raise DataloaderError(
            f"the sample ({type(sample).__name__}) holds no tensors",
            "give torch tensors or numpy arrays, or tuples, lists, dicts or dataclasses of them",
        )
    for argument, node in zip([*range(len(positional)), *keywords], nodes, strict=True):
        _check_hidden(argument, node)
    inputs = chosen_names(names.inputs, leaf_names(tuple(path for path, _ in leaves), "input"), "input")
    check_apart(inputs, names.outputs)
    split = len(positional)
    call = TorchCall(nodes[:split], tuple(zip(keywords, nodes[split:], strict=True)), inputs, names.outputs)
    return call, dict(zip(inputs, (leaf for _, leaf in leaves), strict=True))


def _check_hidden(argument: Hashable, node: Node) -> None:
    """Refuse an argument with an object that holds tensors: they would be constants, the same in every call."""
    for path, kind in hidden_tensors(node):
        place = "".join(f"[{key!r}]" for key in path)
        raise DataloaderError(
            f"argument {argument}{place} is of class {kind}, which holds tensors that cannot be told apart",
            "give tensors, or tuples, lists, dicts or dataclasses of them; for another class, wrap the model in a "
            "module whose forward makes it",
        )


def _flatten_each(items: Iterable[tuple[Hashable, Any]]) -> tuple[tuple[Node, ...], list[tuple[KeyPath, Any]]]:
    """Return one structure per argument, and the leaves of all with the argument's place or keyword on their path."""
    nodes: list[Node] = []
    leaves: list[tuple[KeyPath, Any]] = []
    for key, value in items:
        node, own = flatten(value)
        nodes.append(node)
        leaves += [((key, *path), leaf) for path, leaf in own]
    return tuple(nodes), leaves
