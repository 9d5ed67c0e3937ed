"""Toys: a whole plugin in pure Python and numpy, so that tests of the engine need no framework.

The model is `y = x @ weight + bias`, float32[batch, 3] to float32[batch, 2]:

    toy-live (a ToyModel)  --ToyExporter "toy-npz"-->  toy-npz (file)  --ToyConverter "toy-json"-->  toy-json (file)
      runner "ToyLive"                                   runner "ToyNpz"                               runner "ToyJson"

    registry = load_plugins(extra=[ToyPlugin()], installed=False)
    model, samples = ToyModel(), toy_samples()
    wrong = ToyRunner(name="ToyWrong", fault="wrong")
    registry = load_plugins(extra=[ToyPlugin(tools=(*TOY_TOOLS, wrong))], installed=False)

Every tool takes `missing`, which it then answers from `unavailable()`, `pointless` for `unsuited()`, and `fault`, which
makes it misbehave: RUNNER_FAULTS and EDGE_FAULTS list what there is. `ToyExporter(smallest=2, largest=63)` writes a toy
that is good for such batches only. `ToyRunner(repeat=1000)` is slow, and `ToyRunner(counts=True)` adds the number of
earlier calls to what it gives; `model.calls` records the shapes that the model was called with. The path of
a `.npz` file written by `ToyModel().save(path)` is recognised as well.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from navcore.contracts import Array, Converter, Description, Exporter, Infer, Model, Names, Runner, Tensors, Tool
from navcore.domain import DeviceKind, Range, Signature
from navcore.errors import DataloaderError
from navcore.formats import Format
from navcore.hookspecs import hookimpl
from navcore.testing.toy_model import (
    EDGE_FAULTS,
    RUNNER_FAULTS,
    TOY_JSON,
    TOY_LIVE,
    TOY_NPZ,
    TOY_SIGNATURE,
    ToyModel,
    toy_result,
    toy_samples,
    toy_written,
)

__all__ = [
    "EDGE_FAULTS",
    "RUNNER_FAULTS",
    "TOY_JSON",
    "TOY_LIVE",
    "TOY_NPZ",
    "TOY_SIGNATURE",
    "TOY_TOOLS",
    "ToyConverter",
    "ToyExporter",
    "ToyModel",
    "ToyPlugin",
    "ToyRunner",
    "toy_samples",
]


@attrs.frozen(kw_only=True)
class ToyExporter(Exporter):
    """Writes a live toy as a file."""

    name: str = "toy-npz"
    source: Format = TOY_LIVE
    target: Format = TOY_NPZ
    fault: str = attrs.field(default="", validator=attrs.validators.in_(EDGE_FAULTS))
    missing: str | None = None
    pointless: str | None = None
    smallest: int = 0
    largest: int | None = None

    def unavailable(self) -> str | None:
        return self.missing

    def unsuited(self, model: Model) -> str | None:
        return self.pointless

    def write(self, model: Model, out: Path) -> Signature:
        signature = toy_written(self.fault, model.object, model.signature, out)
        if not self.smallest and self.largest is None:
            return signature
        return attrs.evolve(signature, ranges=(Range("batch", self.smallest, self.largest),))


@attrs.frozen(kw_only=True)
class ToyConverter(Converter):
    """Writes a toy file as another; a pass where source and target are the same."""

    name: str = "toy-json"
    source: Format = TOY_NPZ
    target: Format = TOY_JSON
    fault: str = attrs.field(default="", validator=attrs.validators.in_(EDGE_FAULTS))
    missing: str | None = None
    pointless: str | None = None

    def unavailable(self) -> str | None:
        return self.missing

    def unsuited(self, model: Model) -> str | None:
        return self.pointless

    def write(self, model: Model, out: Path) -> Signature:
        assert model.path is not None
        return toy_written(self.fault, ToyModel.load(model.path), model.signature, out)


@attrs.frozen(kw_only=True)
class ToyRunner(Runner):
    """Runs toys of any one of the three formats."""

    name: str = "ToyNpz"
    accepts: Format = TOY_NPZ
    devices: tuple[DeviceKind, ...] = (DeviceKind.CPU,)
    fault: str = attrs.field(default="", validator=attrs.validators.in_(RUNNER_FAULTS))
    missing: str | None = None
    pointless: str | None = None
    repeat: int = attrs.field(default=1, validator=attrs.validators.ge(1))
    note: str = ""
    counts: bool = False

    def unavailable(self) -> str | None:
        return self.missing

    def unsuited(self, model: Model) -> str | None:
        return self.pointless

    @contextmanager
    def open(self, model: Model, device: DeviceKind) -> Iterator[Infer]:
        if self.fault == "open-raises":
            raise RuntimeError(f"{self.name} cannot open this toy")
        yield self._infer(model)

    def _infer(self, model: Model) -> Infer:
        toy = model.object if model.path is None else ToyModel.load(model.path)
        (given,), (made,) = model.signature.input_names, model.signature.output_names
        if self.fault == "renames-output":
            made = f"{made}_renamed"
        batch = len(model.examples[0][given]) if model.examples else None
        buffers: dict[str, Array] = {}

        def infer(feeds: Tensors) -> Tensors:
            if self.fault == "fixed-batch" and len(feeds[given]) != batch:
                raise RuntimeError(f"got batch size {len(feeds[given])}, expected {batch}")
            for _ in range(self.repeat):
                result = toy_result(self.fault, toy(feeds[given]), buffers)
            return {made: result}

        if self.note:
            infer.notes = lambda: (self.note,)  # type: ignore[attr-defined]  # as the contract of Infer allows
        return _Counting(infer) if self.counts else infer


@attrs.define(eq=False)
class _Counting:
    """Adds the number of earlier calls, since it was opened or restarted, to what an Infer gives."""

    infer: Infer
    calls: int = 0

    def __call__(self, feeds: Tensors) -> Tensors:
        earlier, self.calls = self.calls, self.calls + 1
        return {name: array + np.float32(earlier) for name, array in self.infer(feeds).items()}

    def restart(self) -> None:
        self.calls = 0


TOY_TOOLS: tuple[Tool, ...] = (
    ToyExporter(),
    ToyConverter(),
    ToyRunner(name="ToyLive", accepts=TOY_LIVE, plain=True),
    ToyRunner(),
    ToyRunner(name="ToyJson", accepts=TOY_JSON),
)


@attrs.frozen(kw_only=True, eq=False)
class ToyPlugin:
    """A plugin with these tools, which recognises ToyModel and `.npz` paths.

    Attributes:
        tools: Exporters, converters, runners and strategies, in any order.
        declared: Whether the description has a signature; then no dataloader is needed.
        name: Name of the plugin in the registry.
    """

    tools: tuple[Tool, ...] = TOY_TOOLS
    declared: bool = False
    name: str = "toy"

    @property
    def __name__(self) -> str:
        return self.name

    @hookimpl
    def nav_recognise(self, model: Any) -> Format | None:
        if isinstance(model, ToyModel):
            return TOY_LIVE
        return TOY_NPZ if isinstance(model, str | os.PathLike) and str(model).endswith(".npz") else None

    @hookimpl
    def nav_describe(self, model: Any, sample: Any, names: Names) -> Description:
        toy = model if isinstance(model, ToyModel) else ToyModel.load(Path(model))
        given, made = names.inputs or ("x",), names.outputs or ("y",)
        inputs = {} if sample is None and self.declared else _flatten(sample, given)
        return Description(
            inputs=inputs,
            infer=lambda feeds: {made[0]: toy(feeds[given[0]])},
            call=given,
            signature=TOY_SIGNATURE if self.declared else None,
        )

    @hookimpl
    def nav_exporters(self) -> Iterable[Tool]:
        return [tool for tool in self.tools if isinstance(tool, Exporter)]

    @hookimpl
    def nav_converters(self) -> Iterable[Tool]:
        return [tool for tool in self.tools if isinstance(tool, Converter)]

    @hookimpl
    def nav_runners(self) -> Iterable[Tool]:
        return [tool for tool in self.tools if isinstance(tool, Runner)]


def _flatten(sample: Any, names: tuple[str, ...]) -> Tensors:
    values = list(sample.values()) if isinstance(sample, dict) else [sample]
    if len(values) != 1 or not isinstance(values[0], np.ndarray):
        raise DataloaderError(f"a toy takes one array, got {type(sample).__name__}", "give float32[batch, 3]")
    return {names[0]: values[0]}
