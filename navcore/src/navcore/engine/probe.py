"""Which axis is the batch: found by running the source at another batch size."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import attrs

from navcore.contracts import Infer, Tensors
from navcore.domain import Signature
from navcore.engine.shapes import Run, dtype_name, resized
from navcore.errors import any_failure, first_line

__all__ = ["Probe", "differing_outputs", "probe"]


@attrs.frozen(eq=False)
class Probe:
    """What the other batch size showed.

    Attributes:
        run: The run at the other size; None where there is no batch axis, or the model takes no other size.
        notice: Why there is none; empty where there is.
    """

    run: Run | None
    notice: str = ""


def probe(infer: Infer, runs: Sequence[Run], declared: Signature | None) -> Probe:
    """Run the first sample at another batch size.

    Where the model declares no signature, the batch axis is the first axis of those inputs whose sizes go together:
    sizes that vary between samples come first, then those that most inputs share, then the larger ones.
    """
    refusal = fallback = None
    for batched in _groups(runs, declared):
        size = runs[0].inputs[batched[0]].shape[0]
        other = next(size for size in itertools.count(size + 1) if size >= 2)
        inputs = resized(runs[0].inputs, batched, other)
        try:
            run = Run(inputs, infer(inputs))
            difference = differing_outputs(runs[0].outputs, run.outputs)
        except any_failure() as error:  # the user's model may raise anything
            difference = first_line(error.__cause__ or error)
        if difference:
            refusal = refusal or f"batch size {other} ({difference})"
        elif any(run.outputs[name].shape != array.shape for name, array in runs[0].outputs.items()):
            return Probe(run)
        else:
            fallback = fallback or run
    if fallback is not None:
        return Probe(fallback)
    if refusal is None:
        return Probe(None, "no input has a first axis: the model is taken as it is, without batching")
    return Probe(
        None,
        f"the model refuses {refusal}; it is optimised for the samples' batch size alone. Pass batching=False to say "
        "that this is meant",
    )


def _groups(runs: Sequence[Run], declared: Signature | None) -> Iterator[list[str]]:
    """Yield sets of inputs that may share the batch axis, the likeliest first."""
    if declared is not None:
        batched = [spec.name for spec in declared.inputs if declared.batch and declared.batched(spec.name)]
        if batched and runs[0].inputs[batched[0]].shape[0]:
            yield batched
        return
    groups: dict[tuple[int, ...], list[str]] = {}
    for name, array in runs[0].inputs.items():
        if array.ndim and array.shape[0]:
            groups.setdefault(tuple(run.inputs[name].shape[0] for run in runs), []).append(name)
    varying = {sizes: names for sizes, names in groups.items() if len(set(sizes)) > 1}
    candidates = varying or groups  # an axis that stays the same while others vary is not the batch
    for _, names in sorted(candidates.items(), key=lambda group: (-len(group[1]), -max(group[0]))):
        yield names
        matrices = [name for name in names if runs[0].inputs[name].ndim > 1]
        if matrices and matrices != names:  # a vector of one element may be no batch of one
            yield matrices


def differing_outputs(first: Tensors, other: Tensors) -> str:
    """Return how two runs differ in names, dtypes or number of axes; empty where they do not."""
    if list(first) != list(other):
        return f"it gives {', '.join(other) or 'nothing'}, and else {', '.join(first) or 'nothing'}"
    for name, array in first.items():
        kinds = [f"{dtype_name(each)} with {each.ndim} axes" for each in (array, other[name])]
        if kinds[0] != kinds[1]:
            return f"output {name!r} is {kinds[1]}, and else {kinds[0]}"
    return ""
