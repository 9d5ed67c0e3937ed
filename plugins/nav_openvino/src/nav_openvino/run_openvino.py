"""Runs OpenVINO IR on the CPU."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import attrs

from nav_openvino.without_telemetry import load_openvino, missing_openvino
from navcore.contracts import Infer, Model, Runner, Tensors
from navcore.domain import DeviceKind
from navcore.formats import Format

__all__ = ["OpenVINORunner"]

_ELEMENT_TYPES = {None: "f32", "fp32": "f32", "bf16": "bf16", "fp16": "f16"}
"""OpenVINO's names of precisions."""


@attrs.frozen(kw_only=True)
class OpenVINORunner(Runner):
    """OpenVINO's CPU device.

    Attributes:
        hint: `LATENCY` or `THROUGHPUT`.
        precision: None computes in float32; left to itself, OpenVINO takes bfloat16 on CPUs that have it.
        threads: None: as many as there are cores.
    """

    name: str = "OpenVINOCPU"
    accepts: Format = Format.OPENVINO_IR
    devices: tuple[DeviceKind, ...] = (DeviceKind.CPU,)
    hint: str = attrs.field(default="LATENCY", validator=attrs.validators.in_(("LATENCY", "THROUGHPUT")))
    precision: str | None = attrs.field(default=None, validator=attrs.validators.in_(tuple(_ELEMENT_TYPES)))
    threads: int | None = attrs.field(default=None, validator=attrs.validators.optional(attrs.validators.ge(1)))

    def unavailable(self) -> str | None:
        return missing_openvino()

    @contextmanager
    def open(self, model: Model, device: DeviceKind) -> Iterator[Infer]:
        options = {"PERFORMANCE_HINT": self.hint, "INFERENCE_PRECISION_HINT": _ELEMENT_TYPES[self.precision]}
        if self.threads is not None:
            options["INFERENCE_NUM_THREADS"] = str(self.threads)
        compiled = load_openvino().Core().compile_model(str(model.path), "CPU", options)
        idle = deque([compiled.create_infer_request()])
        inputs, outputs = model.signature.input_names, model.signature.output_names

        def infer(feeds: Tensors) -> Tensors:
            try:  # a request bears one call at a time, so there are as many as there were calls at once
                request = idle.pop()
            except IndexError:
                request = compiled.create_infer_request()
            try:
                # Outputs are views of the request's buffers unless they are not shared.
                results = request.infer({name: feeds[name] for name in inputs}, share_inputs=True, share_outputs=False)
            finally:
                idle.append(request)
            return dict(zip(outputs, results.to_tuple(), strict=True))

        yield infer
