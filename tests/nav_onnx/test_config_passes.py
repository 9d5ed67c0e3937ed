"""OnnxPassConfig and OnnxQuantizationConfig: every field takes effect, or says why it does not."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

import navcore as nav
from nav_onnx import plugin
from navcore import load_plugins
from navcore.domain import Request
from navcore.engine.plan import make_plan
from navcore.errors import UnknownNameError, UsageError
from navcore.formats import Format
from navcore.options import configured

INT8 = ("onnx-int8", "onnx-int8-dynamic")


def edges(*configs: Any) -> dict[str, Any]:
    registry = configured(load_plugins(extra=[plugin], installed=False), configs)
    return {tool.name: tool for tool in registry.edges}


def routes(*configs: Any, **options: Any) -> list[str]:
    registry = configured(load_plugins(extra=[plugin], installed=False), configs)
    return [build.route.id for build in make_plan(Format.ONNX, registry, Request(**options)).builds]


@pytest.fixture(autouse=True)
def _cpu_only(monkeypatch):
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])


@pytest.mark.parametrize(
    "config", [nav.OnnxPassConfig(slim=True), nav.OnnxQuantizationConfig(method="entropy")], ids=repr
)
def test_it_is_a_value_that_navcore_lends(config: Any) -> None:
    assert config == pickle.loads(pickle.dumps(config))
    assert nav.Format.ONNX == config.format


@pytest.mark.parametrize("config", [nav.OnnxPassConfig(), nav.OnnxQuantizationConfig()], ids=repr)
def test_without_options_the_passes_stay_as_they_are(config: Any) -> None:
    assert {tool.name: tool for tool in plugin.nav_converters()} == edges(config)


def test_by_default_no_pass_is_tried_on_a_cpu_and_the_plan_says_why() -> None:
    registry = load_plugins(extra=[plugin], installed=False)
    plan = make_plan(Format.ONNX, registry, Request())
    left_out = {omission.subject: omission.reason for omission in plan.omissions}

    assert () == plan.builds
    assert "runtimes fold constants themselves as they open a file" == left_out["onnx-slim"]
    assert "on a CPU ONNX Runtime fuses by itself as it opens a file" == left_out["onnx-fuse"]
    assert "it lowers the model to int8, which was not asked for" == left_out["onnx-int8"]


def test_what_is_lowered_is_tried_where_it_is_asked_for() -> None:
    assert ["onnx/onnx-fp16", "onnx/onnx-int8", "onnx/onnx-int8-dynamic"] == routes(precisions=("fp16", "bf16", "int8"))


def test_passes_are_tried_in_order_where_they_are_asked_for() -> None:
    config = nav.OnnxPassConfig(slim=True, fuse=True)

    assert ["onnx/onnx-fuse", "onnx/onnx-slim", "onnx/onnx-slim/onnx-fuse"] == routes(config)


def test_fusions_can_be_left_out_of_machines_that_have_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CUDAExecutionProvider"])

    assert ["onnx/onnx-fuse"] == routes()
    assert [] == routes(nav.OnnxPassConfig(fuse=False))


@pytest.mark.parametrize(
    ("options", "name", "field", "value"),
    [
        ({"slim": True}, "onnx-slim", "always", True),
        ({"most_growth_bytes": 7}, "onnx-slim", "most_growth_bytes", 7),
        ({"fuse": True}, "onnx-fuse", "always", True),
        ({"model_type": "vit"}, "onnx-fuse", "model_type", "vit"),
    ],
)
def test_a_field_reaches_its_pass(options: Any, name: str, field: str, value: Any) -> None:
    assert value == getattr(edges(nav.OnnxPassConfig(**options))[name], field)


@pytest.mark.parametrize(
    ("options", "names", "field", "value"),
    [
        ({"max_error": 0.02}, INT8, "max_error", 0.02),
        ({"max_error": None}, INT8, "max_error", None),
        ({"op_types": ["MatMul"]}, INT8, "op_types", ("MatMul",)),
        ({"nodes_to_exclude": "head"}, INT8, "nodes_to_exclude", ("head",)),
        ({"per_channel": False}, INT8, "per_channel", False),
        ({"reduce_range": True}, INT8, "reduce_range", True),
        ({"search_s": 5.0}, INT8, "search_s", 5.0),
        ({"percentile": 99.0}, INT8[:1], "percentile", 99.0),
        ({"activations": "int8"}, INT8[:1], "activations", "int8"),
        ({"symmetric": True}, INT8[:1], "symmetric", True),
        ({"quantize_bias": False}, INT8[:1], "quantize_bias", False),
        ({"calibration_samples": 3}, INT8[:1], "calibration_samples", 3),
    ],
)
def test_a_field_reaches_what_quantises(options: Any, names: tuple[str, ...], field: str, value: Any) -> None:
    found = edges(nav.OnnxQuantizationConfig(**options))

    assert [value] * len(names) == [getattr(found[name], field) for name in names]


def test_several_methods_make_a_model_each() -> None:
    found = edges(nav.OnnxQuantizationConfig(method=("minmax", "entropy", "percentile")))

    assert {"onnx-int8": "minmax", "onnx-int8-entropy": "entropy", "onnx-int8-percentile": "percentile"} == {
        name: tool.method for name, tool in found.items() if hasattr(tool, "method")
    }


@pytest.mark.parametrize(
    ("dynamic", "names"), [(True, ["onnx-int8-dynamic"]), (False, ["onnx-int8"]), (None, list(INT8))]
)
def test_it_asks_for_int8_by_itself_and_for_no_other_precision(dynamic: bool | None, names: list[str]) -> None:
    assert [f"onnx/{name}" for name in names] == routes(nav.OnnxQuantizationConfig(dynamic=dynamic))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: nav.OnnxPassConfig(slim=1), UsageError, r"OnnxPassConfig\(slim=1\): it is neither True nor False"),
        (lambda: nav.OnnxPassConfig(model_type="resnet"), UsageError, r"model_type='resnet'\): it is none of 'bert'"),
        (lambda: nav.OnnxPassConfig(most_growth_bytes=-1), UsageError, "no whole number from 0 on"),
        (lambda: nav.OnnxPassConfig(custom_args={"a": 1}), UsageError, "passes take their fields only"),
        (lambda: nav.OnnxPassConfig(slimm=True), UnknownNameError, "no field of OnnxPassConfig named 'slimm'"),
        (
            lambda: nav.OnnxQuantizationConfig(method="kl"),
            UsageError,
            r"method='kl'\): it is none of 'minmax', 'entropy'",
        ),
        (lambda: nav.OnnxQuantizationConfig(activations="int4"), UsageError, "it is none of '', 'int8', 'uint8'"),
        (
            lambda: edges(nav.OnnxQuantizationConfig(max_error=-1.0)),
            UsageError,
            r"OnnxQuantizationConfig\(max_error=-1.0\): max_error=-1.0: give a share of the largest value",
        ),
    ],
)
def test_a_wrong_option_is_refused_with_its_value(make: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        make()
