"""Prints what the other reports return."""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

from rich.console import Console, RenderableType

__all__ = ["print_page"]


def print_page(render: Callable[[int], RenderableType], stream: TextIO) -> None:
    """Print what `render` returns for the width of the stream's terminal; 80 where it is none."""
    console = Console(file=stream, highlight=False, markup=False, emoji=False)
    console.print(render(console.width))
