"""Everything that a run found, as it is written to `package.json`."""

from __future__ import annotations

import attrs

from navcore.domain.measurement import NoiseFloor
from navcore.domain.request import Request
from navcore.domain.result import Artifact, BuildResult, Choice, FileHash, Omission, TrialResult
from navcore.domain.signature import Signature
from navcore.formats import Format

__all__ = ["PackageStatus", "SampleSummary"]


@attrs.frozen
class SampleSummary:
    """One compared sample: input shapes by name, its batch size if it has one, and whether the user gave it.

    The others were made of the user's at other sizes.
    """

    shapes: tuple[tuple[str, tuple[int, ...]], ...]
    batch_size: int | None
    given: bool = True


@attrs.frozen(kw_only=True)
class PackageStatus:
    """Results of a run, without the model itself.

    Attributes:
        title: What was optimised, for people.
        created: Start of the run, ISO 8601 in UTC.
        source: Format of the user's model.
        signature: Its inputs and outputs.
        environment: Facts about machine and versions, sorted by name.
        request: What was asked for.
        samples: What was compared.
        builds, trials: Every result, in the order of the plan.
        omissions: What the plan left out.
        choices: What the default strategies picked.
        notices: What the user was told.
        duration_s: Wall time of the run.
        noise_floors: What the A/A pair gave at each batch size.
        origin: The user's model file as it lies in a saved package; None for a live model, and in a workspace.
        files: Every file of a saved package besides `package.json`, sorted by path; empty in a workspace. Artifacts of
            `builds` whose files are not among them were left out.
        metric: What the user's metric says of the source; None where there is none.
    """

    title: str
    created: str
    source: Format
    signature: Signature
    environment: tuple[tuple[str, str], ...]
    request: Request
    samples: tuple[SampleSummary, ...]
    builds: tuple[BuildResult, ...]
    trials: tuple[TrialResult, ...]
    omissions: tuple[Omission, ...]
    choices: tuple[Choice, ...]
    notices: tuple[str, ...]
    duration_s: float
    noise_floors: tuple[NoiseFloor, ...] = ()
    origin: Artifact | None = None
    files: tuple[FileHash, ...] = ()
    metric: float | None = None
