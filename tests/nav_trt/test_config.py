"""Every field of TensorRTConfig takes effect, or says why it does not."""

import attrs
import pytest

import navcore as nav
from nav_trt import TensorRTConfig, TensorRTConverter, TensorRTRunner, plugin
from nav_trt.convert_plan import TensorRTPlan
from nav_trt.profile import TensorRTProfile, frozen_profile
from navcore import load_plugins
from navcore.domain import DeviceKind
from navcore.engine.reference import reference_of, tool_from
from navcore.errors import ModelFileError, UnknownNameError, UsageError
from navcore.formats import Format
from navcore.options import configured

PROFILE = TensorRTProfile().add("ids", (1, 1), (4, 8), (8, 16))
TOOLS = (*plugin.nav_converters(), *plugin.nav_runners())

_VALUES = {
    "precision_mode": ("single", {"mode": "single"}),
    "tf32": (True, {"tf32": True}),
    "max_batch_size": (8, {"max_batch_size": 8}),
    "trt_profiles": ([PROFILE], {"profiles": (frozen_profile(PROFILE),)}),
    "trt_profile": (PROFILE, {"profiles": (frozen_profile(PROFILE),)}),
    "max_workspace_size": (1 << 20, {"max_workspace_size": 1 << 20}),
    "optimization_level": (5, {"optimization_level": 5}),
    "compatibility_level": (
        "ampere_plus",
        {"compatibility_level": "ampere_plus", "bound_to": ("tensorrt.version",)},
    ),
    "onnx_parser_flags": ([0], {"parser_flags": (0,)}),
    "timing_cache_dir": ("/timings", {"timing_cache_dir": "/timings"}),
    "custom_args": ({"max_aux_streams": 2}, {"custom_args": (("max_aux_streams", 2),)}),
}


def _converters(**options):
    tools = TensorRTConfig(**options).configure(TOOLS)
    return {tool.name: tool for tool in tools if tool.name.startswith("trt")}


def test_by_default_there_are_two_precisions_as_with_model_navigator():
    assert {"trt": TensorRTConverter(), "trt-fp16": TOOLS[1]} == _converters()
    assert ("fp16",) == TensorRTConfig().precisions
    assert Format.TENSORRT == TensorRTConfig().format


def test_precisions_multiply_converters_and_are_asked_for():
    registry = load_plugins(extra=[plugin], installed=False)
    names = ["fp32", nav.TensorRTPrecision.INT8, "nvfp4"]
    changed = configured(registry, [TensorRTConfig(precision=names)])

    assert {"trt", "trt-int8", "trt-nvfp4"} == {edge.name for edge in changed.edges if edge.target == Format.TENSORRT}
    assert {"trt-int8", "trt-nvfp4"} == {tool.name for tool in changed.asked}


@pytest.mark.parametrize("name", _VALUES)
def test_an_option_reaches_every_converter(name):
    value, changes = _VALUES[name]
    expected = {tool.name: attrs.evolve(tool, **changes) for tool in TOOLS[:2]}

    assert expected == _converters(**{name: value})


def test_every_option_travels_to_a_worker():
    options = {name: value for name, (value, _) in _VALUES.items() if name != "trt_profile"}
    for tool in _converters(precision=("fp16", "int8"), **options).values():
        assert tool == tool_from(reference_of(tool))


def test_smaller_batches_stand_in_where_nothing_else_was_built():
    found = _converters(precision="fp16", max_batch_size=6, conversion_fallback=True)

    assert {"trt-fp16": (6, False), "trt-fp16-batch-3": (3, True), "trt-fp16-batch-1": (1, True)} == {
        name: (tool.max_batch_size, tool.fallback) for name, tool in found.items()
    }


def test_runners_go_by_the_device():
    names = [tool.name for tool in TensorRTConfig(device="cpu").configure(TOOLS)]

    assert ["trt", "trt-fp16"] == names
    assert (DeviceKind.CUDA,) == TensorRTRunner().devices


def test_a_plan_of_the_user_stands_in_for_all(tmp_path, transformer, out):
    plan = tmp_path / "mine.plan"
    plan.write_bytes(b"plan" * 100)
    config = TensorRTConfig(model_path=plan)
    (tool,) = (tool for tool in config.configure(TOOLS) if tool.name.startswith("trt"))

    assert TensorRTPlan(plan=str(plan)) == tool
    assert () == config.precisions
    assert transformer.signature == tool.write(transformer, out)
    assert plan.read_bytes() == out.read_bytes()
    plan.write_bytes(b"")
    with pytest.raises(ModelFileError, match="is a file of 0 bytes, and no plan"):
        tool.write(transformer, out)


@pytest.mark.parametrize(
    ("options", "message", "fix"),
    [
        ({"precision": "fp64"}, "(precision='fp64'): it is none of 'fp32', 'fp16'", "write one of"),
        ({"precision": ()}, "(precision=()): it is empty", "leave precision out"),
        ({"precision_mode": "mixed"}, "(precision_mode='mixed'): Model Navigator never had it", "write 'hierarchy'"),
        ({"optimization_level": 6}, "(optimization_level=6): it is no whole number from 0 to 5", "give one from 0"),
        ({"compatibility_level": "all"}, "(compatibility_level='all'): it is none of None, 'none'", "write one of"),
        ({"model_path": "none.plan"}, "there is no such file", "give the path of a plan"),
        ({"run_max_batch_size_search": True}, "every batch size is measured up to", "set max_batch_size"),
        ({"trt_profile": PROFILE, "trt_profiles": [PROFILE]}, "trt_profiles is given too", "put all in trt_profiles"),
    ],
)
def test_what_cannot_be_had_is_refused(options, message, fix):
    with pytest.raises(UsageError) as caught:
        TensorRTConfig(**options)

    assert message in caught.value.cause
    assert caught.value.fix.startswith(fix)


def test_an_unknown_field_is_refused_with_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'optimization_level'"):
        TensorRTConfig(optimisation_level=3)


def test_without_a_converter_it_says_so():
    with pytest.raises(UsageError, match="no tool here has an option 'optimization_level'"):
        TensorRTConfig(optimization_level=3).configure(())
