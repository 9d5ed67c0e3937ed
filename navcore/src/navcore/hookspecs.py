"""The hooks.

A plugin implements some of them with `@navcore.hookimpl` and registers itself like this:

    [project.entry-points.navcore]
    my-plugin = "my_package.plugin"

Every hook is asked plugin by plugin: the order of installation never matters, and a plugin that raises is
reported and left out. Registration hooks are cheap and import no framework.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pluggy

from navcore.contracts import Converter, Description, Exporter, Model, Runner, Strategy
from navcore.domain import Event, Names
from navcore.formats import Format

__all__ = ["PROJECT", "hookimpl", "hookspec"]

PROJECT = "navcore"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def nav_recognise(model: Any) -> Format | None:
    """Return the format of the user's model, or None where it is not one of yours.

    Called once per run. Two plugins that claim one model are an error that names both. To find out whether an
    object belongs to a framework, look for the framework in `sys.modules`; do not import it.
    """
    raise NotImplementedError


@hookspec
def nav_describe(model: Any, sample: Any, names: Names) -> Description | None:
    """Return how the model is called, learnt from one sample of the dataloader.

    Called for every sample, and only on the plugin that recognised the model. `sample` is as the dataloader gave
    it; it is None for a model file whose user gave no dataloader: then the description has the declared signature.
    `names` are those that the user wants, in flattening order.

    Raises:
        navcore.errors.DataloaderError: The sample cannot be flattened, or does not fit the model.
        navcore.errors.ModelFileError: The file cannot be read.
    """
    raise NotImplementedError


@hookspec
def nav_fingerprint(model: Any) -> str | None:
    """Return a text that changes whenever what the model computes could change, or None where that cannot be told.

    Called once per run, and only on the plugin that recognised the model. None means that nothing made from the model
    is cached; so does an exception, which is logged. What every run sets, such as training mode, does not count.
    """
    raise NotImplementedError


@hookspec
def nav_hand_over(model: Model, folder: Path, asked: bool) -> str | None:
    """Write what another process needs to have the live model too, and return who reads it, or None if it cannot be.

    Called on the plugin that recognised the model, at most once in a run, so that its exports and the runners that are
    `apart` run in a worker. `asked` is True where the user wants that, whatever it costs; otherwise write only what is
    cheap to write and read. The answer is `module:function`; that function takes the folder and returns the live
    object and its `call`, each time that it is called. The folder is private to the run, read by its own worker alone,
    and removed with it.
    """
    raise NotImplementedError


@hookspec
def nav_exporters() -> Iterable[Exporter]:
    """Return the edges from live objects to files."""
    raise NotImplementedError


@hookspec
def nav_converters() -> Iterable[Converter]:
    """Return the edges from files to files."""
    raise NotImplementedError


@hookspec
def nav_runners() -> Iterable[Runner]:
    """Return the runners."""
    raise NotImplementedError


@hookspec
def nav_strategies() -> Iterable[Strategy]:
    """Return further strategies, by the names that they are chosen with on the command line."""
    raise NotImplementedError


@hookspec
def nav_environment() -> Mapping[str, str]:
    """Return facts about machine and versions that results depend on, for example `{"cuda.driver": "580.65"}`.

    Called once per run; may import the framework, since by then it was needed anyway.
    """
    raise NotImplementedError


@hookspec
def nav_event(event: Event) -> None:
    """Be told what happens during a run. An exception in it is logged once and changes nothing."""
    raise NotImplementedError
