"""Names of tensors that come out of nested values: the same rules for every framework."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Iterator

from navcore.errors import DataloaderError

__all__ = ["KeyPath", "check_apart", "check_own", "chosen_names", "leaf_names"]

KeyPath = tuple[Hashable, ...]
"""Keys, field names and positions from the root to a leaf."""


@functools.lru_cache(maxsize=64)  # asked for the outputs of every timed call: a third of what navcore adds to one
def leaf_names(paths: tuple[KeyPath, ...], prefix: str, taken: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return one name per leaf, none twice and none of the taken ones.

    Keys and positions are joined by `__`, positions before the first key left out; a leaf without a key is called
    `{prefix}__{index}`, and so is one whose name is taken.
    """
    names: list[str] = []
    for index, path in enumerate(paths):
        candidates = (
            name for name in (_joined(path), *_numbered(f"{prefix}__{index}", len(paths) + len(taken))) if name
        )
        names.append(next(name for name in candidates if name not in names and name not in taken))
    return tuple(names)


def chosen_names(wanted: tuple[str, ...], automatic: tuple[str, ...], side: str) -> tuple[str, ...]:
    """Return the names that the user wants, or the automatic ones where there are none.

    Args:
        wanted: `input_names` or `output_names`; empty where the user gave none.
        automatic: As many as there are tensors.
        side: `input` or `output`.

    Raises:
        DataloaderError: There are not as many, or one is there twice.
    """
    if not wanted:
        return automatic
    if len(wanted) != len(automatic):
        raise DataloaderError(
            f"{side}_names has {len(wanted)} names for {len(automatic)} {side}s ({', '.join(automatic)})",
            f"give one name per {side}, in this order",
        )
    if len(set(wanted)) != len(wanted):
        raise DataloaderError(f"{side}_names={wanted!r} has a name twice", "give every one a name of its own")
    return wanted


def check_apart(inputs: tuple[str, ...], outputs: tuple[str, ...]) -> None:
    """Refuse names of the user's for outputs that inputs have.

    Raises:
        DataloaderError: There is one.
    """
    taken = [name for name in outputs if name in inputs]
    if taken:
        raise DataloaderError(
            f"output_names has {taken[0]!r}, which is the name of an input",
            "give outputs names of their own: a graph on disk has one set of names for both",
        )


def _joined(path: KeyPath) -> str:
    first = next((place for place, key in enumerate(path) if not isinstance(key, int)), len(path))
    return "__".join(str(key) for key in path[first:])


def _numbered(name: str, count: int) -> Iterator[str]:
    yield name
    for number in range(1, count + 2):
        yield f"{name}__{number}"


def check_own(argument: str, wanted: tuple[str, ...], own: tuple[str, ...], file: str) -> None:
    """Refuse other names for a model whose file has names already.

    Args:
        argument: `input_names` or `output_names`.
        wanted: What the user gave as it; empty where nothing.
        own: What the file has.
        file: Its name, for the message.

    Raises:
        DataloaderError: They differ.
    """
    if wanted and wanted != own:
        raise DataloaderError(
            f"{argument}={wanted!r}, but {file} has names of its own: {', '.join(own)}", f"drop {argument}"
        )
