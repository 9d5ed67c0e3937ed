"""Options of OpenVINO IR, by OpenVINOConfig."""

import attrs
import pytest

from nav_openvino import OpenVINOConfig, OpenVINOConverter, OpenVINOInt8Converter, OpenVINORunner
from navcore.domain import DeviceKind
from navcore.errors import UnknownNameError, UsageError
from navcore.formats import Format

TOOLS = (OpenVINOConverter(), OpenVINOInt8Converter(), OpenVINORunner())

_VALUES = {
    "hint": "THROUGHPUT",
    "execution_mode": "PERFORMANCE",
    "threads": 3,
    "streams": 2,
    "preset": "mixed",
    "transformer": False,
    "subset_size": 7,
    "weight_bits": 8,
    "max_error": 0.2,
    "search_s": 5.0,
}


def _configured(**options):
    return OpenVINOConfig(**options).configure(TOOLS)


def test_without_options_the_tools_stay_as_they_are():
    assert TOOLS == _configured()
    assert () == OpenVINOConfig().precisions
    assert Format.OPENVINO_IR == OpenVINOConfig().format


@pytest.mark.parametrize("name", _VALUES)
def test_an_option_reaches_the_tools_that_have_it_and_no_other(name):
    able = [tool for tool in TOOLS if name in attrs.fields_dict(type(tool))]
    expected = tuple(attrs.evolve(tool, **{name: _VALUES[name]}) if tool in able else tool for tool in TOOLS)

    assert able
    assert expected == _configured(**{name: _VALUES[name]})


def test_one_name_or_several_may_be_ignored():
    assert ("one",) == _configured(ignored="one")[1].ignored
    assert ("MatMul", "Add") == _configured(ignored_types=["MatMul", "Add"])[1].ignored_types


def test_the_folder_of_compiled_models_becomes_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert str(tmp_path / "compiled") == _configured(cache_dir="compiled")[2].cache_dir


def test_precisions_are_asked_for():
    assert ("bf16", "int8") == OpenVINOConfig(precision=["int8", "bf16"]).precisions


def test_for_a_gpu_no_runner_is_left():
    assert TOOLS[:2] == _configured(device=DeviceKind.CUDA.value)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("hint", "fastest"),
        ("threads", 0),
        ("weight_bits", 4),
        ("precision", "fp8"),
        ("ignored", [3]),
        ("max_error", -1),
        ("custom_args", {"a": 1}),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_name(option, value):
    with pytest.raises(UsageError, match=rf"OpenVINOConfig\({option}="):
        OpenVINOConfig(**{option: value})


def test_an_option_that_does_not_exist_is_refused():
    with pytest.raises(UnknownNameError, match="no field of OpenVINOConfig named 'thread'"):
        OpenVINOConfig(thread=1)
