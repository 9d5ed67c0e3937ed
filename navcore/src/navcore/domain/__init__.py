"""Frozen records that everything else is said in. Standard library and attrs only."""

from navcore.domain.device import DeviceKind
from navcore.domain.event import (
    BatchMeasured,
    Event,
    Notice,
    RunAborted,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
)
from navcore.domain.failure import Failure, FailureKind
from navcore.domain.measurement import Load, Measurement, NoiseFloor, Ratio, Verdict
from navcore.domain.package_status import PackageStatus, SampleSummary
from navcore.domain.request import MEASURES, PRECISIONS, OptimizationProfile, Request, Tolerance
from navcore.domain.result import (
    Agreement,
    Artifact,
    BuildResult,
    Choice,
    FileHash,
    Omission,
    OutputAgreement,
    Status,
    TrialResult,
)
from navcore.domain.route import Route
from navcore.domain.signature import Dimension, Names, Range, Signature, TensorSpec

__all__ = [
    "MEASURES",
    "PRECISIONS",
    "Agreement",
    "Artifact",
    "BatchMeasured",
    "BuildResult",
    "Choice",
    "DeviceKind",
    "Dimension",
    "Event",
    "Failure",
    "FailureKind",
    "FileHash",
    "Load",
    "Measurement",
    "Names",
    "NoiseFloor",
    "Notice",
    "Omission",
    "OptimizationProfile",
    "OutputAgreement",
    "PackageStatus",
    "Range",
    "Ratio",
    "Request",
    "Route",
    "RunAborted",
    "RunFinished",
    "RunStarted",
    "SampleSummary",
    "Signature",
    "Status",
    "StepFinished",
    "StepStarted",
    "TensorSpec",
    "Tolerance",
    "TrialResult",
    "Verdict",
]
