"""What the steps of a run found. A failed step is one of these values, never an exception."""

from __future__ import annotations

from enum import Enum

import attrs

from navcore.domain.failure import Failure
from navcore.domain.measurement import Load, Measurement
from navcore.domain.signature import Signature
from navcore.formats import Format

__all__ = [
    "Agreement",
    "Artifact",
    "BuildResult",
    "Choice",
    "FileHash",
    "Omission",
    "OutputAgreement",
    "Status",
    "TrialResult",
]


class Status(str, Enum):
    """How a step ended."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"

    def __str__(self) -> str:
        return self.value


@attrs.frozen
class Omission:
    """Something that the plan left out, and why.

    Attributes:
        subject: Name of the tool or route.
        reason: One sentence.
        fix: What would bring it in; empty where the user asked for the omission.
    """

    subject: str
    reason: str
    fix: str = ""


@attrs.frozen
class FileHash:
    """One file of an artifact: its path relative to the workspace, its content's SHA-256 and its size."""

    path: str
    sha256: str
    size_bytes: int


@attrs.frozen
class Artifact:
    """A built model.

    Attributes:
        format: Format that it is held in.
        path: Main file or folder, relative to the workspace, with `/`.
        signature: Its inputs and outputs.
        files: Every file that belongs to it, sorted by path.
        built_for: Facts of the environment that it works with only, as (name, value) pairs; see `Edge.bound_to`.
    """

    format: Format
    path: str
    signature: Signature
    files: tuple[FileHash, ...]
    built_for: tuple[tuple[str, str], ...] = ()

    @property
    def size_bytes(self) -> int:
        """Size of all files together."""
        return sum(file.size_bytes for file in self.files)


@attrs.frozen
class BuildResult:
    """What one edge gave.

    Attributes:
        route: Id of the route that ends with this edge.
        tool: Name of the edge.
        status: SKIPPED where the parent is missing.
        duration_s: Wall time of the edge.
        artifact: Present if and only if the status is OK.
        failure: Present if and only if the status is not OK.
        cached: Whether it came from the cache, built by an earlier run.
    """

    route: str
    tool: str
    status: Status
    duration_s: float
    artifact: Artifact | None = None
    failure: Failure | None = None
    cached: bool = False


@attrs.frozen
class OutputAgreement:
    """How far one output is from the reference, worst over all samples.

    Attributes:
        name: Name of the output.
        max_abs, mean_abs: Absolute error; over the finite elements.
        max_rel: Largest absolute error over the largest finite absolute value of the reference in the same sample.
        cosine: Smallest cosine similarity; 1.0 where both are zero.
        snr_db: Smallest signal-to-noise ratio in dB; infinite where there is no error.
        equal_rate: Share of elements that are equal, exactly.
        within: Whether every element of every sample is within tolerance.
        top1: Share of rows along the last axis whose largest element is at the same place; None for outputs without
            such rows: integers, vectors, rows of one element.
    """

    name: str
    max_abs: float
    mean_abs: float
    max_rel: float
    cosine: float
    snr_db: float
    equal_rate: float
    within: bool
    top1: float | None = None


@attrs.frozen
class Agreement:
    """Does a trial compute what the source computes?

    Attributes:
        outputs: One entry per output, in the order of the signature.
        samples: Number of samples compared.
        batch_sizes: Batch sizes among them, ascending; empty where the model has no batch axis.
        disagreement: First output outside the tolerance, with place, size and sample; empty where all agree.
    """

    outputs: tuple[OutputAgreement, ...]
    samples: int
    batch_sizes: tuple[int, ...]
    disagreement: str = ""

    @property
    def within(self) -> bool:
        """Whether everything compared is within tolerance."""
        return not self.disagreement


@attrs.frozen
class TrialResult:
    """What one artifact on one runner gave.

    Attributes:
        route: Id of the artifact's route.
        format: Its format.
        runner: Name of the runner.
        hops: Number of edges behind the artifact; 0 is the source.
        status: OK where it agrees, was measured, and passed the user's verification if there was one.
        agreement: Absent where the trial failed before it could be compared.
        measurements: By ascending batch size; what was measured before a failure stays.
        load_s: Time to open the artifact, first call excluded.
        first_call_s: Time of the first call, compilation included.
        verified: What the user's verify_func said; None where it was not asked.
        failure: Present if and only if the status is not OK.
        notes: Sentences about the trial, for example why its batch sweep ended.
        memory_bytes: Peak of what opening it and running the samples added to the resident memory of its process; a
            live model's weights were there before and do not count. None where the system does not tell.
        device_memory_bytes: The same for the GPU; None where there is none.
        device_clock_mhz: Mean clock of the GPU while it was timed; None where there is none.
        cpu_use: CPU seconds per second, over all threads of its process, while it was timed.
        cpus: Number of CPUs that its process may use.
        loads: Throughput with several calls at once, where the profile asks for it, and on fewer threads where that is
            faster.
        precision: The lowest precision that a tool on the way lowers the model to; None: it keeps its own.
        deprecated: Whether a tool on the way uses what its framework is about to drop.
        runtime_notes: What the runtime told about itself, such as what it compiled.
        metric: What the user's metric says of it; None where it was not asked.
    """

    route: str
    format: Format
    runner: str
    hops: int
    status: Status
    agreement: Agreement | None = None
    measurements: tuple[Measurement, ...] = ()
    load_s: float | None = None
    first_call_s: float | None = None
    verified: bool | None = None
    failure: Failure | None = None
    notes: tuple[str, ...] = ()
    memory_bytes: int | None = None
    device_memory_bytes: int | None = None
    device_clock_mhz: float | None = None
    cpu_use: float | None = None
    cpus: int | None = None
    loads: tuple[Load, ...] = ()
    precision: str | None = None
    deprecated: bool = False
    runtime_notes: tuple[str, ...] = ()
    metric: float | None = None

    @property
    def throughput(self) -> float:
        """The most inferences per second, one call at a time or several; there is one where the trial is OK."""
        alone = [measurement.throughput for measurement in self.measurements]
        return max(alone + [load.throughput for load in self.loads])

    @property
    def latency_ms(self) -> float:
        """The shortest median latency of one call at a time, on whatever number of threads; as for `throughput`."""
        load = self.quickest_load
        return self.quickest.p50_ms if load is None else load.p50_ms

    @property
    def quickest_load(self) -> Load | None:
        """The number of threads with the shortest latency of one call at a time, where that is not all of them."""
        alone = [load for load in self.loads if load.is_alone and load.threads is not None]
        best = min(alone, key=lambda load: load.p50_ms, default=None)
        return best if best is not None and best.p50_ms < self.quickest.p50_ms else None

    @property
    def busiest_load(self) -> Load | None:
        """The setting with the most throughput, where that is more than one call at a time on all threads gives."""
        best = max(self.loads, key=lambda load: load.throughput, default=None)
        return best if best is not None and best.throughput > self.busiest.throughput else None

    @property
    def quickest(self) -> Measurement:
        """The measurement with the shortest median latency; there is one where the trial is OK."""
        return min(self.measurements, key=lambda measurement: measurement.p50_ms)

    @property
    def busiest(self) -> Measurement:
        """The measurement with the most throughput; there is one where the trial is OK."""
        return max(self.measurements, key=lambda measurement: measurement.throughput)


@attrs.frozen
class Choice:
    """What a strategy picked.

    Attributes:
        strategy: Name of the strategy that decided.
        trial: The trial that it picked.
        measurement: The measurement at which the trial is best under the strategy.
        reason: One sentence: first on score, or in a tie and simpler.
        load: Several calls at once, or fewer threads, where that is better by what the strategy counts.
    """

    strategy: str
    trial: TrialResult
    measurement: Measurement
    reason: str
    load: Load | None = None
