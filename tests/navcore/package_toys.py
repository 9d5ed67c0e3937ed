"""Toys for packages: a format that can run code, and one whose artifacts are bound to the machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

import navcore as nav
from navcore.contracts import Tool
from navcore.formats import Format, Risk
from navcore.hookspecs import hookimpl
from navcore.registry import Registry
from navcore.testing.toys import (
    TOY_JSON,
    TOY_LIVE,
    TOY_NPZ,
    ToyConverter,
    ToyExporter,
    ToyModel,
    ToyPlugin,
    ToyRunner,
    toy_samples,
)

QUICK = nav.OptimizationProfile(batch_sizes=(2,), window_size=2, min_trials=1, max_trials=1, stabilization_windows=1)
SLOW = 3000

TOY_CODE = Format("toy-code", suffix=".npz", risk=Risk.CODE)
TOY_BOUND = Format("toy-bound", suffix=".npz", risk=Risk.DATA)

EXPORT = ToyExporter()
CONVERT = ToyConverter()
TO_CODE = ToyConverter(name="toy-code", target=TOY_CODE)
TO_BOUND = ToyConverter(name="toy-bound", target=TOY_BOUND, bound_to=("toy.gpu",))
LIVE = ToyRunner(name="ToyLive", accepts=TOY_LIVE, plain=True, repeat=SLOW)
NPZ = ToyRunner(repeat=SLOW)
JSON = ToyRunner(name="ToyJson", accepts=TOY_JSON)
CODE = ToyRunner(name="ToyCode", accepts=TOY_CODE)
BOUND = ToyRunner(name="ToyBound", accepts=TOY_BOUND)

PLAIN = (EXPORT, CONVERT, LIVE, NPZ, JSON)
"""The artifact `toy-npz/toy-json` is far faster than the others."""


@attrs.frozen(kw_only=True, eq=False)
class MachinePlugin(ToyPlugin):
    """Toys on a machine with these facts."""

    facts: Mapping[str, str] = attrs.field(factory=dict)

    @hookimpl
    def nav_environment(self) -> Mapping[str, str]:
        return self.facts


def machine(*tools: Tool, **facts: str) -> Registry:
    """The plugins of a machine: `machine(*PLAIN, gpu="A")` has the fact `toy.gpu`."""
    named = {f"toy.{name}": value for name, value in facts.items()}
    return nav.load_plugins([MachinePlugin(tools=tools, facts=named)], installed=False)


def optimized(workspace: Path, registry: Registry, **options: Any) -> nav.Package:
    """What a quick run on a toy finds; the third sample has another batch size than the others."""
    model = options.pop("model", None) or ToyModel()
    samples = options.pop("samples", None) or [*toy_samples(2), *toy_samples(1, batch=4)]
    options = {"optimization_profile": QUICK, "workspace": workspace, "quiet": True, "isolate": False} | options
    return nav.optimize(model, samples, registry=registry, **options)


def repeated(package: nav.Package, workspace: Path, **options: Any) -> nav.Package:
    """What a quick run from a package finds."""
    options = {"workspace": workspace, "quiet": True, "isolate": False} | options
    return nav.package.optimize(package, **options)


__all__ = [
    "BOUND",
    "CODE",
    "CONVERT",
    "EXPORT",
    "JSON",
    "LIVE",
    "NPZ",
    "PLAIN",
    "QUICK",
    "TOY_BOUND",
    "TOY_CODE",
    "TOY_NPZ",
    "TO_BOUND",
    "TO_CODE",
    "machine",
    "optimized",
    "repeated",
]
