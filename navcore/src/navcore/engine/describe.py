"""describe(): from the user's model and samples to a source with a signature, samples and reference outputs."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from navcore.contracts import Array, Description, Infer, Model, Tensors
from navcore.domain import Request, Signature
from navcore.engine.generate import generate
from navcore.engine.recognise import kind_of, recognise
from navcore.engine.shapes import Run, batch_size, declared_batch, infer_signature, resized
from navcore.errors import DataloaderError, NavError, PluginError, UnrecognisedModelError, first_line
from navcore.formats import Format
from navcore.registry import Plugin, Registry

__all__ = ["Sample", "Source", "describe"]

_PROBE_EXTRA = 1
_GENERATED = (2, 3)


@attrs.frozen(eq=False)
class Sample:
    """Inputs with the outputs that the source gives for them, and their batch size if there is a batch axis."""

    inputs: Tensors
    outputs: Tensors
    batch_size: int | None


@attrs.frozen(eq=False)
class Source:
    """The user's model, understood.

    Attributes:
        model: With signature and examples.
        samples: The user's samples, then one more batch size where there is a batch axis.
        title: What it is, for people.
        notices: What the user should know.
    """

    model: Model
    samples: tuple[Sample, ...]
    title: str
    notices: tuple[str, ...]


def describe(
    model: Any, dataloader: Iterable[Any] | None, registry: Registry, request: Request, forced: Format | None = None
) -> Source:
    """Learn how the model is called, which dimensions vary, and what it computes for the samples.

    Args:
        model: As the user gave it.
        dataloader: Samples; read once, up to `request.sample_count`. None where the model declares its inputs.
        registry: Loaded plugins.
        request: Batching, sample count, names and seed.
        forced: As for `recognise`.

    Raises:
        UnrecognisedModelError: See `recognise`.
        DataloaderError: There are no samples, they differ in structure, or the model refuses one.
    """
    source_format, plugin = recognise(model, registry, forced)
    descriptions, notices = _descriptions(model, dataloader, source_format, plugin, request)
    first = descriptions[0]
    runs = [_run(first.infer, description.inputs, index) for index, description in enumerate(descriptions)]
    probes, probe_notices = _probe(first, runs, request)
    signature = first.signature or infer_signature([*runs, *probes], batched=bool(probes))
    if not probes:
        signature = attrs.evolve(signature, batch=None)
    samples = tuple(Sample(run.inputs, run.outputs, batch_size(signature, run.inputs)) for run in [*runs, *probes])
    live = source_format.live
    return Source(
        model=Model(
            format=source_format,
            signature=signature,
            object=model if live else None,
            path=None if live else Path(model),
            call=first.call,
            examples=_examples(samples, signature),
        ),
        samples=samples,
        title=_title(model, source_format),
        notices=(*notices, *first.notices, *probe_notices, *_instability(first.infer, runs[0])),
    )


def _title(model: Any, source_format: Format) -> str:
    if not source_format.live:
        return Path(model).name
    return str(getattr(model, "__name__", type(model).__name__))


def _descriptions(
    model: Any, dataloader: Iterable[Any] | None, source_format: Format, plugin: Plugin, request: Request
) -> tuple[list[Description], list[str]]:
    if dataloader is None:
        if source_format.live:
            raise DataloaderError(
                f"no dataloader was given, and {kind_of(model)} cannot be called without",
                "pass dataloader=[sample, ...]",
            )
        return _declared(model, plugin, request)
    samples = list(itertools.islice(_iterate(dataloader), request.sample_count))
    if not samples:
        raise DataloaderError(
            "the dataloader gave no samples",
            "pass at least one sample, for example dataloader=[sample]; a generator that was read before is empty",
        )
    descriptions = [_describe(plugin, model, sample, request) for sample in samples]
    for index, description in enumerate(descriptions[1:], start=1):
        if description.call != descriptions[0].call or list(description.inputs) != list(descriptions[0].inputs):
            raise DataloaderError(
                f"sample {index} calls the model differently from sample 0: {description.call!r} with inputs "
                f"{', '.join(description.inputs)}; against {descriptions[0].call!r} with inputs "
                f"{', '.join(descriptions[0].inputs)}",
                "give samples of one structure, with the same constants; optimise other structures in other calls",
            )
        _check_same_kind(descriptions[0].inputs, description.inputs, index)
    return descriptions, []


def _check_same_kind(first: Tensors, other: Tensors, index: int) -> None:
    for name in first:
        kinds = [(array.dtype, array.ndim) for array in (first[name], other[name])]
        if kinds[0] != kinds[1]:
            told = [f"{dtype} with {ndim} axes" for dtype, ndim in kinds]
            raise DataloaderError(
                f"input {name!r} is {told[1]} in sample {index}, and {told[0]} in sample 0",
                "give every sample the same dtypes and number of axes",
            )


def _iterate(dataloader: Iterable[Any]) -> Iterable[Any]:
    try:
        return iter(dataloader)
    except TypeError:
        raise DataloaderError(
            f"the dataloader is a {type(dataloader).__name__}, which cannot be iterated over",
            "pass a list of samples, a torch DataLoader, or another iterable",
        ) from None


def _declared(model: Any, plugin: Plugin, request: Request) -> tuple[list[Description], list[str]]:
    """Descriptions with seeded inputs made from the signature that the model declares."""
    declared = _describe(plugin, model, None, request)
    if declared.signature is None:
        raise DataloaderError(
            f"no dataloader was given, and {kind_of(model)} does not declare its inputs",
            "pass dataloader=[sample, ...]",
        )
    signature = declared_batch(declared.signature, request.batching)
    made = [generate(signature.inputs, signature.batch, size, request.seed) for size in _GENERATED]
    notice = (
        "no dataloader was given: inputs were made from the model's signature with seed "
        f"{request.seed}; agreement on real data may differ"
    )
    return [_describe(plugin, model, sample, request) for sample in made], [notice]


def _describe(plugin: Plugin, model: Any, sample: Any, request: Request) -> Description:
    try:
        description = plugin.describe(model, sample, request.names)
    except NavError:
        raise
    except Exception as error:  # a stranger's hook may raise anything
        raise PluginError(
            f"plugin {plugin.name!r} ({plugin.version}) failed to describe a sample: "
            f"{type(error).__name__}: {first_line(error)}",
            "look at the sample first; if it is what the model takes, report this to the plugin's author",
        ) from error
    if description is None:
        raise UnrecognisedModelError(
            f"plugin {plugin.name!r} ({plugin.version}) recognises the model but does not describe it",
            f"upgrade or uninstall {plugin.version}",
        )
    return description


def _run(infer: Infer, inputs: Tensors, index: int) -> Run:
    try:
        return Run(inputs, infer(inputs))
    except DataloaderError as error:
        raise DataloaderError(f"sample {index}: {error.cause}", error.fix) from error
    except Exception as error:  # the user's model may raise anything
        shapes = ", ".join(f"{name}: {array.dtype}{list(array.shape)}" for name, array in inputs.items())
        raise DataloaderError(
            f"the model refuses sample {index} ({shapes}): {type(error).__name__}: {first_line(error)}",
            "make the sample's names, shapes and dtypes those that the model takes; try one call by hand first",
        ) from error


def _probe(first: Description, runs: Sequence[Run], request: Request) -> tuple[list[Run], list[str]]:
    """Run one sample at another batch size, to see which output axes follow and whether the model takes it.

    Returns no run where there is no batch axis, and a sentence where the model refused the other size.
    """
    if not request.batching:
        return [], []
    declared = first.signature
    if declared is not None:
        batched = [spec.name for spec in declared.inputs if declared.batch and declared.batched(spec.name)]
        size = int(runs[0].inputs[batched[0]].shape[0]) if batched else 0
    else:
        size, batched = _batched_inputs(runs)
    if not batched:
        return [], ["the inputs have no common first axis: the model is taken as it is, without batching"]
    other = next(size for size in itertools.count(size + _PROBE_EXTRA) if size >= 2)
    try:
        inputs = resized(runs[0].inputs, batched, other)
        return [Run(inputs, first.infer(inputs))], []
    except Exception as error:  # the user's model may raise anything
        return [], [
            f"the model refuses batch size {other} ({first_line(error.__cause__ or error)}); it is optimised for the "
            "samples' batch size alone. Pass batching=False to say that this is meant"
        ]


def _batched_inputs(runs: Sequence[Run]) -> tuple[int, list[str]]:
    """Return the first sample's batch size, and the inputs whose first axis is that size in every sample."""
    leading = next((name for name, array in runs[0].inputs.items() if array.ndim), None)
    if leading is None:
        return 0, []
    sizes = [run.inputs[leading].shape[0] for run in runs]
    batched = [
        name
        for name, array in runs[0].inputs.items()
        if array.ndim and all(run.inputs[name].shape[0] == size for run, size in zip(runs, sizes, strict=True))
    ]
    return int(sizes[0]), batched if sizes[0] else []


def _examples(samples: Sequence[Sample], signature: Signature) -> tuple[Tensors, ...]:
    inputs = [sample.inputs for sample in samples]
    if signature.batch is None:
        return tuple(inputs)
    big = next((sample.inputs for sample in samples if (sample.batch_size or 0) >= 2), inputs[0])
    return (big, *(feeds for feeds in inputs if feeds is not big))


def _instability(infer: Infer, run: Run) -> list[str]:
    """Say so where the source does not agree with itself."""
    again = infer(run.inputs)
    changed = [name for name, array in run.outputs.items() if not _same(array, again[name])]
    if not changed:
        return []
    return [f"the model is not deterministic: {', '.join(changed)} changed between two calls with the same inputs"]


def _same(left: Array, right: Array) -> bool:
    return np.array_equal(left, right, equal_nan=bool(np.issubdtype(right.dtype, np.inexact)))
