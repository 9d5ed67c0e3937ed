"""Runs OpenVINO IR on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import attrs

from nav_openvino.capability import missing_precision
from nav_openvino.infer import CompiledInfer
from nav_openvino.without_telemetry import load_openvino, missing_openvino
from navcore.contracts import Infer, Model, Runner
from navcore.cpus import usable_cpus, visible_cpus
from navcore.domain import DeviceKind
from navcore.formats import Format
from navcore.keywords import checked_options

__all__ = ["OpenVINORunner"]

_ELEMENT_TYPES = {None: "f32", "fp32": "f32", "bf16": "bf16", "fp16": "f16"}
"""OpenVINO's names of precisions."""

_one_or_more = attrs.validators.optional(attrs.validators.ge(1))


@checked_options
@attrs.frozen(kw_only=True)
class OpenVINORunner(Runner):
    """OpenVINO's CPU device.

    Attributes:
        hint: `LATENCY` gives all threads to one call; `THROUGHPUT` shares them out among calls that come at once.
        precision: None computes in float32; left to itself, OpenVINO takes bfloat16 on CPUs that have it.
        execution_mode: `ACCURACY` keeps to that precision; `PERFORMANCE` lets OpenVINO quantise activations where
            weights are stored in 8 or 4 bits.
        threads: Threads that compute; None: as many as there are cores, or fewer where the control group of the process
            leaves room for fewer.
        streams: Calls that are computed at once, each with its share of the threads; None: as the hint has it.
        cache_dir: Folder in which compiled models are kept, for opening them sooner the next time; None: nowhere.
    """

    name: str = "OpenVINOCPU"
    accepts: Format = Format.OPENVINO_IR
    devices: tuple[DeviceKind, ...] = (DeviceKind.CPU,)
    hint: str = attrs.field(default="LATENCY", validator=attrs.validators.in_(("LATENCY", "THROUGHPUT")))
    precision: str | None = attrs.field(default=None, validator=attrs.validators.in_(tuple(_ELEMENT_TYPES)))
    execution_mode: str = attrs.field(default="ACCURACY", validator=attrs.validators.in_(("ACCURACY", "PERFORMANCE")))
    threads: int | None = attrs.field(default=None, validator=_one_or_more)
    streams: int | None = attrs.field(default=None, validator=_one_or_more)
    cache_dir: str | None = None

    def unavailable(self) -> str | None:
        return missing_openvino() or missing_precision(_ELEMENT_TYPES[self.precision])

    @contextmanager
    def open(self, model: Model, device: DeviceKind) -> Iterator[Infer]:
        compiled = load_openvino().Core().compile_model(str(model.path), "CPU", self._properties())
        yield CompiledInfer(compiled, model.signature)

    def _properties(self) -> dict[str, str]:
        properties = {
            "PERFORMANCE_HINT": self.hint,
            "INFERENCE_PRECISION_HINT": _ELEMENT_TYPES[self.precision],
            "EXECUTION_MODE_HINT": self.execution_mode,
        }
        threads = self.threads
        if threads is None and usable_cpus() < visible_cpus():  # OpenVINO looks at cores and affinity alone
            threads = usable_cpus()
        if threads is not None:
            # Where there are fewer threads than cores, other models may run beside this one: pinned threads could
            # meet on one core.
            properties |= {"INFERENCE_NUM_THREADS": str(threads), "ENABLE_CPU_PINNING": "NO"}
        if self.streams is not None:
            properties["NUM_STREAMS"] = str(self.streams)
        if self.cache_dir is not None:
            properties["CACHE_DIR"] = self.cache_dir
        return properties
