"""load_plugins(): what works is there, what is broken is named with version and fix, and the order means nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from navcore import hookimpl, load_plugins
from navcore.contracts import Strategy
from navcore.domain import Notice
from navcore.formats import Format
from navcore.registry import Problem, Registry
from navcore.testing.toys import TOY_NPZ, ToyConverter, ToyExporter, ToyPlugin, ToyRunner

Install = Callable[..., None]

GOOD = """
    import attrs, navcore
    from navcore.testing.toys import ToyRunner

    @navcore.hookimpl
    def nav_runners():
        return [ToyRunner(name="Good")]
"""


def _load_beside_a_good_one(install: Install, source: str) -> Registry:
    """Install the broken plugin 0.1 and a good one; the good one and the built-in one must be unharmed."""
    install("good-plugin", "2.5", GOOD, navcore={"good": "good_plugin"})
    install("broken-plugin", "0.1", source, navcore={"broken": "broken_plugin"})
    registry = load_plugins(extra=[ToyPlugin()])

    assert registry.runner("Good").name == "Good"
    assert registry.runner("ToyNpz").name == "ToyNpz"
    assert registry.runner("Python").name == "Python"
    return registry


def _problems(registry: Registry) -> list[Problem]:
    return [problem for problem in registry.problems if problem.plugin == "broken"]


def test_a_plugin_is_discovered_with_its_distribution_and_version(install: Install) -> None:
    install("good-plugin", "2.5", GOOD, navcore={"good": "good_plugin"})
    registry = load_plugins()
    (plugin,) = (plugin for plugin in registry.plugins if plugin.name == "good")

    assert plugin.version == "good-plugin 2.5"
    assert plugin.hooks == ("nav_runners",)
    assert registry.tools_of("good") == (ToyRunner(name="Good"),)


def test_installed_plugins_are_left_out_on_request(install: Install) -> None:
    install("good-plugin", "2.5", GOOD, navcore={"good": "good_plugin"})
    registry = load_plugins(installed=False)

    assert [plugin.name for plugin in registry.plugins] == ["navcore.python", "navcore.strategies"]


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("import frob_that_nobody_has", "ModuleNotFoundError: No module named 'frob_that_nobody_has'"),
        ("raise RuntimeError('driver too old')", "RuntimeError: driver too old"),
        ("raise SystemExit('bye')", "SystemExit: bye"),
    ],
    ids=["missing-module", "exception", "exit"],
)
def test_a_plugin_whose_import_raises_is_reported(install: Install, source: str, what: str) -> None:
    registry = _load_beside_a_good_one(install, source)

    assert _problems(registry) == [
        Problem("broken", "broken-plugin 0.1", f"`broken_plugin` cannot be imported: {what}", "upgrade or uninstall it")
    ]
    assert "broken" not in [plugin.name for plugin in registry.plugins]


def test_a_plugin_with_a_syntax_error_is_reported(install: Install) -> None:
    (problem,) = _problems(_load_beside_a_good_one(install, "def nav_runners(:"))

    assert problem.version == "broken-plugin 0.1"
    assert problem.reason.startswith("`broken_plugin` cannot be imported: SyntaxError: ")


def test_an_entry_point_to_nowhere_is_reported(install: Install) -> None:
    install("broken-plugin", "0.1", "", navcore={"broken": "broken_plugin:Plugin"})
    (problem,) = _problems(load_plugins())

    assert problem.reason == (
        "`broken_plugin:Plugin` cannot be imported: AttributeError: module 'broken_plugin' has no attribute 'Plugin'"
    )


def test_a_hook_that_returns_no_iterable_is_reported(install: Install) -> None:
    source = """
        import navcore

        @navcore.hookimpl
        def nav_runners():
            return 3
    """

    assert _problems(_load_beside_a_good_one(install, source)) == [
        Problem(
            "broken",
            "broken-plugin 0.1",
            "`nav_runners` failed: TypeError: 'int' object is not iterable",
            "`nav_runners` returns an iterable of tools; correct or uninstall the plugin",
        )
    ]


def test_a_hook_that_returns_something_else_than_tools_is_reported(install: Install) -> None:
    source = """
        import navcore

        @navcore.hookimpl
        def nav_runners():
            return ["OnnxCPU"]
    """

    assert _problems(_load_beside_a_good_one(install, source)) == [
        Problem(
            "broken",
            "broken-plugin 0.1",
            "`nav_runners` returned 'OnnxCPU', which is not a Runner",
            "return instances of navcore.contracts.Runner; correct or uninstall the plugin",
        )
    ]


def test_a_hook_that_returns_a_class_in_place_of_an_instance_is_reported(install: Install) -> None:
    source = """
        import navcore
        from navcore.testing.toys import ToyRunner

        @navcore.hookimpl
        def nav_runners():
            return [ToyRunner, ToyRunner(name="Fine")]
    """
    registry = _load_beside_a_good_one(install, source)
    (problem,) = _problems(registry)

    assert problem.reason == ("`nav_runners` returned <class 'navcore.testing.toys.ToyRunner'>, which is not a Runner")
    assert registry.tools_of("broken") == (ToyRunner(name="Fine"),)


def test_a_runner_among_the_exporters_is_reported(install: Install) -> None:
    source = """
        import navcore
        from navcore.testing.toys import ToyRunner

        @navcore.hookimpl
        def nav_exporters():
            return [ToyRunner(name="Lost")]
    """
    (problem,) = _problems(_load_beside_a_good_one(install, source))

    assert problem.reason.endswith(", which is not a Exporter")
    assert problem.fix == "return instances of navcore.contracts.Exporter; correct or uninstall the plugin"


def test_a_tool_name_that_a_first_party_plugin_has_is_refused_to_a_third_party(install: Install) -> None:
    fork = """
        import navcore
        from navcore.testing.toys import ToyRunner

        @navcore.hookimpl
        def nav_runners():
            return [ToyRunner(name="Good", repeat=2), ToyRunner(name="Other")]
    """
    install("nav-triton", "0.1.0", GOOD, navcore={"triton": "nav_triton"})
    install("a-fork", "3.0", fork, navcore={"a-fork": "a_fork"})
    registry = load_plugins()

    assert registry.runner("Good") == ToyRunner(name="Good")
    assert registry.tools_of("a-fork") == (ToyRunner(name="Other"),)
    assert [problem for problem in registry.problems if problem.plugin == "a-fork"] == [
        Problem(
            "a-fork",
            "a-fork 3.0",
            "the name 'Good' in `nav_runners` is taken by plugin 'triton' (nav-triton 0.1.0)",
            "rename it in 'a-fork', or uninstall one of the two",
        )
    ]


def test_a_tool_name_that_navcore_has_is_refused_to_everyone() -> None:
    registry = load_plugins(extra=[ToyPlugin(name="torch", tools=(ToyRunner(name="Python"),))], installed=False)
    (problem,) = registry.problems

    assert registry.origins[registry.runner("Python")] == "navcore.python"
    assert problem.reason.startswith("the name 'Python' in `nav_runners` is taken by plugin 'navcore.python' (")


def test_of_two_third_parties_with_one_tool_name_the_second_by_name_is_reported(install: Install) -> None:
    source = """
        import navcore
        from navcore.testing.toys import ToyRunner

        @navcore.hookimpl
        def nav_runners():
            return [ToyRunner(name="Good", repeat=2)]
    """
    install("good-plugin", "2.5", GOOD, navcore={"good": "good_plugin"})
    install("same-plugin", "0.1", source, navcore={"same": "same_plugin"})
    registry = load_plugins()

    assert registry.runner("Good") == ToyRunner(name="Good")
    assert [problem for problem in registry.problems if problem.plugin == "same"] == [
        Problem(
            "same",
            "same-plugin 0.1",
            "the name 'Good' in `nav_runners` is taken by plugin 'good' (good-plugin 2.5)",
            "rename it in 'same', or uninstall one of the two",
        )
    ]


def test_edges_from_different_formats_may_share_a_name() -> None:
    other = ToyConverter(name="toy-npz", source=Format("toy-json", suffix=".json"), target=Format("toy-xml", ".xml"))
    theirs = attrs.evolve(other, source=Format("toy-yaml", ".yaml"))
    registry = load_plugins(extra=[ToyPlugin(tools=(ToyExporter(), theirs))], installed=False)

    assert registry.edges == (ToyExporter(), theirs)
    assert registry.problems == ()


def test_a_misspelled_hook_is_reported_with_the_right_spelling(install: Install) -> None:
    source = """
        import navcore

        @navcore.hookimpl
        def nav_runner():
            return []
    """

    assert _problems(_load_beside_a_good_one(install, source)) == [
        Problem("broken", "broken-plugin 0.1", "there is no hook `nav_runner`", "rename it to `nav_runners`")
    ]


def test_a_hook_like_no_other_is_reported_with_the_list_of_hooks(install: Install) -> None:
    source = """
        import navcore

        @navcore.hookimpl
        def on_startup():
            return []
    """
    (problem,) = _problems(_load_beside_a_good_one(install, source))

    assert problem.reason == "there is no hook `on_startup`"
    assert problem.fix == (
        "use one of nav_converters, nav_describe, nav_environment, nav_event, nav_exporters, nav_fingerprint, "
        "nav_hand_over, nav_recognise, nav_runners, nav_strategies"
    )


def test_a_wrong_hook_argument_is_reported(install: Install) -> None:
    source = """
        import navcore

        @navcore.hookimpl
        def nav_recognise(modle):
            return None
    """
    registry = _load_beside_a_good_one(install, source)
    (problem,) = _problems(registry)

    assert problem.version == "broken-plugin 0.1"
    assert "nav_recognise" in problem.reason
    assert "{'modle'} are declared in the hookimpl but can not be found in the hookspec" in problem.reason
    assert problem.fix == "correct the hook's arguments as in docs/hooks.md, or uninstall it"
    assert "broken" not in [plugin.name for plugin in registry.plugins]


def test_a_hook_that_raises_is_reported_and_the_plugins_other_hooks_count(install: Install) -> None:
    source = """
        import navcore
        from navcore.testing.toys import ToyRunner

        @navcore.hookimpl
        def nav_runners():
            return [ToyRunner(name="Mine")]

        @navcore.hookimpl
        def nav_converters():
            raise OSError("no licence file")
    """
    registry = _load_beside_a_good_one(install, source)

    assert registry.tools_of("broken") == (ToyRunner(name="Mine"),)
    assert _problems(registry) == [
        Problem(
            "broken",
            "broken-plugin 0.1",
            "`nav_converters` failed: OSError: no licence file",
            "`nav_converters` returns an iterable of tools; correct or uninstall the plugin",
        )
    ]


def test_a_hook_that_raises_while_it_is_iterated_is_reported(install: Install) -> None:
    source = """
        import navcore

        @navcore.hookimpl
        def nav_runners():
            yield 1 / 0
    """
    (problem,) = _problems(_load_beside_a_good_one(install, source))

    assert problem.reason == "`nav_runners` failed: ZeroDivisionError: division by zero"


def test_a_tool_that_cannot_be_hashed_is_reported(install: Install) -> None:
    source = """
        import attrs, navcore
        from navcore.testing.toys import ToyRunner

        @attrs.frozen(kw_only=True)
        class Threaded(ToyRunner):
            threads: list = attrs.field(factory=list)

        @navcore.hookimpl
        def nav_runners():
            return [Threaded(name="Threaded")]
    """

    assert _problems(_load_beside_a_good_one(install, source)) == [
        Problem(
            "broken",
            "broken-plugin 0.1",
            "`nav_runners` returned 'Threaded', which cannot be hashed: unhashable type: 'list'",
            "decorate the class with `attrs.frozen(kw_only=True)` and use tuples for lists",
        )
    ]


def test_a_format_that_contradicts_a_known_one_is_reported(install: Install) -> None:
    source = """
        import navcore
        from navcore.formats import Format
        from navcore.testing.toys import ToyRunner

        @navcore.hookimpl
        def nav_runners():
            return [ToyRunner(name="Strange", accepts=Format("onnx", suffix=".pb"))]
    """
    registry = _load_beside_a_good_one(install, source)
    (problem,) = _problems(registry)

    assert problem.reason.startswith("'Strange' uses the format 'onnx' as Format(name='onnx', suffix='.pb', ")
    assert ", known as Format(name='onnx', suffix='.onnx', " in problem.reason
    assert problem.fix == "give the format another name, or the same suffix, live and risk"


def test_a_format_that_contradicts_another_plugins_is_reported_with_the_second_by_name() -> None:
    first = ToyPlugin(name="a", tools=(ToyRunner(name="A", accepts=Format("frob", suffix=".a")),))
    second = ToyPlugin(name="b", tools=(ToyRunner(name="B", accepts=Format("frob", suffix=".b")),))
    registry = load_plugins(extra=[second, first], installed=False)

    assert registry.tools_of("a") != ()
    assert [problem.plugin for problem in registry.problems] == ["b"]


def test_a_hook_without_the_marker_is_reported(install: Install) -> None:
    source = """
        def nav_runners():
            return []
    """

    assert _problems(_load_beside_a_good_one(install, source)) == [
        Problem(
            "broken",
            "broken-plugin 0.1",
            "`nav_runners` is not marked as a hook, so it is never called",
            "decorate it with `@navcore.hookimpl`",
        )
    ]


def test_a_plugin_object_whose_attributes_raise_is_reported(install: Install) -> None:
    source = """
        class Plugin:
            @property
            def nav_device(self):
                raise OSError("no device")

        plugin = Plugin()
    """
    install("broken-plugin", "0.1", source, navcore={"broken": "broken_plugin:plugin"})
    (problem,) = _problems(load_plugins())

    assert problem.version == "broken-plugin 0.1"
    assert "no device" in problem.reason


def test_two_distributions_with_one_plugin_name_are_both_named(install: Install) -> None:
    install("good-plugin", "2.5", GOOD, navcore={"good": "good_plugin"})
    install("same-plugin", "0.1", "", navcore={"good": "same_plugin"})
    registry = load_plugins()
    (problem,) = (problem for problem in registry.problems if problem.plugin == "good")

    assert registry.tools_of("good") == (ToyRunner(name="Good"),)
    assert problem.version == "same-plugin 0.1"
    assert problem.reason == "the plugin name 'good' is taken by good-plugin 2.5"
    assert problem.fix == "rename the entry point, or uninstall one of the two"


@attrs.frozen(kw_only=True)
class _Misspelled:
    __name__ = "misspelled"

    @hookimpl
    def nav_convertors(self) -> list[object]:
        return []


@attrs.frozen(kw_only=True)
class _Raising:
    __name__ = "raising"

    @hookimpl
    def nav_strategies(self) -> list[Strategy]:
        raise RuntimeError("no idea")


_CAST = (
    ToyPlugin(name="one", tools=(ToyRunner(name="Same"), ToyExporter())),
    ToyPlugin(name="two", tools=(ToyRunner(name="Same", repeat=2), ToyConverter())),
    ToyPlugin(name="three", tools=(ToyRunner(name="Own", accepts=Format("toy-npz", suffix=".zip")),)),
    ToyPlugin(name="torch", tools=(ToyRunner(name="Same", repeat=3),)),
    _Misspelled(),
    _Raising(),
)


def _content(registry: Registry) -> tuple[Any, ...]:
    plugins = tuple((plugin.name, plugin.version, plugin.hooks) for plugin in registry.plugins)
    return plugins, registry.edges, registry.runners, registry.strategies, registry.origins, registry.problems


@given(st.permutations(_CAST))
def test_the_registry_is_the_same_for_every_order_of_plugins(order: list[object]) -> None:
    expected = _content(load_plugins(extra=_CAST, installed=False))

    assert expected == _content(load_plugins(extra=order, installed=False))


@given(st.permutations([ToyRunner(name=name) for name in "abc"]), st.permutations([ToyExporter(), ToyConverter()]))
def test_the_registry_is_the_same_for_every_order_of_tools(runners: list[Any], edges: list[Any]) -> None:
    registry = load_plugins(extra=[ToyPlugin(tools=(*runners, *edges))], installed=False)

    assert ["Python", "a", "b", "c"] == [runner.name for runner in registry.runners]
    assert ["toy-json", "toy-npz"] == [edge.name for edge in registry.edges]


def test_an_exception_in_nav_event_is_logged_once_and_does_not_propagate(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[object] = []

    class Listener:
        __name__ = "listener"

        @hookimpl
        def nav_event(self, event: object) -> None:
            heard.append(event)
            raise RuntimeError("no terminal")

    registry = load_plugins(extra=[Listener()], installed=False)
    with caplog.at_level(logging.DEBUG):
        for text in ("first", "second"):
            for plugin in registry.plugins:
                plugin.notify(Notice(text))

    assert heard == [Notice("first"), Notice("second")]
    assert [record.getMessage() for record in caplog.records] == [
        "plugin 'listener' failed in nav_event; later failures are not logged"
    ]
    assert "no terminal" in caplog.text


def test_every_plugin_is_asked_alone() -> None:
    class Claimer:
        __name__ = "claimer"

        @hookimpl
        def nav_recognise(self, model: object) -> Format:
            return TOY_NPZ

        @hookimpl
        def nav_environment(self) -> dict[str, str]:
            return {"toy.driver": "1.0"}

    registry = load_plugins(extra=[Claimer(), ToyPlugin()], installed=False)
    answers = {plugin.name: plugin.recognise("nothing known") for plugin in registry.plugins}
    facts = {plugin.name: dict(plugin.environment()) for plugin in registry.plugins if plugin.environment()}

    assert answers == {"claimer": TOY_NPZ, "navcore.python": None, "navcore.strategies": None, "toy": None}
    assert facts == {"claimer": {"toy.driver": "1.0"}}


@pytest.mark.parametrize(("body", "expected"), [("model + '!'", "m!"), ("None", None), ("''", None), ("7", None)])
def test_a_fingerprint_is_a_text_or_none(body: str, expected: str | None, install: Install) -> None:
    source = f"""
        import navcore

        @navcore.hookimpl
        def nav_fingerprint(model):
            return {body}
    """
    install("mark-plugin", "1.0", source, navcore={"mark": "mark_plugin"})
    plugins = {plugin.name: plugin for plugin in load_plugins().plugins}

    assert expected == plugins["mark"].fingerprint("m")
    assert plugins["navcore.python"].fingerprint("m") is None


def test_a_fingerprint_that_raises_is_none_and_logged(install: Install, caplog: pytest.LogCaptureFixture) -> None:
    source = """
        import navcore

        @navcore.hookimpl
        def nav_fingerprint(model):
            raise RuntimeError("no idea")
    """
    install("mark-plugin", "1.0", source, navcore={"mark": "mark_plugin"})
    (plugin,) = (plugin for plugin in load_plugins().plugins if plugin.name == "mark")

    assert plugin.fingerprint("m") is None
    assert "plugin 'mark' failed in nav_fingerprint; nothing is cached" in caplog.text
    assert "no idea" in caplog.text
