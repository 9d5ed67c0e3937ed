"""The journal of a run: what is finished, on disk after every step, so that an interrupted run can be resumed."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import attrs

from navcore.contracts import Array
from navcore.domain import BuildResult, NoiseFloor, TrialResult

__all__ = ["NOT_FINISHED", "Journal", "identity_of"]

_LOGGER = logging.getLogger(__name__)
_NAME = "journal.json"
NOT_FINISHED = ("budget", "interrupted", "out-of-memory", "parent", "timeout")
"""Kinds of failure that another time, or other limits, may not meet: such a step is tried again on resuming."""


def identity_of(texts: Iterable[str], arrays: Iterable[Array]) -> str:
    """Return a text that is the same for two runs that ask the same of the same model.

    Args:
        texts: The request, the plan and the like.
        arrays: Inputs and what the source gave for them: another model gives other outputs.
    """
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode() + b"\0")
    for array in arrays:
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


@attrs.define(eq=False)
class Journal:
    """What is finished.

    Attributes:
        path: File that it is kept in; replaced at every step.
        identity: Of the run that it belongs to.
        builds: Finished builds by route.
        trials: Finished trials by subject; with what was measured so far.
        measured: Number of batch sizes measured.
        done: Whether the measuring is over.
        ended: Subjects that take part in it no more.
        noise_floors: What the A/A pairs gave so far.
        warnings: What disturbed the measurements.
    """

    path: Path
    identity: str
    builds: dict[str, BuildResult] = attrs.field(factory=dict)
    trials: dict[str, TrialResult] = attrs.field(factory=dict)
    measured: int = 0
    done: bool = False
    ended: list[str] = attrs.field(factory=list)
    noise_floors: list[NoiseFloor] = attrs.field(factory=list)
    warnings: list[str] = attrs.field(factory=list)

    @staticmethod
    def begin(folder: Path, identity: str) -> Journal:
        """Return an empty journal, not yet on disk."""
        return Journal(folder / _NAME, identity)

    @staticmethod
    def read(folder: Path, identity: str) -> Journal | None:
        """Return the journal in a folder if it is of this run and whole, else None."""
        from navcore.store.schema import record_from

        try:
            data = json.loads((folder / _NAME).read_text("utf-8"))
            if data["identity"] != identity:
                return None
            return Journal(
                folder / _NAME,
                identity,
                {name: record_from(result, BuildResult) for name, result in data["builds"].items()},
                {name: record_from(result, TrialResult) for name, result in data["trials"].items()},
                data["measured"],
                data["done"],
                data["ended"],
                [record_from(floor, NoiseFloor) for floor in data["noise_floors"]],
                data["warnings"],
            )
        except (OSError, ValueError, KeyError, TypeError):  # none there, or of another version: begin again
            return None

    def finished_build(self, route: str) -> BuildResult | None:
        """Return what a build gave if it is finished."""
        return _finished(self.builds.get(route))

    def finished_trial(self, subject: str) -> TrialResult | None:
        """Return what a trial gave if it is finished, measuring aside."""
        return _finished(self.trials.get(subject))

    def build(self, result: BuildResult) -> None:
        """Note a finished build."""
        self.builds[result.route] = result
        self.write()

    def trial(self, subject: str, result: TrialResult) -> None:
        """Note a finished trial."""
        self.trials[subject] = result
        self.write()

    def forget_measurements(self) -> None:
        """Forget what was measured; what was built and compared stays."""
        self.measured, self.done, self.ended = 0, False, []
        self.noise_floors, self.warnings = [], []
        self.trials = {
            name: attrs.evolve(result, measurements=(), notes=(), loads=(), cpu_use=None, device_clock_mhz=None)
            for name, result in self.trials.items()
        }
        self.write()

    def write(self) -> None:
        """Write it all; the file is replaced at once. Where it cannot be written, the run goes on without."""
        try:
            self._write()
        except OSError as error:
            _LOGGER.warning("%s cannot be written (%s): this run could not be resumed", self.path, error)

    def _write(self) -> None:
        from navcore.store.schema import record_data

        data: dict[str, Any] = {
            "identity": self.identity,
            "builds": {name: record_data(result) for name, result in self.builds.items()},
            "trials": {name: record_data(result) for name, result in self.trials.items()},
            "measured": self.measured,
            "done": self.done,
            "ended": self.ended,
            "noise_floors": [record_data(floor) for floor in self.noise_floors],
            "warnings": self.warnings,
        }
        temporary = self.path.with_suffix(".new")
        temporary.write_text(json.dumps(data), encoding="utf-8")
        temporary.replace(self.path)


Result = TypeVar("Result", BuildResult, TrialResult)


def _finished(result: Result | None) -> Result | None:
    if result is None or (result.failure is not None and result.failure.kind in NOT_FINISHED):
        return None
    return result
