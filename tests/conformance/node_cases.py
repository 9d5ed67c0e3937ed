"""ONNX's own test cases of single operators, run by a runner of ours; whose fault each failure is."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from navcore.contracts import Model, Tensors
from navcore.domain import Signature, TensorSpec
from navcore.errors import NavError
from navcore.formats import Format

__all__ = ["Kind", "NodeCase", "Outcome", "Runtime", "all_cases", "judge", "sampled", "summary"]


_RANDOM = ("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike")


class Kind(str, Enum):
    """How a case ended."""

    PASSED = "passed"
    UNFIT = "no arrays go in or out, or outputs are random"
    REFUSED = "refused by our tool, with a reason"
    LACKS = "the runtime does not implement it"
    DIFFERS = "the runtime alone gives wrong outputs as well"
    OURS = "ours"


@attrs.frozen(eq=False)
class NodeCase:
    """One case.

    Attributes:
        name: As ONNX calls it.
        model: An `onnx.ModelProto`.
        inputs, outputs: Arrays by name; empty for a case that is unfit.
        rtol, atol: How close outputs must be.
        unfit: Why it cannot be told whether it passes: it takes or gives something other than arrays, or its outputs
            are random; empty where it can.
    """

    name: str
    model: Any
    inputs: Tensors
    outputs: Tensors
    rtol: float
    atol: float
    unfit: str = ""

    @property
    def signature(self) -> Signature:
        """What the arrays are: fixed sizes, as ONNX declares them for its cases."""
        sides = (
            tuple(TensorSpec(name, np.asarray(array).dtype.name, np.shape(array)) for name, array in side.items())
            for side in (self.inputs, self.outputs)
        )
        return Signature(*sides)


@attrs.frozen
class Outcome:
    """How a case ended, and what shows it."""

    name: str
    kind: Kind
    detail: str = ""


@attrs.frozen(kw_only=True)
class Runtime:
    """What runs the cases.

    Attributes:
        run: Runs an ONNX model on its one example by our tools.
        bare: Does the same for a file and arrays with the runtime's own interface and nothing of ours.
        lacks: What the runtime says where it does not implement something, as a regular expression, by what is missing.
    """

    run: Callable[[Model], Tensors]
    bare: Callable[[Path, Tensors, Sequence[str]], Tensors]
    lacks: Mapping[str, str]


def all_cases() -> tuple[NodeCase, ...]:
    """Return all cases, in order of their names; ONNX computes them, which takes 10 to 20 seconds."""
    from onnx.backend.test.case.node import collect_testcases

    with np.errstate(all="ignore"):  # they look at infinities, too
        found = collect_testcases("")
    return tuple(sorted(map(_case, found), key=lambda case: case.name))


def sampled(cases: Sequence[NodeCase], count: int, seed: int) -> tuple[NodeCase, ...]:
    """Return so many of the cases, always the same ones for a seed."""
    return tuple(random.Random(seed).sample(cases, min(count, len(cases))))


def judge(case: NodeCase, runtime: Runtime, folder: Path) -> Outcome:
    """Run a case and say whose fault it is if it fails.

    It is ours unless our tool says in words of its own what it does not take, the runtime says that it does not
    implement something and fails without us too, or the runtime gives wrong outputs without us too.
    """
    if case.unfit:
        return Outcome(case.name, Kind.UNFIT, case.unfit)
    path = folder / "case.onnx"
    path.write_bytes(case.model.SerializeToString())
    model = Model(format=Format.ONNX, signature=case.signature, path=path, examples=(case.inputs,))
    try:
        outputs = runtime.run(model)
    except NavError as error:
        return Outcome(case.name, Kind.REFUSED, error.cause)
    except Exception as error:  # whatever a runtime raises
        return _blame(case, error, runtime, path)
    wrong = difference(outputs, case)
    if not wrong:
        return Outcome(case.name, Kind.PASSED)
    return Outcome(case.name, Kind.DIFFERS if _wrong_alone(runtime, path, case) else Kind.OURS, wrong)


def difference(outputs: Tensors, case: NodeCase) -> str:
    """Return how outputs differ from those that ONNX gives; empty where they agree."""
    for name, expected in case.outputs.items():
        if name not in outputs:
            return f"no output {name!r}, only {', '.join(outputs)}"
        got = np.asarray(outputs[name])
        if (got.dtype, got.shape) != (np.asarray(expected).dtype, np.shape(expected)):
            return f"{name}: {got.dtype}{got.shape} in place of {np.asarray(expected).dtype}{np.shape(expected)}"
        if not _close(got, np.asarray(expected), case):
            return f"{name}: other values"
    return ""


def summary(name: str, outcomes: Iterable[Outcome]) -> str:
    """Return how many cases ended how, and each that neither passed nor is unfit, in lines."""
    outcomes = list(outcomes)
    counts = Counter(outcome.kind for outcome in outcomes)
    lines = [f"{name}: {len(outcomes)} cases", *(f"  {counts[kind]:5d}  {kind.value}" for kind in Kind)]
    lacking = Counter(each.detail.partition(":")[0] for each in outcomes if each.kind is Kind.LACKS)
    lines += [f"         {count:5d}  {what}" for what, count in sorted(lacking.items())]
    told = (each for each in outcomes if each.kind not in (Kind.PASSED, Kind.UNFIT))
    return "\n".join([*lines, *(f"  {each.kind.name.lower()} {each.name}: {each.detail}" for each in told)])


def _case(found: Any) -> NodeCase:
    graph = found.model.graph
    blank = NodeCase(found.name, found.model, {}, {}, found.rtol, found.atol)
    if any(_is_random(node) for node in graph.node):
        return attrs.evolve(blank, unfit="its outputs are random")
    for side, values in (("input", graph.input), ("output", graph.output)):
        for value in values:
            kind = value.type.WhichOneof("value")
            if kind != "tensor_type":
                return attrs.evolve(blank, unfit=f"{side} {value.name!r} is of kind {kind.removesuffix('_type')}")
    ((inputs, outputs),) = found.data_sets
    given = {value.name: _array(data) for value, data in zip(graph.input, inputs, strict=True)}
    right = {value.name: _array(data) for value, data in zip(graph.output, outputs, strict=True)}
    return attrs.evolve(blank, inputs=given, outputs=right)


def _is_random(node: Any) -> bool:
    """Return whether an operator draws numbers; a dropout does where it is told to train."""
    return node.op_type in _RANDOM or (node.op_type == "Dropout" and len(node.input) > 2)


def _array(data: Any) -> Any:
    from onnx import TensorProto, numpy_helper

    return numpy_helper.to_array(data) if isinstance(data, TensorProto) else np.asarray(data)


def _blame(case: NodeCase, error: Exception, runtime: Runtime, path: Path) -> Outcome:
    """Say whose fault an exception is: the runtime's where it fails alone as well, in words that are known."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    what = next((what for what, pattern in runtime.lacks.items() if re.search(pattern, text)), None)
    if what is None or _bare(runtime, path, case) is not None:
        return Outcome(case.name, Kind.OURS, text[:1000])
    return Outcome(case.name, Kind.LACKS, f"{what}: {text[:400]}")


def _wrong_alone(runtime: Runtime, path: Path, case: NodeCase) -> bool:
    bare = _bare(runtime, path, case)
    if bare is None:
        return False
    arrays = {name: np.asarray(array) for name, array in bare.items()}
    return difference({name: _as(case.outputs[name].dtype, array) for name, array in arrays.items()}, case) != ""


def _as(dtype: Any, array: Any) -> Any:
    """Return an array in the dtype where it has but its bits: runtimes give types that NumPy lacks as another type."""
    bits = array.dtype != dtype and dtype.isbuiltin == 2 and array.dtype.itemsize == dtype.itemsize
    return array.view(dtype) if bits else array


def _bare(runtime: Runtime, path: Path, case: NodeCase) -> Tensors | None:
    """Return what the runtime alone gives; None where it fails."""
    try:
        return runtime.bare(path, case.inputs, tuple(case.outputs))
    except Exception:  # whatever a runtime raises
        return None


def _close(got: Any, expected: Any, case: NodeCase) -> bool:
    if got.dtype.kind in "OSU":
        return [str(text) for text in got.flat] == [str(text) for text in expected.flat]
    return bool(np.allclose(_plain(got), _plain(expected), case.rtol, case.atol, equal_nan=True))


def _plain(array: Any) -> Any:
    """Return numbers that NumPy has no type for, such as bfloat16 and int4, as float32, which holds them exactly."""
    return array if array.dtype.isbuiltin == 1 else array.astype(np.float32)
