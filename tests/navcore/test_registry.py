"""Look-ups: each finds what is there, and says what there is instead of what is not."""

from __future__ import annotations

import pytest

from navcore import Format, load_plugins
from navcore.errors import UnknownNameError
from navcore.registry import Registry
from navcore.strategies import MinLatencyStrategy
from navcore.testing.toys import TOY_JSON, ToyConverter, ToyExporter, ToyPlugin, ToyRunner


@pytest.fixture
def registry() -> Registry:
    return load_plugins(extra=[ToyPlugin()], installed=False)


def test_a_runner_is_found_by_name(registry: Registry) -> None:
    assert ToyRunner() == registry.runner("ToyNpz")


def test_a_strategy_is_found_by_name(registry: Registry) -> None:
    assert MinLatencyStrategy() == registry.strategy("min-latency")


def test_a_format_is_found_by_name_or_by_itself(registry: Registry) -> None:
    assert TOY_JSON == registry.format("toy-json")
    assert TOY_JSON == registry.format(TOY_JSON)
    assert Format.ONNX == registry.format("onnx")


def test_an_unknown_runner_is_answered_with_the_nearest_and_all_known(registry: Registry) -> None:
    with pytest.raises(UnknownNameError) as caught:
        registry.runner("toynpz2")

    assert str(caught.value) == (
        "no runner named 'toynpz2'; known: Python, ToyJson, ToyLive, ToyNpz\n"
        "  fix: did you mean 'ToyNpz'? Otherwise install the plugin that has it, "
        "or run `nav plugins` to see what is installed and what failed to load"
    )


def test_an_unknown_runner_like_no_other_is_answered_without_a_guess(registry: Registry) -> None:
    with pytest.raises(UnknownNameError) as caught:
        registry.runner("OnnxTensorRT")

    assert caught.value.fix == (
        "install the plugin that has it, or run `nav plugins` to see what is installed and what failed to load"
    )


def test_an_unknown_format_is_answered_with_the_nearest(registry: Registry) -> None:
    with pytest.raises(UnknownNameError, match=r"no format named 'onx'; known: .*\btoy-npz") as caught:
        registry.format("onx")

    assert caught.value.fix.startswith("did you mean 'onnx'? Otherwise run `nav plugins`")


def test_an_unknown_strategy_is_answered_with_the_nearest(registry: Registry) -> None:
    with pytest.raises(UnknownNameError) as caught:
        registry.strategy("min-latancy")

    assert str(caught.value) == (
        "no strategy named 'min-latancy'; known: max-throughput, max-throughput-and-min-latency, "
        "min-latency, min-memory, weighted\n"
        "  fix: did you mean 'min-latency'? "
        "Otherwise run `nav plugins` to see what is installed and what failed to load"
    )


def test_tools_of_a_plugin_are_its_own_edges_runners_and_strategies_in_that_order(registry: Registry) -> None:
    json, live, npz = (registry.runner(name) for name in ("ToyJson", "ToyLive", "ToyNpz"))

    assert (ToyConverter(), ToyExporter(), json, live, npz) == registry.tools_of("toy")
    assert () == registry.tools_of("nobody")


def test_formats_are_the_well_known_ones_and_those_of_tools_sorted(registry: Registry) -> None:
    names = [each.name for each in registry.formats()]

    assert sorted(names) == names
    assert {"onnx", "python", "toy-json", "toy-live", "toy-npz", "trt"} <= set(names)
