"""A compiled model as a callable on named arrays."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nav_openvino.tensors import in_place, ports_of
from navcore.contracts import Array, Tensors
from navcore.domain import Signature

__all__ = ["CompiledInfer"]

_NOT_COMPUTED = ("Input", "Output", "Const")
"""Layers of the runtime's graph that compute nothing."""


class CompiledInfer:
    """An `openvino.CompiledModel` as an Infer; several threads may call it at once.

    Attributes:
        compiled: The model.
    """

    def __init__(self, compiled: Any, signature: Signature) -> None:
        import openvino

        self.compiled, self._tensor = compiled, openvino.Tensor
        self._inputs = ports_of(signature.input_names, compiled.inputs, "input")
        self._outputs = ports_of(signature.output_names, compiled.outputs, "output")
        self._idle = deque([compiled.create_infer_request()])

    def __call__(self, feeds: Tensors) -> Tensors:
        try:  # a request bears one call at a time, so there are as many as there were calls at once
            request = self._idle.pop()
        except IndexError:
            request = self.compiled.create_infer_request()
        try:
            arrays = [in_place(feeds[port.name]) for port in self._inputs]
            self._place(request, arrays)
            return self._run(request, arrays)
        finally:
            self._idle.append(request)

    def bind(self, feeds: Tensors) -> Callable[[], Tensors]:
        """Return a step on these arrays, which are read anew at each call; each call makes new outputs.

        OpenVINO computes on the arrays themselves. Those that it cannot, because they are not contiguous or may not be
        written to, are copied at each call. The step bears one call at a time.
        """
        request = self.compiled.create_infer_request()
        arrays = [np.asarray(feeds[port.name]) for port in self._inputs]
        placed = [in_place(array) for array in arrays]
        self._place(request, placed)
        copied = [pair for pair in zip(placed, arrays, strict=True) if pair[0] is not pair[1]]

        def step() -> Tensors:
            for place, array in copied:
                np.copyto(place, array)
            return self._run(request, placed)

        return step

    def placement(self) -> Mapping[str, int]:
        """Return how many operators each primitive computes, by kind and primitive, whose name ends in its precision.

        For example `{"Convolution brgconv_avx2_f32": 20}`; the most frequent first. Some are chosen at the first call.
        """
        return dict(_sorted(Counter(f"{kind} {primitive}" for kind, primitive, _ in self._operators())))

    def notes(self) -> tuple[str, ...]:
        """Return in which precisions the operators compute, and on how many threads."""
        counts = _sorted(Counter(precision for _, _, precision in self._operators()))
        threads, streams = (self.compiled.get_property(name) for name in ("INFERENCE_NUM_THREADS", "NUM_STREAMS"))
        return (
            f"operators by precision: {', '.join(f'{count} {name}' for name, count in counts) or 'none'}",
            f"threads: {threads}, for up to {streams} calls at once",
        )

    def _place(self, request: Any, arrays: Sequence[Array]) -> None:
        """Let the request compute on the memory of the arrays, which have to outlive its next run."""
        for array, port in zip(arrays, self._inputs, strict=True):
            # `infer` with arrays looks at them in Python: 85 us where this takes 55 (a small model, openvino 2026.4).
            request.set_input_tensor(port.place, port.to_tensor(array, self._tensor))

    def _run(self, request: Any, placed: Sequence[Array]) -> Tensors:
        """Return the outputs of a request; takes the arrays that it computes on so that they live until it is done."""
        # Outputs are views of the request's buffers unless they are not shared.
        results = request.infer(None, share_outputs=False).to_tuple()
        return {port.name: port.from_bits(results[port.place]) for port in self._outputs}

    def _operators(self) -> Iterator[tuple[str, str, str]]:
        """Yield kind, primitive and precision of what the runtime computes, after it has fused operators."""
        for operator in self.compiled.get_runtime_model().get_ops():
            told = operator.get_rt_info()
            kind, primitive, precision = (
                told[key].astype(str) for key in ("layerType", "primitiveType", "runtimePrecision")
            )
            if kind not in _NOT_COMPUTED:
                yield kind, primitive, precision


def _sorted(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))
