"""What happens during a run, as plugins are told through `nav_event`."""

from __future__ import annotations

import attrs

from navcore.domain.package_status import PackageStatus
from navcore.domain.result import BuildResult, Omission, TrialResult
from navcore.domain.signature import Signature

__all__ = ["BatchMeasured", "Event", "Notice", "RunAborted", "RunFinished", "RunStarted", "StepFinished", "StepStarted"]


@attrs.frozen
class RunStarted:
    """The plan is made.

    Attributes:
        title: What is optimised, for people.
        signature: Of the source.
        steps: Number of builds and trials planned.
        omissions: What the plan left out.
        workspace: Folder that the run writes into.
        quiet: True where nothing should be shown.
    """

    title: str
    signature: Signature
    steps: int
    omissions: tuple[Omission, ...]
    workspace: str
    quiet: bool = False


@attrs.frozen
class Notice:
    """Something that the user should know, in one sentence."""

    text: str


@attrs.frozen
class StepStarted:
    """A step begins: `kind` is `build`, `check`, `measure` or `verify`; `subject` names the route and the runner."""

    kind: str
    subject: str


@attrs.frozen
class StepFinished:
    """A build or a check ended with this result."""

    kind: str
    subject: str
    result: BuildResult | TrialResult


@attrs.frozen
class BatchMeasured:
    """All candidates still in the sweep were measured at one batch size, in `rounds` rounds."""

    batch_size: int | None
    candidates: tuple[str, ...]
    rounds: int


@attrs.frozen
class RunAborted:
    """The run was broken off by an exception of this name, for example `KeyboardInterrupt`."""

    reason: str


@attrs.frozen
class RunFinished:
    """The run ended, with everything that it found."""

    status: PackageStatus


Event = RunStarted | Notice | StepStarted | StepFinished | BatchMeasured | RunAborted | RunFinished
