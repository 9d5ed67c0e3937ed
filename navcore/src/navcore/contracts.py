"""What a plugin gives navcore: tools, and a description of the user's model.

    Tool(name)                  .unavailable() -> str | None
     ├ Edge(source, target)     .write(model, out) -> Signature
     │   ├ Exporter             source is a live object
     │   └ Converter            source is on disk
     ├ Runner(accepts, devices) .open(model, device) -> context manager of Infer
     └ Strategy                 .score(trial) -> float | None

A tool is its configuration: a class decorated with `attrs.frozen(kw_only=True)` whose fields are its options,
so that it can be hashed, compared and rebuilt in another process.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from enum import Enum
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import attrs
import numpy.typing as npt

from navcore.domain import PRECISIONS, DeviceKind, Load, Measurement, Names, Signature, TrialResult
from navcore.formats import Format

__all__ = [
    "Array",
    "Converter",
    "CustomConfig",
    "Description",
    "Edge",
    "Exporter",
    "Infer",
    "MetricFunction",
    "Model",
    "Names",
    "Runner",
    "Stage",
    "Strategy",
    "Tensors",
    "Tool",
    "VerifyFunction",
]

Array = npt.NDArray[Any]
"""A NumPy array of any dtype."""

Tensors = Mapping[str, Array]
"""Arrays by the name of the input or output."""

Infer = Callable[[Tensors], Tensors]
"""Runs the model once; returns when the outputs are complete. The outputs belong to the caller: the callee
neither writes to them afterwards nor hands out a buffer of its own."""


MetricFunction = Callable[[Iterable[Tensors]], float]
"""The user's own measure of quality: takes outputs, one mapping per sample of the dataloader, in its order; returns a
number, higher is better."""

VerifyFunction = Callable[[Iterable[Tensors], Iterable[Tensors]], bool]
"""The user's own check: takes the candidate's outputs and the source's, one mapping per sample; True accepts."""


@attrs.frozen(kw_only=True, eq=False)
class Model:
    """A model at hand.

    Attributes:
        format: How it is held.
        signature: Inputs and outputs in calling order.
        object: The live object, for a live format. Tools leave it as they found it.
        path: The main file or folder, for the other formats.
        call: What the recognising plugin's `nav_describe` said about calling the live object.
        examples: Real inputs by name, one mapping per sample. Where there is a batch axis, the first one has a
            batch of two or more, because exporters bake in the sizes 0 and 1.
    """

    format: Format
    signature: Signature
    object: Any = None
    path: Path | None = None
    call: Any = None
    examples: tuple[Tensors, ...] = ()


@attrs.frozen(kw_only=True, eq=False)
class Description:
    """How to call a model, learnt from one sample of the dataloader.

    Attributes:
        inputs: The sample, flattened: arrays by input name, in calling order. Empty where no sample was given.
        infer: The reference: the model as the user has it, in its own precision, on flattened inputs. Leaves
            device, mode, parameters, gradient flags and random state as they were. Its `notes()`, if it has them, are
            read after all samples were run, and are notices too.
        call: How the plugin's own tools rebuild the call from flattened inputs; compared with `==` between samples.
        signature: Names, dtypes and dimensions that the model itself declares; None where samples must tell.
        notices: Sentences that the user should read.
        reference: For a model on disk, the runner by which a worker gives what `infer` gives; so the user's process
            does not even open the file. None: `infer` is used.
    """

    inputs: Tensors
    infer: Infer
    call: Any = None
    signature: Signature | None = None
    notices: tuple[str, ...] = ()
    reference: Runner | None = None


@attrs.frozen(kw_only=True)
class Tool(ABC):
    """Something configured that a plugin adds.

    Attributes:
        name: How the tool is called in reports, on the command line and in file names: up to 64 ASCII letters, digits
            and `._+-`, the first a letter or a digit.
        imports: Modules that using the tool imports. A worker imports them ahead, while other things are done, so that
            their time and memory count for no candidate.
        precision: Precision that it lowers the model to, one of `navcore.domain.PRECISIONS`; such a tool is used only
            where the user asks for that precision. None: the model keeps its own.
        deprecated: Why its framework is about to drop what it uses, in one sentence; empty where it is not. What such
            a tool gives says so, and is never chosen on a tie.
    """

    name: str
    imports: tuple[str, ...] = ()
    precision: str | None = attrs.field(default=None, validator=attrs.validators.in_((None, *PRECISIONS)))
    deprecated: str = ""

    def unavailable(self) -> str | None:
        """Return why the tool cannot work on this machine, as `cause; fix`, or None if it can."""
        return None

    def unsuited(self, model: Model) -> str | None:
        """Return why there is no point in trying the tool on this model, as one sentence, or None if there is.

        Asked before an edge writes or a runner opens the model; what is unsuited is skipped, with the reason. It looks
        at the live object, or at the signature, and is quick.
        """
        return None


class Stage(str, Enum):
    """When a pass, a converter from a format to itself, runs; passes of a route follow this order."""

    CLEAN = "clean"
    FUSE = "fuse"
    PRECISION = "precision"

    @property
    def order(self) -> int:
        """Place in the order of declaration, from 0."""
        return list(Stage).index(self)


@attrs.frozen(kw_only=True)
class Edge(Tool):
    """Makes a model of one format from a model of another.

    Attributes:
        source, target: The two formats; the same for a pass.
        stage: When a pass runs; required for a pass, meaningless otherwise.
        bound_to: Names of facts of the environment (`nav_environment` and `navcore.environment`) without which, at
            the values that they have where it is built, the artifact does not work: `("gpu.name", "tensorrt")`.
            Empty for an artifact that works wherever its runner does.
        fallback: Whether it is walked only where no other route to its target, from the same source, was built: an
            older engine that takes what the first one refuses. It stands in the report either way.
    """

    source: Format
    target: Format = attrs.field()
    stage: Stage | None = None
    bound_to: tuple[str, ...] = ()
    fallback: bool = False

    @target.validator
    def _check_target(self, _attribute: object, value: Format) -> None:
        if value.live:
            raise ValueError(f"edge {self.name!r}: target={value.name!r} is a live format; an edge writes files")

    @property
    def is_pass(self) -> bool:
        """Whether source and target are the same format."""
        return self.source == self.target

    @abstractmethod
    def write(self, model: Model, out: Path) -> Signature:
        """Write the target format and return its signature.

        Args:
            model: The source; left as it was.
            out: Path of the main file (or of the folder, where the format has no suffix). Its parent exists, is
                empty and belongs to this artifact alone, so side files may lie there under any name.

        Raises:
            Exception: Anything; the engine records it as the failure of this route.
        """


@attrs.frozen(kw_only=True)
class Exporter(Edge):
    """An edge from a live object."""

    def __attrs_post_init__(self) -> None:
        if not self.source.live:
            raise ValueError(f"exporter {self.name!r}: source={self.source.name!r} is on disk; make it a Converter")


@attrs.frozen(kw_only=True)
class Converter(Edge):
    """An edge from files; touches no live object, so it can run in another process."""

    def __attrs_post_init__(self) -> None:
        if self.source.live:
            raise ValueError(f"converter {self.name!r}: source={self.source.name!r} is live; make it an Exporter")
        if self.is_pass and self.stage is None:
            raise ValueError(f"converter {self.name!r}: a pass from {self.source.name!r} to itself needs a stage")


@attrs.frozen(kw_only=True)
class Runner(Tool):
    """Runs models of one format.

    Attributes:
        accepts: The format.
        devices: Devices that it can run on.
        plain: True for the runner that executes a live format just as the user would call it; that one is the
            baseline that speed is compared with.
    """

    accepts: Format
    devices: tuple[DeviceKind, ...]
    plain: bool = False

    def apart(self, model: Model) -> bool:
        """Return whether a live model is to be opened in a worker, as files are: it is large, and this copies it.

        Asked before `open`, which then gets another object of equal contents. Where no worker can have the model, the
        runner is not tried on it.
        """
        return False

    def alone(self) -> Runner:
        """Return the runner for a session of the user's, which nothing is measured beside; itself if that is the same.

        While candidates are timed in turn, threads that go on spinning after a call would slow the next one down. In a
        session they may.
        """
        return self

    @abstractmethod
    def open(self, model: Model, device: DeviceKind) -> AbstractContextManager[Infer]:
        """Load the model, give a callable that runs it, and release everything on exit.

        The Infer may also have `bind(feeds) -> step`, `synchronize()`, `placement()`, `notes() -> tuple[str, ...]`,
        sentences about what the runtime has done so far, such as compiling, and `native(*tensors)`, which takes the
        framework's own tensors in the order of the signature's inputs and gives such, by name; a runner that offers
        none is complete. For a model that changes as it is called, `restart()` makes it what it was when it was opened;
        it is called before and after every call whose outputs are compared, and every timed block.
        """


@attrs.frozen(kw_only=True)
class Strategy(Tool):
    """Says which of the trials that work is best."""

    @abstractmethod
    def score(self, trial: TrialResult) -> float | None:
        """Return how good the trial is, higher is better, or None where it is not eligible.

        Differences count as ties when they are inside the measured noise, which is relative: return the natural
        logarithm of a positive quantity, so that 0.02 means 2 %.
        """

    def best(self, trial: TrialResult) -> Measurement:
        """Return the measurement to quote for a trial that this strategy picked."""
        return trial.busiest

    def load(self, trial: TrialResult) -> Load | None:
        """Return several calls at once, or fewer threads, to quote beside it; None: one call on all threads."""
        return None


@runtime_checkable
class CustomConfig(Protocol):
    """Options for the registered tools of a format, given as `custom_configs=[...]`.

    A config may also have `precisions`, a tuple of names: then those of its tools that lower the model to one of them
    are used, as if the user had asked for that precision for them alone.

    Attributes:
        format: The config is asked about the edges that make this format and the runners that accept it.
    """

    @property
    def format(self) -> Format:
        """The format whose tools it configures."""
        ...

    def configure(self, tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
        """Return the tools to use in place of the given ones: fewer, more, or with other options."""
        ...
