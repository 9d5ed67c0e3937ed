"""describe(): from the user's model and samples to a source with a signature, samples and reference outputs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from navcore.contracts import Array, Description, Infer, Model, Runner, Tensors
from navcore.domain import Failure, Request, Signature
from navcore.engine.candidate import Candidate, LocalCandidate
from navcore.engine.dataloader import first_samples
from navcore.engine.failures import FATAL, StepFailed
from navcore.engine.further_sizes import further_sizes
from navcore.engine.generate import generate
from navcore.engine.probe import Probe, differing_outputs, probe
from navcore.engine.recognise import kind_of
from navcore.engine.rest import Rest, rest_of
from navcore.engine.shapes import Run, batch_size, declared_batch, dtype_name, infer_signature
from navcore.engine.usage import runtime_notes
from navcore.errors import (
    DataloaderError,
    ModelFileError,
    NavError,
    PluginError,
    UnrecognisedModelError,
    any_failure,
    first_line,
)
from navcore.formats import Format
from navcore.registry import Plugin

__all__ = ["Opener", "Sample", "Source", "describe", "examples_of"]

_GENERATED = (2, 3)


@attrs.frozen(eq=False)
class Sample:
    """Inputs with the outputs that the source gives for them, and their batch size if there is a batch axis.

    Attributes:
        given: Whether it is one of the user's own samples, and not made from one.
    """

    inputs: Tensors
    outputs: Tensors
    batch_size: int | None
    given: bool = True


@attrs.frozen(eq=False)
class Source:
    """The user's model, understood.

    Attributes:
        model: With signature and examples.
        samples: The user's samples, then what was made of them at other sizes.
        title: What it is, for people.
        notices: What the user should know.
        rest: What the dataloader holds beyond the samples; None where that is nothing, or can be read once only.
    """

    model: Model
    samples: tuple[Sample, ...]
    title: str
    notices: tuple[str, ...]
    rest: Rest | None = None


Opener = Callable[[Runner, Model], Candidate]
"""Opens a model on disk for the reference run."""


def describe(
    model: Any,
    dataloader: Iterable[Any] | None,
    recognised: tuple[Format, Plugin],
    request: Request,
    *,
    opener: Opener = LocalCandidate.reference,
) -> Source:
    """Learn how the model is called, which dimensions vary, and what it computes for the samples.

    Args:
        model: As the user gave it.
        dataloader: Samples; read once, up to `request.sample_count`. None where the model declares its inputs.
        recognised: What `recognise` said of the model.
        request: Batching, sample count, names and seed.
        opener: Where a model on disk is run for the reference.

    Raises:
        DataloaderError: There are no samples, they differ in structure, or the model refuses one.
        ModelFileError: Running the file crashes, hangs or takes too much memory.
    """
    source_format, plugin = recognised
    descriptions, notices = _descriptions(model, dataloader, source_format, plugin, request)
    with contextlib.ExitStack() as stack:
        first = _with_reference(model, source_format, descriptions[0], opener, stack)
        source = _source(model, source_format, first, descriptions, notices, request)

    @contextlib.contextmanager
    def reference() -> Iterator[Infer]:
        with contextlib.ExitStack() as stack:
            yield _with_reference(model, source_format, descriptions[0], opener, stack).infer

    def described(sample: Any) -> Tensors:
        return _describe(plugin, model, sample, request).inputs

    return attrs.evolve(source, rest=rest_of(dataloader, request.sample_count, described, reference))


def _with_reference(
    model: Any, source_format: Format, first: Description, opener: Opener, stack: contextlib.ExitStack
) -> Description:
    """Return the description with the reference run where the opener puts it, for a model on disk."""
    if source_format.live or first.reference is None or first.signature is None or not first.inputs:
        return first
    opened = Model(
        format=source_format, signature=first.signature, path=Path(model).absolute(), examples=(first.inputs,)
    )
    try:
        candidate = stack.enter_context(contextlib.closing(opener(first.reference, opened)))
    except StepFailed as error:
        raise _unusable(model, error.failure) from error
    return attrs.evolve(first, infer=candidate.infer)


def _unusable(model: Any, failure: Failure) -> ModelFileError:
    return ModelFileError(
        f"{Path(model).name} cannot be run: {failure.reason}", failure.fix or "open it by hand to see what is wrong"
    )


def _source(
    model: Any,
    source_format: Format,
    first: Description,
    descriptions: Sequence[Description],
    notices: Sequence[str],
    request: Request,
) -> Source:
    try:
        runs = [_run(first.infer, description.inputs, index) for index, description in enumerate(descriptions)]
    except StepFailed as error:
        raise _unusable(model, error.failure) from error
    except DataloaderError as error:
        if not notices:
            raise
        fix = "pass dataloader=[sample, ...] with inputs that the model takes"
        raise DataloaderError(f"inputs were made up, and {error.cause}", fix) from error
    _check_outputs(runs)
    probed = probe(first.infer, runs, first.signature) if request.batching else Probe(None)
    if probed.run is not None:
        runs = [*runs, probed.run]
    signature = first.signature or infer_signature(runs, batched=probed.run is not None)
    if probed.run is None:
        signature = attrs.evolve(signature, batch=None)
    given = len(descriptions)
    known = [_sample(run, signature, place < given) for place, run in enumerate(runs)]
    more = further_sizes(first.infer, runs, signature, request.profile)
    samples = (*known, *(_sample(run, signature, False) for run in more))
    live = source_format.live
    told = (*notices, *first.notices, probed.notice, _instability(first.infer, runs[0]), *runtime_notes(first.infer))
    return Source(
        model=Model(
            format=source_format,
            signature=signature,
            object=model if live else None,
            path=None if live else Path(model).absolute(),
            call=first.call,
            examples=examples_of(known, signature),
        ),
        samples=samples,
        title=_title(model, source_format),
        notices=tuple(filter(None, told)),
    )


def _sample(run: Run, signature: Signature, given: bool) -> Sample:
    return Sample(run.inputs, run.outputs, batch_size(signature, run.inputs), given)


def _check_outputs(runs: Sequence[Run]) -> None:
    for index, run in enumerate(runs[1:], start=1):
        difference = differing_outputs(runs[0].outputs, run.outputs)
        if difference:
            raise DataloaderError(
                f"the model's outputs change with the sample: for sample {index} {difference}, for sample 0",
                "return the same structure for every sample, for example squeeze(-1) in place of squeeze()",
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
    samples = first_samples(dataloader, request.sample_count)
    descriptions = [_describe(plugin, model, sample, request) for sample in samples]
    _check_values(descriptions[0].inputs)
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


def _check_values(first: Tensors) -> None:
    """Refuse a first sample without any value, which is the one that is timed; later ones only have to be taken."""
    with_axes = [array for array in first.values() if array.ndim]
    if with_axes and not any(array.size for array in with_axes):
        raise DataloaderError(
            f"sample 0 is empty ({_shapes(first)}): with a dimension of size 0 there is nothing to compare or to time",
            "leave empty batches out of the dataloader, or give a batch of one or more first",
        )


def _check_same_kind(first: Tensors, other: Tensors, index: int) -> None:
    for name in first:
        kinds = [(dtype_name(array), array.ndim) for array in (first[name], other[name])]
        if kinds[0] != kinds[1]:
            told = [f"{dtype} with {ndim} axes" for dtype, ndim in kinds]
            raise DataloaderError(
                f"input {name!r} is {told[1]} in sample {index}, and {told[0]} in sample 0",
                "give every sample the same dtypes and number of axes",
            )


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
    except any_failure() as error:  # a stranger's hook may raise anything
        raise PluginError(
            f"plugin {plugin.name!r} ({plugin.version}) failed to describe a sample: "
            f"{type(error).__name__}: {first_line(error)}",
            "look at the sample first; if it is what the model takes, report this to the plugin's author",
        ) from error
    if description is not None and not isinstance(description, Description):
        raise PluginError(
            f"plugin {plugin.name!r} ({plugin.version}) described a sample with a {type(description).__name__}",
            "report this to its author: nav_describe returns a navcore.contracts.Description",
        )
    if description is None:
        raise UnrecognisedModelError(
            f"plugin {plugin.name!r} ({plugin.version}) recognises the model but does not describe it",
            f"upgrade or uninstall {plugin.version}",
        )
    return description


def _run(infer: Infer, inputs: Tensors, index: int) -> Run:
    try:
        return Run(inputs, infer(inputs))
    except StepFailed as error:
        if error.failure.kind in FATAL:
            raise
        raise _refused(inputs, index, error.failure.reason) from error
    except DataloaderError as error:
        raise DataloaderError(f"sample {index}: {error.cause}", _fix(inputs, error.fix)) from error
    except any_failure() as error:  # the user's model may raise anything
        raise _refused(inputs, index, f"{type(error).__name__}: {first_line(error)}") from error


def _refused(inputs: Tensors, index: int, reason: str) -> DataloaderError:
    fix = "make the sample's names, shapes and dtypes those that the model takes; try one call by hand first"
    return DataloaderError(f"the model refuses sample {index} ({_shapes(inputs)}): {reason}", _fix(inputs, fix))


def _fix(inputs: Tensors, otherwise: str) -> str:
    """Return the fix for a sample that is refused; where an input is empty, most likely that is why."""
    name = next((name for name, array in inputs.items() if not array.size), None)
    return otherwise if name is None else f"leave out samples in which {name} is empty, or else {otherwise}"


def _shapes(inputs: Tensors) -> str:
    return ", ".join(f"{name}: {array.dtype}{list(array.shape)}" for name, array in inputs.items())


def examples_of(samples: Sequence[Sample], signature: Signature) -> tuple[Tensors, ...]:
    """Return the inputs as tools are given them: first one with a batch of two or more, where there is a batch."""
    inputs = [sample.inputs for sample in samples]
    if signature.batch is None:
        return tuple(inputs)
    big = next((sample.inputs for sample in samples if (sample.batch_size or 0) >= 2), inputs[0])
    return (big, *(feeds for feeds in inputs if feeds is not big))


def _instability(infer: Infer, run: Run) -> str:
    """Say so where the source does not agree with itself."""
    again = infer(run.inputs)
    changed = [name for name, array in run.outputs.items() if name not in again or not _same(array, again[name])]
    if not changed:
        return ""
    return f"the model is not deterministic: {', '.join(changed)} changed between two calls with the same inputs"


def _same(left: Array, right: Array) -> bool:
    if left.dtype.kind == "V":  # the 8- and 16-bit floats of ml_dtypes
        left, right = left.astype(np.float64), right.astype(np.float64)
    return np.array_equal(left, right, equal_nan=bool(np.issubdtype(right.dtype, np.inexact)))
