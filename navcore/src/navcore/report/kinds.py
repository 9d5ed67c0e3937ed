"""How kinds of failure are called for people."""

from __future__ import annotations

import attrs

from navcore.domain import Failure, FailureKind

__all__ = ["KindName", "is_pointless", "name_of", "place_of"]


@attrs.frozen
class KindName:
    """Names of one kind.

    Attributes:
        heading: Above the failures of the kind.
        short: In a cell of the results table, at most 18 characters.
    """

    heading: str
    short: str


_NAMES = {
    FailureKind.EXCEPTION: KindName("Raised an error", "raised an error"),
    FailureKind.MISSING_DEPENDENCY: KindName("Missing dependency", "missing dependency"),
    FailureKind.UNSUPPORTED_OPERATOR: KindName("Unsupported operator", "unsupported op"),
    FailureKind.OUT_OF_MEMORY: KindName("Out of memory", "out of memory"),
    FailureKind.DISK_FULL: KindName("Disk full", "disk full"),
    FailureKind.NO_ARTIFACT: KindName("Wrote no file", "wrote no file"),
    FailureKind.SIGNATURE: KindName("Wrong inputs or outputs", "wrong signature"),
    FailureKind.DISAGREES: KindName("Disagrees with the source", "disagrees"),
    FailureKind.VERIFY: KindName("Rejected by verify_func", "verify_func: no"),
    FailureKind.METRIC: KindName("Too far below the source by the metric", "metric: too low"),
    FailureKind.MEASURE: KindName("Could not be measured", "not measurable"),
    FailureKind.CRASH: KindName("Crashed", "crashed"),
    FailureKind.TIMEOUT: KindName("Took too long", "took too long"),
    FailureKind.INTERRUPTED: KindName("Interrupted", "interrupted"),
    FailureKind.BUDGET: KindName("Not tried: the time was over", "no time left"),
    FailureKind.PARENT: KindName("Not tried: made from what failed", "not built"),
    FailureKind.UNSUITED: KindName("Not tried: nothing to gain for this model", "unsuited"),
    FailureKind.NOT_NEEDED: KindName("Not tried: not needed", "not needed"),
}


def name_of(kind: FailureKind) -> KindName:
    """Return the names of a kind."""
    return _NAMES[kind]


def is_pointless(failure: Failure | None) -> bool:
    """Return whether there was no point in trying."""
    return failure is not None and failure.kind in (FailureKind.UNSUITED, FailureKind.NOT_NEEDED)


def place_of(kind: FailureKind) -> int:
    """Return where a kind stands in a report, from 0; what was not tried comes last."""
    return list(_NAMES).index(kind)
