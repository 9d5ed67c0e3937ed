"""recognise(): which plugin knows the user's model."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from navcore.errors import UnrecognisedModelError, any_failure, first_line
from navcore.formats import Format
from navcore.known import suggest
from navcore.registry import Plugin, Registry

__all__ = ["kind_of", "recognise"]

_LOGGER = logging.getLogger(__name__)


def recognise(model: Any, registry: Registry, forced: Format | None = None) -> tuple[Format, Plugin]:
    """Return the model's format and the plugin that claims it.

    Args:
        model: As the user gave it.
        registry: Loaded plugins.
        forced: Format that the user asked for by `nav.torch.optimize` and the like; other claims are not heard.

    Raises:
        UnrecognisedModelError: No plugin claims the model, or two do.
    """
    claims = []
    for plugin in registry.plugins:
        if "nav_recognise" not in plugin.hooks:
            continue
        answer = _claim(plugin, model)
        if answer is not None and forced in (None, answer):
            claims.append((answer, plugin))
    if len(claims) == 1:
        return claims[0]
    if claims:
        names = " and ".join(f"{plugin.name!r} (as {answer})" for answer, plugin in claims)
        raise UnrecognisedModelError(
            f"two plugins claim {kind_of(model)}: {names}",
            "call the one you mean, for example nav.torch.optimize(...), or uninstall the other",
        )
    raise UnrecognisedModelError(*_unrecognised(model, registry, forced))


def _claim(plugin: Plugin, model: Any) -> Format | None:
    try:
        answer: object = plugin.recognise(model)
    except any_failure() as error:  # a stranger's hook may raise anything; the others still decide
        _LOGGER.warning("%s failed in nav_recognise and is not heard: %s", plugin.version, first_line(error))
        return None
    if answer is not None and not isinstance(answer, Format):
        _LOGGER.warning("%s answered nav_recognise with %r, not a Format, and is not heard", plugin.version, answer)
        return None
    return answer


def kind_of(model: Any) -> str:
    """Return what the model is, for people."""
    if isinstance(model, str | Path):
        return f"the path {str(model)!r}"
    return f"an object of type {type(model).__module__}.{type(model).__qualname__}"


def _unrecognised(model: Any, registry: Registry, forced: Format | None) -> tuple[str, str]:
    installed = ", ".join(f"{plugin.name} ({plugin.version})" for plugin in registry.plugins)
    wanted = f" as {forced}" if forced else ""
    cause = f"no installed plugin recognises {kind_of(model)}{wanted}; installed: {installed}"
    known = suggest(model)
    if known is None or forced:
        return cause, "pass a model that a plugin knows, or a plain function to profile it as it is"
    broken = [problem for problem in registry.problems if known.distribution in problem.version]
    if broken:
        return cause, f"{known.distribution} is installed, but {broken[0].reason}; {broken[0].fix}"
    if any(plugin.version.partition(" ")[0] == known.distribution for plugin in registry.plugins):
        return cause, f"{known.distribution} is installed, and takes {known.takes}"
    return cause, f"pip install {known.distribution}"
