"""compare(): does a candidate compute what the source computes?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import attrs
import numpy as np

from navcore.contracts import Array, Tensors
from navcore.domain import Agreement, OutputAgreement, Tolerance
from navcore.errors import OutputMismatchError

__all__ = ["DEFAULTS", "RelativeTolerance", "Tolerances", "compare", "default_tolerance"]


@attrs.frozen
class RelativeTolerance:
    """A tolerance that scales with the output: atol is `scale` times the largest finite |expected| of the sample."""

    scale: float
    rtol: float

    def at(self, expected: Array) -> Tolerance:
        """Return the absolute tolerance for one output of one sample."""
        finite = np.abs(expected[np.isfinite(expected)])
        return Tolerance(atol=self.scale * float(finite.max(initial=0.0)), rtol=self.rtol)


Tolerances = Tolerance | tuple[tuple[str, Tolerance], ...] | None

DEFAULTS: Mapping[str, RelativeTolerance] = {
    # Routes that keep fp32 differ from eager PyTorch by 2e-7 to 2e-6 of the largest output value (ResNet-18, MiniLM,
    # GPT-2, UNet; ONNX Runtime, OpenVINO, Inductor). 1e-4 leaves room for deep models with long sums, and is an order
    # of magnitude below what fp16 (3e-4 to 8e-4) and bf16 (3e-3 to 1e-2) routes of the same models show: a route that
    # lowers precision unasked is caught.
    "float64": RelativeTolerance(1e-9, 1e-7),
    "float32": RelativeTolerance(1e-4, 1e-4),
    "float16": RelativeTolerance(5e-3, 5e-3),
    "bfloat16": RelativeTolerance(4e-2, 4e-2),
}
_PRECISIONS = {"fp64": "float64", "fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}
_COARSE = RelativeTolerance(1e-1, 1e-1)
_EXACT = RelativeTolerance(0.0, 0.0)
_LIKE = {
    "complex32": "float16",
    "bcomplex32": "bfloat16",
    "complex64": "float32",
    "complex128": "float64",
    "complex256": "float64",
    "float128": "float64",
}


def default_tolerance(dtype: str, precision: str | None = None) -> RelativeTolerance:
    """Return the tolerance for an output of that dtype: exact for integers, booleans and strings.

    Args:
        dtype: Of the output.
        precision: Of the source where the user named it: `fp16`, `bf16`, `fp32`; int8, fp8 and nvfp4 are coarse.
    """
    kind = _LIKE.get(dtype, dtype)
    if "float" not in kind:
        return _EXACT
    if precision is not None:
        return DEFAULTS.get(_PRECISIONS.get(precision, ""), _COARSE)
    return DEFAULTS.get(kind, _COARSE)


def compare(
    expected: Sequence[Tensors],
    got: Iterable[Tensors],
    tolerance: Tolerances = None,
    *,
    precision: str | None = None,
    batch_sizes: Sequence[int | None] = (),
) -> Agreement:
    """Worst difference over all samples and outputs.

    Args:
        expected, got: One mapping per sample, name -> array; shapes must be equal, nothing broadcasts. `got` may be
            lazy: each mapping is dropped once compared.
        tolerance: Passes where |got - expected| <= atol + rtol * |expected|, as numpy.isclose. NaN and infinities
            agree exactly where both have them. None: `default_tolerance` of each output.
        precision: For the default tolerance.
        batch_sizes: Batch size of each sample, for the report.

    Raises:
        OutputMismatchError: An output name is missing or new; the message lists both sides.
    """
    worst: dict[str, OutputAgreement] = {}
    disagreement = ""
    sizes = list(batch_sizes) or [None] * len(expected)
    for index, (reference, outputs) in enumerate(zip(expected, got, strict=True)):
        _check_names(reference, outputs, index)
        for name, array in reference.items():
            found, complaint = _compare_output(
                name, array, np.asarray(outputs[name]), _tolerance(tolerance, name), precision
            )
            worst[name] = found if name not in worst else _worse(worst[name], found)
            if complaint and not disagreement:
                size = f" (batch size {sizes[index]})" if sizes[index] else ""
                disagreement = f"output {name!r} of sample {index}{size}: {complaint}"
    return Agreement(
        outputs=tuple(worst.values()),
        samples=len(expected),
        batch_sizes=tuple(sorted({size for size in sizes if size is not None})),
        disagreement=disagreement,
    )


def _check_names(expected: Tensors, got: Tensors, index: int) -> None:
    if set(expected) != set(got):
        raise OutputMismatchError(
            f"sample {index}: the source gives {', '.join(expected) or 'nothing'}; "
            f"the candidate gives {', '.join(got) or 'nothing'}",
            "export with the source's output names",
        )


def _tolerance(tolerance: Tolerances, name: str) -> Tolerance | None:
    return dict(tolerance).get(name) if isinstance(tolerance, tuple) else tolerance


def _worse(left: OutputAgreement, right: OutputAgreement) -> OutputAgreement:
    return OutputAgreement(
        name=left.name,
        max_abs=max(left.max_abs, right.max_abs),
        mean_abs=max(left.mean_abs, right.mean_abs),
        max_rel=max(left.max_rel, right.max_rel),
        cosine=min(left.cosine, right.cosine),
        snr_db=min(left.snr_db, right.snr_db),
        equal_rate=min(left.equal_rate, right.equal_rate),
        within=left.within and right.within,
        top1=right.top1 if left.top1 is None else left.top1 if right.top1 is None else min(left.top1, right.top1),
    )


def _failed(name: str, complaint: str) -> tuple[OutputAgreement, str]:
    return OutputAgreement(name, math.inf, math.inf, math.inf, 0.0, -math.inf, 0.0, within=False), complaint


def _compare_output(
    name: str, expected: Array, got: Array, tolerance: Tolerance | None, precision: str | None
) -> tuple[OutputAgreement, str]:
    """Compare one output of one sample; return the figures, and a complaint or nothing."""
    if expected.shape != got.shape:
        return _failed(name, f"shape is {list(got.shape)}, expected {list(expected.shape)}")
    if _kind(expected) != _kind(got):
        return _failed(name, f"dtype is {got.dtype}, expected {expected.dtype}")
    if _kind(expected) in ("integer", "boolean", "text"):
        return _compare_exact(name, expected, got, tolerance)
    limit = tolerance or default_tolerance(str(expected.dtype), precision).at(_wide(expected))
    return _compare_numbers(name, _wide(expected), _wide(got), limit)


def _kind(array: Array) -> str:
    if array.dtype.kind in "iu":
        return "integer"
    if array.dtype.kind == "b":
        return "boolean"
    if array.dtype.kind in "OSUT":
        return "text"
    return "complex" if "complex" in array.dtype.name else "number"  # ml_dtypes has some with a letter of their own


def _wide(array: Array) -> Array:
    """Return floats as float64 and complex numbers as complex128, so that no difference overflows or rounds."""
    return array.astype(np.complex128 if _kind(array) == "complex" else np.float64)


def _compare_exact(name: str, expected: Array, got: Array, tolerance: Tolerance | None) -> tuple[OutputAgreement, str]:
    """Compare integers, booleans and text by equality; integers within a tolerance that the user set."""
    equal = np.asarray(expected == got)
    rate = float(equal.mean()) if equal.size else 1.0
    text = _kind(expected) == "text"
    error = (~equal).astype(np.float64) if text else _difference(expected, got)
    size = np.zeros(1) if text else np.abs(expected.astype(np.float64))
    wrong = ~equal
    if tolerance is not None and _kind(expected) == "integer":
        wrong = np.asarray(error > tolerance.atol + tolerance.rtol * size, dtype=bool)
    worst = float(error.max(initial=0.0))
    figures = OutputAgreement(
        name=name,
        max_abs=worst,
        mean_abs=float(error.mean()) if error.size else 0.0,
        max_rel=_over(worst, float(size.max(initial=0.0))),
        cosine=1.0 if rate == 1.0 else rate,
        snr_db=math.inf if rate == 1.0 else 0.0,
        equal_rate=rate,
        within=not wrong.any(),
    )
    if not wrong.any():
        return figures, ""
    place = _place(wrong)
    limit = f" by more than atol={tolerance.atol:g}, rtol={tolerance.rtol:g}" if tolerance is not None else ""
    return figures, (
        f"{float(wrong.mean()):.2%} of the elements differ{limit}; at {place}: got {got[place]}, "
        f"expected {expected[place]}"
    )


def _difference(expected: Array, got: Array) -> Array:
    """Return |got - expected|, computed without wrapping around; 1 where booleans differ."""
    if expected.dtype.kind == "b":
        return np.asarray(expected != got, np.float64)
    exact = object if _is_64(expected, got) else np.float64  # Python's own integers where a float64 would round
    return np.asarray(abs(got.astype(exact) - expected.astype(exact)), exact)


def _is_64(*arrays: Array) -> bool:
    return any(
        array.dtype.itemsize == 8 and np.abs(array.astype(np.float64)).max(initial=0) >= 2**53 for array in arrays
    )


def _compare_numbers(name: str, expected: Array, got: Array, limit: Tolerance) -> tuple[OutputAgreement, str]:
    special = ~np.isfinite(expected) | ~np.isfinite(got)
    same_special = (np.isnan(expected) & np.isnan(got)) | (expected == got)
    wrong_special = special & ~same_special
    left, right = expected[~special], got[~special]
    error = np.abs(right - left)
    worst = float(error.max(initial=0.0))
    outside = np.zeros(expected.shape, dtype=bool)
    outside[~special] = error > limit.atol + limit.rtol * np.abs(left)
    figures = OutputAgreement(
        name=name,
        max_abs=math.inf if wrong_special.any() else worst,
        mean_abs=float(error.mean()) if error.size else 0.0,
        max_rel=_over(worst, float(np.abs(left).max(initial=0.0))),
        cosine=0.0 if wrong_special.any() else _cosine(left, right),
        snr_db=-math.inf if wrong_special.any() else _snr_db(left, error),
        equal_rate=float(((expected == got) | same_special).mean()) if expected.size else 1.0,
        within=not (wrong_special.any() or outside.any()),
        top1=_top1(expected, got),
    )
    if wrong_special.any():
        place = _place(wrong_special)
        return figures, f"at {place}: got {got[place]}, expected {expected[place]}"
    if not outside.any():
        return figures, ""
    excess = np.zeros(expected.shape)
    excess[~special] = error - limit.atol - limit.rtol * np.abs(left)
    place = tuple(int(index) for index in np.unravel_index(int(np.argmax(excess)), expected.shape))
    return figures, (
        f"{outside.mean():.2%} of the elements are outside atol={limit.atol:.3g}, rtol={limit.rtol:.3g}; worst at "
        f"{place}: got {got[place]:.6g}, expected {expected[place]:.6g} (cosine {figures.cosine:.4f})"
    )


def _top1(expected: Array, got: Array) -> float | None:
    """Return the share of rows with the largest element at the same place; None where rows do not rank anything."""
    if expected.dtype.kind == "c" or expected.ndim < 2 or expected.shape[-1] < 2 or not expected.size:
        return None
    # By value, so that a row with two equal largest elements on either side agrees whichever comes first.
    same = (_at_largest(got, expected) == got.max(axis=-1)) | (_at_largest(expected, got) == expected.max(axis=-1))
    same &= ~np.isnan(got).any(axis=-1)
    return float(np.mean(same | np.isnan(expected).any(axis=-1)))


def _at_largest(array: Array, other: Array) -> Array:
    """Return the element of each row of an array at the place where that row of the other is largest."""
    return np.take_along_axis(array, np.argmax(other, axis=-1)[..., None], axis=-1)[..., 0]


def _place(wrong: Array) -> tuple[int, ...]:
    return tuple(int(index) for index in np.argwhere(wrong)[0])


def _over(error: float, magnitude: float) -> float:
    if error == 0.0:
        return 0.0
    return error / magnitude if magnitude else math.inf


def _cosine(left: Array, right: Array) -> float:
    scale = max(float(np.abs(left).max(initial=0.0)), float(np.abs(right).max(initial=0.0)))
    if scale == 0.0:
        return 1.0
    left, right = left / scale, right / scale  # so that no square overflows
    norms = float(np.linalg.norm(left)) * float(np.linalg.norm(right))
    if norms == 0.0:
        return 0.0
    return float(min(1.0, max(-1.0, np.real(np.vdot(left, right)) / norms)))


def _snr_db(reference: Array, error: Array) -> float:
    scale = max(float(np.abs(reference).max(initial=0.0)), float(error.max(initial=0.0)))
    noise = float(np.sum((error / scale) ** 2)) if scale else 0.0
    signal = float(np.sum(np.abs(reference / scale) ** 2)) if scale else 0.0
    if noise == 0.0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal else -math.inf
