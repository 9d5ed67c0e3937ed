"""What config classes are made of, and OnnxConfig on tools that know nothing of torch."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import navcore as nav
from navcore.configs import FormatConfig, checked_fields, frozen_arguments, has_option, thawed_arguments, with_options
from navcore.contracts import Converter, CustomConfig, Exporter, Model, Runner, Stage, Tool
from navcore.domain import DeviceKind, Signature
from navcore.engine.reference import reference_of, tool_from
from navcore.errors import UnknownNameError, UsageError
from navcore.formats import Format

LIVE = Format("frob-live", live=True)
FROB = Format("frob", suffix=".frob")


class Unwritten:
    """No tool here writes anything."""

    def write(self, model: Model, out: Path) -> Signature:
        raise NotImplementedError


@attrs.frozen(kw_only=True)
class Newer(Unwritten, Exporter):
    engine: ClassVar[str] = "dynamo"
    name: str = "onnx"
    source: Format = LIVE
    target: Format = Format.ONNX
    opset: int = attrs.field(default=18, validator=attrs.validators.ge(18))
    dynamic_axes: Any = None
    custom_args: Any = ()

    def from_file(self, path: str) -> Exporter:
        return OfFile(path=path)


@attrs.frozen(kw_only=True)
class Older(Newer):
    engine: ClassVar[str] = "trace"
    name: str = "onnx-trace"
    opset: int = attrs.field(default=17, validator=attrs.validators.ge(9))
    fallback: bool = True


@attrs.frozen(kw_only=True)
class OfFile(Unwritten, Exporter):
    name: str = "onnx"
    source: Format = LIVE
    target: Format = Format.ONNX
    path: str


@attrs.frozen(kw_only=True)
class FromFrob(Unwritten, Converter):
    name: str = "from-frob"
    source: Format = FROB
    target: Format = Format.ONNX
    fallback: bool = True
    opset: int = attrs.field(default=18, validator=attrs.validators.ge(9))


@attrs.frozen(kw_only=True)
class ByNewer(FromFrob):
    engine: ClassVar[str] = "dynamo"
    name: str = "by-newer"
    opset: int = attrs.field(default=18, validator=attrs.validators.ge(18))


@attrs.frozen(kw_only=True)
class ByTrace(FromFrob):
    engine: ClassVar[str] = "trace"
    name: str = "by-trace"


@attrs.frozen(kw_only=True)
class Cleaned(Unwritten, Converter):
    name: str = "clean"
    source: Format = Format.ONNX
    target: Format = Format.ONNX
    stage: Stage = Stage.CLEAN


@attrs.frozen(kw_only=True)
class Run(Runner):
    accepts: Format = Format.ONNX

    def open(self, model: Model, device: DeviceKind) -> Any:
        raise NotImplementedError


ON_CPU = Run(name="OnCPU", devices=(DeviceKind.CPU,))
ON_CUDA = Run(name="OnCUDA", devices=(DeviceKind.CUDA,))
RUNNERS = (ON_CPU, ON_CUDA)
TOOLS = (Newer(), Older(), FromFrob(), Cleaned(), *RUNNERS)


@checked_fields
@attrs.frozen(kw_only=True)
class FrobConfig(FormatConfig):
    speed: int = attrs.field(default=1, validator=attrs.validators.ge(1))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.onnx"
    path.write_bytes(b"onnx")
    return path


def test_a_misspelt_field_is_an_error_that_suggests_the_nearest() -> None:
    with pytest.raises(UnknownNameError) as caught:
        FrobConfig(sped=2)

    assert (
        "no field of FrobConfig named 'sped'; known: custom_args, device, speed\n"
        "  fix: did you mean 'speed'? Otherwise see help(FrobConfig)"
    ) == str(caught.value)


def test_fields_have_names() -> None:
    with pytest.raises(UsageError) as caught:
        FrobConfig(2)

    assert ("FrobConfig(2, ...): fields have names\n  fix: name one of custom_args, device, speed") == str(caught.value)


def test_a_config_is_a_value() -> None:
    config = FrobConfig(speed=2, custom_args={"b": [1, {"c": (2,)}], "a": None})

    assert config == pickle.loads(pickle.dumps(config)) == copy.deepcopy(config) == attrs.evolve(config)
    assert len({config, attrs.evolve(config), attrs.evolve(config, speed=3)}) == 2
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        config.speed = 3


@settings(max_examples=50)
@given(
    st.dictionaries(
        st.text(max_size=4),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=4),
            lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=4), inner),
            max_leaves=8,
        ),
    )
)
def test_arguments_come_back_as_they_were_and_can_be_hashed(arguments: dict[str, Any]) -> None:
    frozen = frozen_arguments(arguments)

    assert arguments == thawed_arguments(frozen)
    assert hash(frozen) == hash(frozen_arguments(dict(reversed(arguments.items()))))


def test_a_tool_with_arguments_travels_to_a_worker() -> None:
    tool = Newer(custom_args=frozen_arguments({"names": ["a", "b"], "flags": {"x": True}, "size": (1, 2)}))

    assert tool == tool_from(reference_of(tool))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("dynamo", "FrobConfig(custom_args='dynamo'): it is no mapping of names"),
        ({1: 2}, "FrobConfig(custom_args=((1, 2),)): it is no mapping of names"),
        ({"x": {1, 2}}, "FrobConfig(custom_args['x']={1, 2}): unhashable type: 'set'"),
    ],
)
def test_arguments_have_names_and_can_be_hashed(value: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        FrobConfig(custom_args=value)

    assert message == caught.value.cause


@pytest.mark.parametrize(
    ("device", "message", "fix"),
    [
        ("gpu", "it is none of cpu, cuda", "write one of cpu, cuda"),
        (
            "cuda:1",
            "runners use the first device of its kind that they see",
            "show them that one only: CUDA_VISIBLE_DEVICES=1",
        ),
    ],
)
def test_a_device_is_a_kind(device: str, message: str, fix: str) -> None:
    with pytest.raises(UsageError) as caught:
        FrobConfig(device=device)

    assert (f"FrobConfig(device={device!r}): {message}", fix) == (caught.value.cause, caught.value.fix)


def test_a_device_leaves_its_runners_and_all_edges() -> None:
    assert (*TOOLS[:4], ON_CUDA) == FrobConfig(device="cuda").on_device(TOOLS)
    assert TOOLS == FrobConfig().on_device(TOOLS)


def test_options_go_to_the_tools_that_have_them() -> None:
    newer, older, converter, *rest = with_options(TOOLS, FrobConfig(), opset=20, custom_args=(("x", 1),))

    assert [(20, (("x", 1),)), (20, (("x", 1),))] == [(tool.opset, tool.custom_args) for tool in (newer, older)]
    assert (20, False) == (converter.opset, has_option(converter, "custom_args"))
    assert [*TOOLS[3:]] == rest


def test_an_option_that_no_tool_has_is_an_error() -> None:
    with pytest.raises(UsageError) as caught:
        with_options((Cleaned(), ON_CPU), FrobConfig(), opset=20)

    assert (
        "FrobConfig(opset=20): no tool here has an option 'opset' (clean)",
        "leave it out, or install a plugin that has it",
    ) == (caught.value.cause, caught.value.fix)


def test_what_a_tool_refuses_is_an_error_of_the_users() -> None:
    with pytest.raises(UsageError) as caught:
        with_options((Newer(),), FrobConfig(), opset=3)

    assert ("FrobConfig(opset=3): 'opset' must be >= 18: 3", "give what 'onnx' takes, or leave it out") == (
        caught.value.cause,
        caught.value.fix,
    )


# --- OnnxConfig


def test_onnx_config_is_a_config_of_navcore_itself() -> None:
    config: CustomConfig = nav.OnnxConfig()

    assert isinstance(config, CustomConfig)
    assert Format.ONNX == config.format
    assert TOOLS == config.configure(TOOLS)


def test_an_opset_reaches_whoever_writes_onnx() -> None:
    tools = nav.OnnxConfig(opset=20).configure(TOOLS)

    assert [20, 20, 20] == [tool.opset for tool in tools if has_option(tool, "opset")]
    assert len(TOOLS) == len(tools)


def test_an_opset_that_one_engine_does_not_write_names_the_others() -> None:
    with pytest.raises(UsageError) as caught:
        nav.OnnxConfig(opset=17).configure(TOOLS)

    assert "OnnxConfig(opset=17): 'onnx' does not write it" == caught.value.cause
    assert "choose who does: export_engine=OnnxTraceExportConfig()" == caught.value.fix
    with pytest.raises(UsageError, match=r"OnnxConfig\(opset=8\): 'opset' must be >= 18: 8"):
        nav.OnnxConfig(opset=8).configure(TOOLS)


def test_an_engine_and_its_converters_write_what_others_do_not() -> None:
    converter = ByTrace(opset=17, fallback=False)
    config = nav.OnnxConfig(opset=17, export_engine=nav.OnnxTraceExportConfig(), onnx_extended_conversion=True)

    assert (Older(opset=17, fallback=False), converter, *RUNNERS) == config.configure(
        (Newer(), Older(), ByNewer(), ByTrace(), *RUNNERS)
    )


@pytest.mark.parametrize("opset", [99, 6, 18.0, True, "18"])
def test_an_opset_that_nobody_can_write_or_read_is_refused(opset: Any) -> None:
    with pytest.raises(UsageError) as caught:
        nav.OnnxConfig(opset=opset)

    assert f"OnnxConfig(opset={opset!r}): it is no whole number from 7 to 26" == caught.value.cause


@pytest.mark.parametrize("axes", [{"x": {0: "batch"}, "a": {2: "width", 1: "height"}}, {"x": [0], "a": (1, 2)}])
def test_dynamic_axes_reach_the_tools_that_have_them(axes: dict[str, Any]) -> None:
    names = [("height", "width"), "batch"] if isinstance(axes["x"], dict) else [("a_1", "a_2"), "x_0"]
    tools = nav.OnnxConfig(dynamic_axes=axes).configure(TOOLS)

    expected = (("a", ((1, names[0][0]), (2, names[0][1]))), ("x", ((0, names[1]),)))
    assert [expected, expected] == [tool.dynamic_axes for tool in tools if has_option(tool, "dynamic_axes")]


@pytest.mark.parametrize("axes", [["x"], {"x": 0}, {0: [1]}, {"x": {-1: "batch"}}, {"x": {0: "a b"}}, {"x": ["batch"]}])
def test_axes_of_another_form_are_refused(axes: Any) -> None:
    with pytest.raises(
        UsageError, match="it is no mapping of input names to axes, which are numbers from 0 with names"
    ):
        nav.OnnxConfig(dynamic_axes=axes)


def test_an_engine_that_was_chosen_makes_onnx_alone_and_whatever_else_works() -> None:
    (older, *rest) = nav.OnnxConfig(export_engine=nav.OnnxTraceExportConfig()).configure(TOOLS)

    assert Older(fallback=False) == older
    assert [Cleaned(), *RUNNERS] == rest


def test_several_engines_make_a_model_each() -> None:
    engines = [nav.OnnxTraceExportConfig(), nav.OnnxDynamoExportConfig(dynamo_dynamic_shapes=True)]

    assert (Newer(), Older(fallback=False), Cleaned(), *RUNNERS) == nav.OnnxConfig(export_engine=engines).configure(
        TOOLS
    )


def test_extended_conversion_makes_onnx_of_other_files_where_nothing_failed() -> None:
    everywhere = nav.OnnxConfig(onnx_extended_conversion=True)
    with_engine = nav.OnnxConfig(onnx_extended_conversion=True, export_engine=nav.OnnxDynamoExportConfig())

    assert (Newer(), Older(), FromFrob(fallback=False), Cleaned(), *RUNNERS) == everywhere.configure(TOOLS)
    assert (Newer(), FromFrob(fallback=False), Cleaned(), *RUNNERS) == with_engine.configure(TOOLS)


@pytest.mark.parametrize("engine", ["dynamo", nav.OnnxTraceExportConfig, [], [nav.OnnxConfig()]])
def test_an_engine_is_a_config_of_one(engine: Any) -> None:
    with pytest.raises(UsageError, match=r"it is not OnnxTraceExportConfig\(\) or OnnxDynamoExportConfig\(\)"):
        nav.OnnxConfig(export_engine=engine)


def test_an_engine_that_is_not_here_is_an_error() -> None:
    with pytest.raises(UsageError, match="no exporter here has this engine"):
        nav.OnnxConfig(export_engine=nav.OnnxTraceExportConfig()).configure((FromFrob(), *RUNNERS))


@pytest.mark.parametrize("value", [False, 1, "batch"])
def test_shapes_that_vary_cannot_be_made_static(value: Any) -> None:
    with pytest.raises(UsageError, match="what varies between samples has to be dynamic, or other sizes would fail"):
        nav.OnnxDynamoExportConfig(dynamo_dynamic_shapes=value)


@pytest.mark.parametrize("as_text", [True, False])
def test_a_file_takes_the_place_of_everything_that_makes_onnx(file: Path, as_text: bool) -> None:
    config = nav.OnnxConfig(model_path=str(file) if as_text else file)

    assert (OfFile(path=str(file)), Cleaned(), *RUNNERS) == config.configure(TOOLS)


def test_a_file_is_found_from_any_folder(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)

    assert str(file) == nav.OnnxConfig(model_path="mine.onnx").model_path


@pytest.mark.parametrize("path", ["nowhere.onnx", "folder.onnx", "mine.txt", 3])
def test_a_file_has_to_be_there(path: Any, file: Path) -> None:
    (file.parent / "folder.onnx").mkdir()
    (file.parent / "mine.txt").touch()
    with pytest.raises(UsageError, match=r"there is no such \.onnx file"):
        nav.OnnxConfig(model_path=file.parent / path if isinstance(path, str) else path)


@pytest.mark.parametrize(
    "options",
    [
        {"opset": 18},
        {"dynamic_axes": {"x": [0]}},
        {"export_engine": nav.OnnxTraceExportConfig()},
        {"custom_args": {"x": 1}},
        {"onnx_extended_conversion": True},
    ],
)
def test_a_file_is_taken_as_it_is(options: dict[str, Any], file: Path) -> None:
    with pytest.raises(UsageError) as caught:
        nav.OnnxConfig(model_path=file, **options)

    assert f"model_path={str(file)!r} is taken as it is" in caught.value.cause
    assert f"leave {next(iter(options))} or model_path out" == caught.value.fix


def test_nobody_stands_aside_for_a_file(file: Path) -> None:
    with pytest.raises(UsageError, match="no exporter here lets a file take its place"):
        nav.OnnxConfig(model_path=file).configure((FromFrob(), *RUNNERS))


def test_passes_that_tidy_the_graph_can_be_left_out() -> None:
    lowering = Cleaned(name="half", stage=Stage.PRECISION, precision="fp16")
    config = nav.OnnxConfig(graph_surgeon_optimization=False)

    assert (*TOOLS[:3], *RUNNERS, lowering) == config.configure((*TOOLS, lowering))


def test_models_are_exported_where_they_are() -> None:
    with pytest.raises(UsageError) as caught:
        nav.OnnxConfig(export_device="cuda")

    assert ("OnnxConfig(export_device='cuda'): models are exported where they are") == caught.value.cause
    assert "leave it out, and give the model on that device" == caught.value.fix


@pytest.mark.parametrize("name", ["onnx_extended_conversion", "graph_surgeon_optimization"])
def test_a_flag_is_true_or_false(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        nav.OnnxConfig(**{name: 1})

    assert f"OnnxConfig({name}=1): it is neither True nor False" == caught.value.cause


def test_arguments_and_device_of_onnx() -> None:
    tools = nav.OnnxConfig(custom_args={"x": [1]}, device="cpu").configure(TOOLS)

    assert [{"x": [1]}] * 2 == [thawed_arguments(tool.custom_args) for tool in tools if has_option(tool, "custom_args")]
    assert [ON_CPU] == [tool for tool in tools if isinstance(tool, Runner)]


@pytest.mark.parametrize(
    "make",
    [
        lambda: nav.OnnxConfig(opset=20, dynamic_axes={"x": [0]}, export_engine=[nav.OnnxTraceExportConfig()]),
        nav.OnnxTraceExportConfig,
        lambda: nav.OnnxDynamoExportConfig(dynamo_dynamic_shapes=True),
    ],
)
def test_onnx_configs_are_values(make: Callable[[], Any]) -> None:
    config = make()

    assert {config} == {make(), pickle.loads(pickle.dumps(config)), copy.deepcopy(config)}


def test_tools_that_are_configured_stay_tools() -> None:
    changed: tuple[Tool, ...] = nav.OnnxConfig(opset=19, custom_args={"a": {"b": [1]}}).configure(TOOLS)

    assert all(tool == tool_from(reference_of(tool)) for tool in changed)
