"""What did not work or was not tried, with reason, fix and log: each reason once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs
from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from navcore.domain import Omission

__all__ = ["Trouble", "left_out", "merge", "paragraphs"]


@attrs.frozen
class Trouble:
    """Something that did not work, or was not tried.

    Attributes:
        heading: What kind, for example `Failed` or `Left out`.
        subjects: What shares reason, fix and log.
        reason, fix, log: As in the failure; empty where nothing is known.
    """

    heading: str
    subjects: tuple[str, ...]
    reason: str
    fix: str = ""
    log: str = ""


def left_out(omissions: Iterable[Omission]) -> tuple[Trouble, ...]:
    """Return what a plan left out."""
    return merge(Trouble("Left out", (omission.subject,), omission.reason, omission.fix) for omission in omissions)


def merge(found: Iterable[Trouble]) -> tuple[Trouble, ...]:
    """Return troubles with the subjects of equal ones put together, in the order of their first."""
    merged: dict[Trouble, list[str]] = {}
    for trouble in found:
        merged.setdefault(attrs.evolve(trouble, subjects=()), []).extend(trouble.subjects)
    return tuple(attrs.evolve(trouble, subjects=tuple(subjects)) for trouble, subjects in merged.items())


def paragraphs(found: Iterable[Trouble], workspace: str = "") -> Iterator[RenderableType]:
    """Yield the troubles under their headings; paths of logs are shown inside the workspace."""
    heading = ""
    for trouble in found:
        if trouble.heading != heading:
            heading = trouble.heading
            yield from (Text(), Text(heading, style="bold"))
        yield Padding(Text(", ".join(trouble.subjects)), (0, 0, 0, 2), expand=False)
        log = (Path(workspace) / trouble.log).as_posix() if trouble.log else ""
        for text in (trouble.reason, trouble.fix and f"fix: {trouble.fix}", log and f"log: {log}"):
            if text:
                yield Padding(Text(text), (0, 0, 0, 4), expand=False)
