"""load_plugins(): the only file that drives pluggy."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pluggy

# Not `from navcore import ...`: while navcore is being imported, that asks every installed plugin for the name.
import navcore.hookspecs as hookspecs
import navcore.python_model as python_model
import navcore.strategies as strategies
from navcore.collect import Claim, collect, nearest_hook
from navcore.contracts import Description, Model
from navcore.domain import Event, Names
from navcore.errors import any_failure, first_line
from navcore.formats import Format
from navcore.keywords import checked_keywords
from navcore.known import FIRST_PARTY
from navcore.registry import Plugin, Problem, Registry

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["GROUP", "load_plugins"]

GROUP = "navcore"
"""Entry-point group that plugins register in."""

_LOGGER = logging.getLogger(__name__)
_BUILT_IN: Mapping[str, object] = {"navcore.python": python_model, "navcore.strategies": strategies}


@checked_keywords
def load_plugins(extra: Iterable[object] = (), *, installed: bool = True) -> Registry:
    """Load plugins and return what they provide; what is wrong with any of them is in `.problems`.

    Args:
        extra: Plugin modules or objects to load besides, named by `__name__` or class.
        installed: Whether to load the installed plugins too.
    """
    from importlib.metadata import entry_points

    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    loading = _Loading(manager)
    for name, plugin in _BUILT_IN.items():
        loading.register(name, "navcore", plugin)
    for plugin in extra:
        loading.register(getattr(plugin, "__name__", type(plugin).__name__), "given by the caller", plugin)
    for entry_point in sorted(entry_points(group=GROUP), key=_order) if installed else ():
        loading.load(entry_point)
    return loading.registry()


def _order(entry_point: EntryPoint) -> tuple[bool, str, str]:
    """First-party plugins first, so that no stranger takes their name."""
    ours = {"navcore", *(entry.distribution for entry in FIRST_PARTY.values())}
    dist = entry_point.dist
    return dist is None or dist.name not in ours, entry_point.name, entry_point.value


def _version(entry_point: EntryPoint) -> str:
    dist = entry_point.dist
    return f"{dist.name} {dist.version}" if dist is not None else "unknown"


@attrs.define
class _Loading:
    """Plugins while they are being loaded."""

    manager: pluggy.PluginManager
    versions: dict[str, str] = attrs.field(factory=dict)
    problems: list[Problem] = attrs.field(factory=list)

    def load(self, entry_point: EntryPoint) -> None:
        """Import one entry point and register what it names; of a class, an instance made without arguments."""
        version = _version(entry_point)
        try:
            loaded = entry_point.load()
            plugin = loaded() if isinstance(loaded, type) else loaded
        except any_failure() as error:  # a stranger's import may raise anything
            reason = f"`{entry_point.value}` cannot be imported: {type(error).__name__}: {error}"
            self._problem(entry_point.name, version, reason, "upgrade or uninstall it")
            return
        self.register(entry_point.name, version, plugin)

    def register(self, name: str, version: str, plugin: object) -> None:
        """Register one plugin under its name; on any complaint, leave it out."""
        if name in self.versions:
            reason = f"the plugin name {name!r} is taken by {self.versions[name]}"
            self._problem(name, version, reason, "rename the entry point, or uninstall one of the two")
            return
        try:
            self.manager.register(plugin, name)
            self._check_hooks(name, version, plugin)
        except Exception as error:  # pluggy complains, or a stranger's attribute raises while it is looked at
            if self.manager.has_plugin(name):
                self.manager.unregister(name=name)  # pluggy up to 1.6 leaves it half registered
            reason = " ".join(str(error).split())
            self._problem(name, version, reason, "correct the hook's arguments as in docs/hooks.md, or uninstall it")
            return
        self.versions[name] = version

    def _check_hooks(self, name: str, version: str, plugin: object) -> None:
        callers = self.manager.get_hookcallers(plugin) or []
        for caller in callers:
            if not caller.has_spec():
                self._problem(name, version, f"there is no hook `{caller.name}`", nearest_hook(caller.name))
        implemented = {caller.name for caller in callers}
        for attribute in sorted(set(dir(plugin)) - implemented):
            if attribute.startswith("nav_") and callable(getattr(plugin, attribute)):
                reason = f"`{attribute}` is not marked as a hook, so it is never called"
                self._problem(name, version, reason, "decorate it with `@navcore.hookimpl`")

    def _problem(self, plugin: str, version: str, reason: str, fix: str) -> None:
        self.problems.append(Problem(plugin, version, reason, fix))

    def registry(self) -> Registry:
        """Ask every plugin for its tools."""
        plugins = tuple(self._plugin(name) for name in sorted(self.versions))
        claims = [claim for plugin in plugins for claim in self._claims(plugin)]
        collected = collect(claims)
        problems = sorted((*self.problems, *collected.problems), key=attrs.astuple)
        return Registry(
            plugins, collected.edges, collected.runners, collected.strategies, collected.origins, tuple(problems)
        )

    def _claims(self, plugin: Plugin) -> Iterator[Claim]:
        for hook in ("nav_exporters", "nav_converters", "nav_runners", "nav_strategies"):
            if hook not in plugin.hooks:
                continue
            try:
                items: tuple[Any, ...] = tuple(_first(self._caller(plugin.name, hook)()))
            except Exception as error:  # a stranger's hook may raise anything, and return anything
                reason = f"`{hook}` failed: {type(error).__name__}: {error}"
                fix = f"`{hook}` returns an iterable of tools; correct or uninstall the plugin"
                self._problem(plugin.name, plugin.version, reason, fix)
                continue
            for item in items:
                yield Claim(plugin.name, plugin.version, hook, item)

    def _caller(self, name: str, hook: str) -> Any:
        others = [plugin for other, plugin in self.manager.list_name_plugin() if other != name]
        return self.manager.subset_hook_caller(hook, remove_plugins=others)

    def _plugin(self, name: str) -> Plugin:
        callers = self.manager.get_hookcallers(self.manager.get_plugin(name)) or []
        ask = functools.partial(self._caller, name)
        return Plugin(
            name=name,
            version=self.versions[name],
            hooks=tuple(sorted(caller.name for caller in callers if caller.has_spec())),
            recognise=functools.partial(_recognise, ask("nav_recognise")),
            describe=functools.partial(_describe, ask("nav_describe")),
            fingerprint=functools.partial(_fingerprint, name, ask("nav_fingerprint")),
            hand_over=functools.partial(_hand_over, name, ask("nav_hand_over")),
            environment=functools.partial(_environment, ask("nav_environment")),
            notify=_Notify(name, ask("nav_event")),
        )


def _recognise(caller: Any, model: Any) -> Format | None:
    answer: Format | None = _first(caller(model=model))
    return answer


def _describe(caller: Any, model: Any, sample: Any, names: Names) -> Description | None:
    answer: Description | None = _first(caller(model=model, sample=sample, names=names))
    return answer


def _fingerprint(name: str, caller: Any, model: Any) -> str | None:
    try:
        answer = _first(caller(model=model))
    except any_failure() as error:  # a stranger's hook may raise anything, and without a fingerprint nothing is cached
        _LOGGER.warning("plugin %r failed in nav_fingerprint; nothing is cached: %s", name, first_line(error))
        return None
    return answer if isinstance(answer, str) and answer else None


def _hand_over(name: str, caller: Any, model: Model, folder: Path, asked: bool) -> str | None:
    try:
        answer = _first(caller(model=model, folder=folder, asked=asked))
    except any_failure() as error:  # a stranger's hook may raise anything, and the model's own code runs in it
        _LOGGER.log(
            logging.WARNING if asked else logging.DEBUG,
            "plugin %r failed in nav_hand_over; exports run in this process: %s",
            name,
            first_line(error),
        )
        return None
    return answer if isinstance(answer, str) and answer else None


def _environment(caller: Any) -> Mapping[str, str]:
    return _first(caller()) or {}


def _first(answers: list[Any]) -> Any:
    return answers[0] if answers else None


@attrs.define
class _Notify:
    """Tells one plugin about events; its first exception is logged, and none propagates."""

    name: str
    caller: Any
    failed: bool = False

    def __call__(self, event: Event) -> None:
        try:
            self.caller(event=event)
        except any_failure():  # an observer must not end the run that it observes
            if not self.failed:
                _LOGGER.exception("plugin %r failed in nav_event; later failures are not logged", self.name)
            self.failed = True
