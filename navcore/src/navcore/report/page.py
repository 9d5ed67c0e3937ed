"""Prints what the other reports return."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TextIO

from rich.console import Console, RenderableType

__all__ = ["print_page"]

_UNBROKEN = 10_000
"""Width where there is no terminal: whoever searches the output finds every name whole, on the line of its route."""

_PLAIN = str.maketrans({"★": "*", "✗": "x", "…": "..."})


def print_page(render: Callable[[int], RenderableType], stream: TextIO) -> None:
    """Print what `render` returns for the width of the stream's terminal; where it is none, lines are not broken.

    The environment variable COLUMNS overrides both. Where the stream's encoding lacks a character, the page is
    printed all the same, with the nearest one in its place.
    """
    fixed = stream.isatty() or "COLUMNS" in os.environ
    console = Console(file=stream, width=None if fixed else _UNBROKEN, highlight=False, markup=False, emoji=False)
    if console.encoding.startswith("utf"):
        console.print(render(console.width))
        return
    with console.capture() as captured:
        console.print(render(console.width))
    text = captured.get().translate(_PLAIN)
    stream.write(text.encode(console.encoding, "replace").decode(console.encoding))
