"""OnnxRuntimeConfig: every field takes effect, or says why it does not."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

import navcore as nav
from nav_onnx import plugin
from navcore import load_plugins
from navcore.contracts import Runner
from navcore.errors import UnknownNameError, UsageError
from navcore.options import configured


def runners(**options: Any) -> dict[str, Any]:
    registry = configured(load_plugins(extra=[plugin], installed=False), [nav.OnnxRuntimeConfig(**options)])
    return {tool.name: tool for tool in registry.runners if isinstance(tool, Runner) and tool.name.startswith("Onnx")}


def test_it_is_a_value_that_navcore_lends() -> None:
    config = nav.OnnxRuntimeConfig(threads=(1, 2))

    assert config == pickle.loads(pickle.dumps(config))
    assert nav.Format.ONNX == config.format


def test_without_options_the_runners_stay_as_they_are() -> None:
    before = {tool.name: tool for tool in plugin.nav_runners()}

    assert before == runners()


@pytest.mark.parametrize(
    ("options", "name", "field", "value"),
    [
        ({"threads": 2}, "OnnxCPU-t2", "threads", 2),
        ({"execution": "parallel"}, "OnnxCPU-parallel", "execution", "parallel"),
        ({"execution": "parallel", "inter_threads": 3}, "OnnxCPU-parallel-3", "inter_threads", 3),
        ({"spinning": False}, "OnnxCPU-no-spinning", "spinning", False),
        ({"optimization": "basic"}, "OnnxCPU-basic", "optimization", "basic"),
        ({"arena": False}, "OnnxCPU-no-arena", "arena", False),
        ({"cpu_fallback": False}, "OnnxCUDA", "cpu_fallback", False),
    ],
)
def test_a_field_reaches_the_runner_which_is_named_after_it(options: Any, name: str, field: str, value: Any) -> None:
    assert value == getattr(runners(**options)[name], field)


def test_several_values_make_a_runner_for_each_combination() -> None:
    names = [name for name in runners(threads=(None, 1), spinning=(True, False)) if name.startswith("OnnxCPU")]

    assert ["OnnxCPU", "OnnxCPU-no-spinning", "OnnxCPU-t1", "OnnxCPU-t1-no-spinning"] == sorted(names)


def test_threads_between_operators_belong_to_the_parallel_one_of_two_executions() -> None:
    found = runners(execution=("sequential", "parallel"), inter_threads=(None, 2))
    names = [name for name in found if name.startswith("OnnxCPU")]

    assert ["OnnxCPU", "OnnxCPU-parallel", "OnnxCPU-parallel-2"] == sorted(names)


def test_the_longest_name_is_a_name() -> None:
    options = {"execution": "parallel", "spinning": False, "optimization": "extended", "arena": False}
    found = runners(threads=128, inter_threads=128, **options)

    assert "OnnxTensorRTRTX-t128-parallel-128-no-spinning-extended-no-arena" in found


def test_a_device_leaves_out_the_runners_of_others() -> None:
    assert "OnnxCUDA" not in runners(device="cpu")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"threads": 0}, UsageError, r"OnnxRuntimeConfig\(threads=0\): it is no whole number from 1 on"),
        ({"threads": ()}, UsageError, r"OnnxRuntimeConfig\(threads=\(\)\): it is empty\n  fix: leave threads out"),
        ({"execution": "both"}, UsageError, r"execution='both'\): it is none of 'sequential', 'parallel'"),
        ({"spinning": 1}, UsageError, r"spinning=1\): it is none of True, False"),
        (
            {"inter_threads": 2},
            UsageError,
            r"inter_threads=\(2,\)\): it has no effect with execution='sequential'\n  fix: write execution='parallel'",
        ),
        ({"custom_args": {"a": 1}}, UsageError, r"custom_args=.*called with its fields only\n  fix: give a runner of"),
        ({"thread": 1}, UnknownNameError, r"no field of OnnxRuntimeConfig named 'thread'"),
    ],
)
def test_a_wrong_option_is_refused_with_its_value(options: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        nav.OnnxRuntimeConfig(**options)
