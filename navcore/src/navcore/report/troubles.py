"""What did not work or was not tried, grouped by kind, with reason, fix and log: each reason once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs
from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from navcore.domain import Failure, Omission
from navcore.report.kinds import name_of, place_of

__all__ = ["Trouble", "by_kind", "left_out", "merge", "paragraphs"]


@attrs.frozen
class Trouble:
    """Something that did not work, or was not tried.

    Attributes:
        heading: What kind, for example `Out of memory` or `Left out`.
        subjects: What shares reason, fix and log.
        reason, fix, log: As in the failure; empty where nothing is known.
    """

    heading: str
    subjects: tuple[str, ...]
    reason: str
    fix: str = ""
    log: str = ""


def by_kind(failures: Iterable[tuple[str, Failure]]) -> tuple[Trouble, ...]:
    """Return failures, each with its subject, in the order of the kinds; what was not tried comes last."""
    return merge(
        Trouble(name_of(failure.kind).heading, (subject,), failure.reason, failure.fix, failure.log)
        for subject, failure in sorted(failures, key=lambda each: place_of(each[1].kind))
    )


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
