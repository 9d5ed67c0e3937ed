"""A zoo: models of one framework that a route can trip over, and what is tried on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs

from navcore.formats import Format

__all__ = ["SIZES", "Loaded", "Zoo", "no_configs"]

SIZES = ("tiny", "full")


@attrs.frozen(kw_only=True, eq=False)
class Loaded:
    """A model, and how it is given to `navcore.optimize`.

    Attributes:
        module: As it is to run.
        samples: For the dataloader; of two batch sizes or more.
        told: What it is, for people: one sentence without a full stop.
        options: Further options for `navcore.optimize`.
    """

    module: Any
    samples: list[Any]
    told: str
    options: Mapping[str, Any] = attrs.field(factory=dict)


def no_configs() -> list[Any]:
    """Return that no route has to be asked for."""
    return []


@attrs.frozen(kw_only=True, eq=False)
class Zoo:
    """Models of one framework, and the tools that are tried on them.

    Attributes:
        name: Of the page `docs/NAME-routes.md`, and of the nox session `NAME_routes`.
        title: The framework, for people.
        plugin: All tools of this plugin are tried.
        onward: Tools of other plugins that go on from there; what else these have is theirs to try.
        source: Format of the models.
        distributions: Whose versions the page tells.
        models: Name of each model, and what makes it.
        load: Returns the model of a name in a size of SIZES.
        configs: Returns configs that ask for variants of tools which are not tried by themselves.
    """

    name: str
    title: str
    plugin: str
    onward: tuple[str, ...]
    source: Format
    distributions: tuple[str, ...]
    models: Mapping[str, Any]
    load: Callable[[str, str], Loaded]
    configs: Callable[[], list[Any]] = no_configs

    @property
    def page(self) -> Path:
        """Where its table is; the facts are in a JSON file beside it."""
        return Path(__file__).parents[1] / "docs" / f"{self.name}-routes.md"
