"""Samples that hold a PackedSequence: its rows are those of several sequences, and no batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nav_torch.call import TorchCall
from nav_torch.tree import Branch, Leaf, Node
from navcore.contracts import Tensors
from navcore.errors import DataloaderError

__all__ = ["PACKED", "check_packed", "packed_inputs"]

PACKED = (
    "the sample holds a PackedSequence, whose rows are those of all its sequences: it has no batch, and most exporters "
    "refuse it. Give padded tensors in its place, and pack nothing in forward"
)


def packed_inputs(call: TorchCall) -> tuple[tuple[str, str], ...]:
    """Return the names of the rows and of the batch sizes of every PackedSequence among the arguments."""
    names = iter(call.inputs)
    return tuple(pair for node in (*call.positional, *(node for _, node in call.keywords)) for pair in _in(node, names))


def _in(node: Node, names: Iterator[str]) -> Iterator[tuple[str, str]]:
    if isinstance(node, Leaf):
        next(names)
    elif isinstance(node, Branch) and _is_packed(node.kind):
        own = [next(names) for child in node.children if isinstance(child, Leaf)]
        yield own[0], own[1]
    elif isinstance(node, Branch):
        for child in node.children:
            yield from _in(child, names)


def _is_packed(kind: type[Any]) -> bool:
    from torch.nn.utils.rnn import PackedSequence

    return issubclass(kind, PackedSequence)


def check_packed(pairs: tuple[tuple[str, str], ...], inputs: Tensors) -> None:
    """Refuse rows that are not as many as the batch sizes say: recurrent layers take more, and read past no end.

    Raises:
        DataloaderError: They are not.
    """
    for rows, sizes in pairs:
        given, wanted = len(inputs[rows]), int(inputs[sizes].sum())
        if given != wanted:
            raise DataloaderError(
                f"{rows} has {given} rows, and {sizes} of the PackedSequence adds up to {wanted}",
                "give what torch.nn.utils.rnn.pack_sequence returns, or padded tensors in its place",
            )
