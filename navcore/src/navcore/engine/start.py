"""What a run starts from: the user's model and dataloader, or a package."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, Protocol

import attrs

from navcore.contracts import Tensors
from navcore.domain import Request
from navcore.engine.describe import Opener, Source, describe
from navcore.engine.fleet import HandOver
from navcore.engine.plan import Plan
from navcore.engine.preflight import timed_inputs
from navcore.errors import UsageError
from navcore.formats import Format
from navcore.registry import Plugin
from navcore.store.origin import note_origin
from navcore.store.workspace import Workspace

__all__ = ["ModelStart", "Start"]

_LOGGER = logging.getLogger(__name__)


class Start(Protocol):
    """Gives a run its source."""

    @property
    def format(self) -> Format:
        """Format of the source."""
        ...

    def hand_over(self, asked: bool) -> HandOver | None:
        """Return how the live source gets into a worker, if it can; unless asked for, only where that is cheap."""
        ...

    def narrowed(self, plan: Plan) -> Plan:
        """Return the plan without what cannot be tried from here."""
        ...

    def source(self, request: Request, opener: Opener) -> Source:
        """Return the source with samples and reference outputs; the opener runs a model on disk."""
        ...

    def timed_inputs(self, source: Source, request: Request) -> Tensors | None:
        """Return the first sample of the profile's own dataloader, if it has one."""
        ...

    def fingerprint(self) -> str | None:
        """Return what changes with the live source, for the artifact cache."""
        ...

    def settled(self, source: Source, space: Workspace) -> Source:
        """Return the source once the workspace is ready, with its file where it is to be found later."""
        ...


@attrs.frozen(eq=False)
class ModelStart:
    """A run on the user's model.

    Attributes:
        model, dataloader: As the user gave them.
        format, plugin: As `recognise` said.
    """

    model: Any
    dataloader: Iterable[Any] | None
    format: Format
    plugin: Plugin

    def hand_over(self, asked: bool) -> HandOver | None:
        """Return the plugin's hook, if it has one."""
        if "nav_hand_over" not in self.plugin.hooks:
            return None
        hook = self.plugin.hand_over
        return lambda model, folder: hook(model, folder, asked)

    def narrowed(self, plan: Plan) -> Plan:
        """Return the plan: all of it can be tried."""
        return plan

    def source(self, request: Request, opener: Opener) -> Source:
        """Return the model, described by running it."""
        return describe(self.model, self.dataloader, (self.format, self.plugin), request, opener=opener)

    def timed_inputs(self, source: Source, request: Request) -> Tensors | None:
        """Return the first sample of the profile's own dataloader, as the plugin flattens it."""
        return timed_inputs(self.model, self.plugin.describe, source, request)

    def fingerprint(self) -> str | None:
        """Return what the plugin says."""
        return self.plugin.fingerprint(self.model)

    def settled(self, source: Source, space: Workspace) -> Source:
        """Note where a model file is; where that fails, the run goes on, and its package cannot be saved."""
        try:
            note_origin(space, source.model)
        except (OSError, UsageError) as error:
            _LOGGER.warning("%s cannot be put into a package: %s", source.title, error)
        return source
