"""Why a step did not give what it should."""

from __future__ import annotations

from enum import Enum

import attrs

__all__ = ["Failure", "FailureKind"]


class FailureKind(str, Enum):
    """What happened, in a word that stays the same from version to version.

    Attributes:
        EXCEPTION: The tool raised an error that is none of those below.
        MISSING_DEPENDENCY: A module, a shared library, a compiler or a driver is not there.
        UNSUPPORTED_OPERATOR: The tool cannot express or run an operator of the model, or its whole opset.
        OUT_OF_MEMORY: An allocation failed, or the step took more memory than it may.
        DISK_FULL: A file could not be written for want of space.
        NO_ARTIFACT: The tool returned without writing its file.
        SIGNATURE: The artifact's inputs or outputs have other names than the source's.
        DISAGREES: The outputs differ from the source's by more than the tolerance.
        VERIFY: The user's verify_func rejected the outputs, or failed.
        METRIC: The user's metric says that it is worse than it may be, or failed.
        MEASURE: It agreed, and failed while it was timed.
        PARENT: It was not tried, because what it is made from was not built.
        CRASH: The worker process died.
        TIMEOUT: The step took longer than it may.
        BUDGET: It was not tried, because the run's time was over.
        INTERRUPTED: The run was ended before the step was.
        UNSUITED: It was not tried, because it can do nothing for this model.
        NOT_NEEDED: It was not tried, because it stands in for another route, which works.
    """

    EXCEPTION = "exception"
    MISSING_DEPENDENCY = "missing-dependency"
    UNSUPPORTED_OPERATOR = "unsupported-operator"
    OUT_OF_MEMORY = "out-of-memory"
    DISK_FULL = "disk-full"
    NO_ARTIFACT = "no-artifact"
    SIGNATURE = "signature"
    DISAGREES = "disagrees"
    VERIFY = "verify"
    METRIC = "metric"
    MEASURE = "measure"
    PARENT = "parent"
    CRASH = "crash"
    TIMEOUT = "timeout"
    BUDGET = "budget"
    INTERRUPTED = "interrupted"
    UNSUITED = "unsuited"
    NOT_NEEDED = "not-needed"

    def __str__(self) -> str:
        return self.value


@attrs.frozen
class Failure:
    """Why a step did not give what it should.

    Attributes:
        kind: What happened; see FailureKind.
        reason: One sentence, with the culprit where the tool names it.
        fix: What the user can do about it; empty where nothing is known.
        log: Path of the full log relative to the workspace; empty where there is none.
    """

    kind: FailureKind = attrs.field(converter=FailureKind)
    reason: str
    fix: str = ""
    log: str = ""
