"""described_again(): the live model is given back to a package, and has to be the one that it was made from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from navcore.contracts import Description, Model, Tensors
from navcore.domain import PackageStatus
from navcore.engine.compare import compare
from navcore.engine.recognise import kind_of, recognise
from navcore.errors import UsageError, any_failure, first_line
from navcore.registry import Plugin, Registry

__all__ = ["described_again"]


def described_again(
    model: Any, sample: Any, status: PackageStatus, registry: Registry, stored: Iterator[tuple[Tensors, Tensors]]
) -> Model:
    """Return the live model, with how it is called.

    Args:
        model, sample: As for `Package.load_source_model`.
        status: Of the package.
        registry: The plugins at hand.
        stored: Samples of the package; the first one is run.

    Raises:
        UsageError: It is another model, or it cannot be told how it is called.
    """
    source, plugin = recognise(model, registry, status.source)
    if not source.live:
        raise UsageError(
            f"the source of this package is a file, {status.title}, and lies in it", "leave load_source_model out"
        )
    inputs, outputs = next(stored, ({}, {}))
    if not inputs:
        raise UsageError("the package has no samples to call the model with", "save it with save_data=True")
    description, got = _described(model, sample, status, plugin, inputs)
    request = status.request
    agreement = compare([outputs], [got], request.tolerance, precision=request.precision)
    if not agreement.within:
        raise UsageError(
            f"{kind_of(model)} is not what this package was made from: {agreement.disagreement}",
            "give the model with the weights that it had then",
        )
    return Model(format=source, signature=status.signature, object=model, call=description.call)


def _described(
    model: Any, sample: Any, status: PackageStatus, plugin: Plugin, inputs: Tensors
) -> tuple[Description, Tensors]:
    """Return the first way to call the model that takes the stored inputs, and gives the stored outputs' names."""
    names = status.signature
    reason = "no way to call it was found"
    for form in [sample] if sample is not None else list(_forms(inputs)):
        try:
            description = plugin.describe(model, form, status.request.names)
            if description is None or set(description.inputs) != set(names.input_names):
                found = ", ".join(description.inputs) if description is not None else "nothing"
                reason = f"its inputs are {found}"
                continue
            got = description.infer(inputs)
        except any_failure() as error:  # a form that was guessed may be refused in any way
            reason = first_line(error)
            continue
        if set(got) == set(names.output_names):
            return description, got
        reason = f"its outputs are {', '.join(got)}"
    raise UsageError(
        f"{kind_of(model)} cannot be called as this package was made, with {', '.join(names.input_names)} "
        f"-> {', '.join(names.output_names)}: {reason}",
        "give one sample as the dataloader gave it: load_source_model(model, sample=...)",
    )


def _forms(inputs: Tensors) -> Iterator[Any]:
    """Yield the samples that may have given these inputs."""
    values = tuple(inputs.values())
    if len(values) == 1:
        yield values[0]
    yield values
    yield dict(inputs)
