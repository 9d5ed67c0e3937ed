"""The values that tensors of a graph take on samples, as ONNX Runtime's calibration finds them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from navcore.contracts import Tensors

__all__ = ["METHODS", "calibrated", "largest_values"]

METHODS = ("minmax", "entropy", "percentile")


def calibrated(
    path: Path,
    samples: Sequence[Tensors],
    method: str = "minmax",
    *,
    percentile: float = 99.999,
    symmetric: bool = False,
    op_types: Sequence[str] = (),
) -> Any:
    """Return `onnxruntime.quantization.calibrate.TensorsData` for the tensors around operators.

    Args:
        path: A file in a folder where ONNX Runtime may write.
        samples: One after the other; of a histogram's samples no more than one is in memory.
        method: One of METHODS.
        percentile: Share of the values that the method of this name keeps.
        symmetric: Whether ranges lie around zero.
        op_types: Operators whose tensors are looked at; empty: all.
    """
    from onnxruntime.quantization.calibrate import CalibrationMethod, create_calibrator

    kind = {"minmax": "MinMax", "entropy": "Entropy", "percentile": "Percentile"}[method]
    calibrator = create_calibrator(
        path,
        list(op_types) or None,
        augmented_model_path=str(path.with_name("calibrated.onnx")),
        calibrate_method=CalibrationMethod[kind],
        use_external_data_format=_is_large(path),
        extra_options={"symmetric": symmetric, **({"percentile": percentile} if method == "percentile" else {})},
    )
    for feeds in samples:
        calibrator.collect_data(_Reader([feeds]))
    return calibrator.compute_data()


def largest_values(proto: Any, path: Path, samples: Sequence[Tensors]) -> Mapping[str, float]:
    """Return the largest absolute value of tensors in the main graph, by name: on the samples, and of weights.

    Args:
        proto: The graph.
        path: The same, in a folder where ONNX Runtime may write.
        samples: What it is run on.
    """
    import numpy as np
    import onnx

    found = {
        tensor.name: float(np.abs(onnx.numpy_helper.to_array(tensor)).max(initial=0.0))
        for tensor in proto.graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT
    }
    ranges = calibrated(path, samples)
    for name in ranges:
        lowest, highest = ranges[name].range_value
        found[name] = max(abs(float(np.min(lowest))), abs(float(np.max(highest))))
    return found


class _Reader:
    """Samples as ONNX Runtime reads them."""

    def __init__(self, samples: Sequence[Tensors]) -> None:
        self._samples: Iterator[Tensors] = iter(samples)

    def get_next(self) -> dict[str, Any] | None:
        """Return the next sample, or None after the last."""
        feeds = next(self._samples, None)
        return dict(feeds) if feeds is not None else None


def _is_large(path: Path) -> bool:
    return path.with_name(f"{path.name}.data").exists()
