"""Every field of every config of nav-torch takes effect, or says why it does not."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

import navcore as nav
from nav_torch import plugin
from nav_torch.live import LiveRunner
from nav_torch.run_compile import TorchCompileRunner
from navcore import load_plugins
from navcore.configs import has_option, thawed_arguments
from navcore.contracts import CustomConfig, Edge, Exporter, Runner, Tool
from navcore.domain import DeviceKind
from navcore.engine.plan import make_plan
from navcore.engine.reference import reference_of, tool_from
from navcore.errors import NavError, UnknownNameError, UsageError
from navcore.formats import Format
from navcore.options import configured, make_request
from navcore.registry import Registry

RUN_CONFIGS = (nav.TorchConfig, nav.TorchScriptConfig, nav.TorchExportConfig)
CONFIGS = (*RUN_CONFIGS, nav.TorchCompileConfig, nav.TorchAOTIConfig, nav.TorchTensorRTConfig, nav.OnnxConfig)


@pytest.fixture
def registry() -> Registry:
    return load_plugins(extra=[plugin], installed=False)


def tools_of(registry: Registry, *configs: Any) -> tuple[Tool, ...]:
    """The tools that the configs are asked about, as they make them."""
    (made,) = {config.format for config in configs}
    changed = configured(registry, configs)
    edges = tuple(edge for edge in changed.edges if edge.target == made)
    return edges + tuple(runner for runner in changed.runners if runner.accepts == made)


def runners_of(registry: Registry, *configs: Any) -> dict[str, Any]:
    return {tool.name: tool for tool in tools_of(registry, *configs) if isinstance(tool, Runner)}


def edges_of(registry: Registry, *configs: Any) -> dict[str, Any]:
    return {tool.name: tool for tool in tools_of(registry, *configs) if isinstance(tool, Edge)}


def exporters_of(registry: Registry, *configs: Any) -> dict[str, Any]:
    return {tool.name: tool for tool in tools_of(registry, *configs) if isinstance(tool, Exporter)}


# --- all of them


@pytest.mark.parametrize("config", CONFIGS)
def test_a_config_is_a_value_that_navcore_lends(config: Any, registry: Registry) -> None:
    made: CustomConfig = config()

    assert isinstance(made, CustomConfig)
    assert {made} == {config(), pickle.loads(pickle.dumps(made)), copy.deepcopy(made), attrs.evolve(made)}
    assert getattr(nav, config.__name__) is config
    assert made != config(device="cpu")
    assert tools_of(registry, made)


@pytest.mark.parametrize("config", CONFIGS)
def test_a_misspelt_field_suggests_the_nearest(config: Any) -> None:
    with pytest.raises(UnknownNameError) as caught:
        config(custom_arg={})

    assert f"no field of {config.__name__} named 'custom_arg'; known: " in caught.value.cause
    assert f"did you mean 'custom_args'? Otherwise see help({config.__name__})" == caught.value.fix


@pytest.mark.parametrize("config", CONFIGS)
def test_a_device_leaves_its_runners(config: Any, registry: Registry) -> None:
    for device in DeviceKind:
        devices = {runner.devices for runner in runners_of(registry, config(device=device.value)).values()}

        assert devices <= {(device,)}


@pytest.mark.parametrize("config", CONFIGS)
def test_tools_that_are_configured_travel_to_workers(config: Any, registry: Registry) -> None:
    assert all(tool == tool_from(reference_of(tool)) for tool in tools_of(registry, config()))


# --- autocast and inference mode


@pytest.mark.parametrize("config", RUN_CONFIGS)
def test_autocast_is_off_unless_asked_for(config: Any, registry: Registry) -> None:
    made = config()

    assert (False, nav.AutocastType.DEVICE, True, ()) == (
        made.autocast,
        made.autocast_dtype,
        made.inference_mode,
        made.precisions,
    )
    assert frozenset() == configured(registry, [made]).asked


@pytest.mark.parametrize(
    ("dtype", "cpu", "cuda"),
    [
        (nav.AutocastType.BF16, "bf16", "bf16"),
        (nav.AutocastType.FP16, "fp16", "fp16"),
        (nav.AutocastType.DEVICE, "bf16", "fp16"),
        ("torch.bfloat16", "bf16", "bf16"),
        (None, "bf16", "fp16"),
    ],
)
def test_autocast_adds_runners_of_its_dtype(dtype: Any, cpu: str, cuda: str, registry: Registry) -> None:
    config = nav.TorchConfig(autocast=True, autocast_dtype=dtype)
    runners = runners_of(registry, config)
    added = {name for name, runner in runners.items() if runner.precision in config.precisions}

    expected = {f"TorchCPU-autocast-{cpu}", f"TorchCUDA-autocast-{cuda}"}
    expected |= {f"TorchCompileCPU-autocast-{cpu}", f"TorchCompileCUDA-autocast-{cuda}"}
    expected |= {f"TorchCPU-channels-last-autocast-{cpu}", f"TorchCUDA-channels-last-autocast-{cuda}"}
    assert expected == added
    assert all(runners[name].autocast and not runners[name].plain for name in added)
    assert {"TorchCPU", "TorchCPU-channels-last", "TorchCompileCPU"} <= runners.keys()


def test_autocast_that_was_asked_for_needs_no_other_permission(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nav_torch.live.missing_precision", lambda _precision, _devices: None)

    def tried(*configs: Any) -> set[str]:
        changed = configured(registry, configs)
        request = make_request(changed, Format.TORCH, target_formats=["torch"], device="cpu")
        return {trial.runner.name for trial in make_plan(Format.TORCH, changed, request).trials}

    asked = tried(nav.TorchConfig(autocast=True, autocast_dtype=nav.AutocastType.BF16))
    assert {"TorchCPU-autocast-bf16", "TorchCPU-channels-last-autocast-bf16", "TorchCompileCPU-autocast-bf16"} == (
        asked - tried()
    )
    assert tried() == tried(nav.TorchConfig())


@pytest.mark.parametrize(
    ("config", "name"), [(nav.TorchScriptConfig, "TorchScript"), (nav.TorchExportConfig, "TorchExportedProgram")]
)
def test_files_run_under_autocast_besides(config: Any, name: str, registry: Registry) -> None:
    runners = runners_of(registry, config(autocast=True, autocast_dtype=nav.AutocastType.BF16))

    assert {f"{name}CPU", f"{name}CPU-autocast-bf16"} <= runners.keys()
    assert "bf16" == runners[f"{name}CPU-autocast-bf16"].precision


def test_a_run_takes_autocast_and_compares_it_by_its_precision(tmp_path: Path, conv_net: nn.Module) -> None:
    batches = [torch.rand(2, 3, 8, 8), torch.rand(2, 3, 8, 8)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nav_torch.live.missing_precision", lambda _precision, _devices: None)
        package = nav.torch.optimize(
            conv_net,
            batches,
            target_formats=["torch"],
            target_device="cpu",
            runners=["TorchCPU", "TorchCPU-autocast-bf16"],
            custom_configs=[nav.TorchConfig(autocast=True, autocast_dtype=nav.AutocastType.BF16)],
            optimization_profile=nav.OptimizationProfile(max_batch_size=2, min_trials=1, max_trials=3),
            workspace=tmp_path / "workspace",
            isolate=False,
            quiet=True,
        )

    trials = {trial.runner: trial for trial in package.status.trials}
    assert {"TorchCPU": None, "TorchCPU-autocast-bf16": "bf16"} == {
        name: trial.precision for name, trial in trials.items()
    }
    assert ["ok", "ok"] == [trial.status.value for trial in trials.values()]
    assert 0 < trials["TorchCPU-autocast-bf16"].agreement.outputs[0].max_abs < 2e-2


@pytest.mark.parametrize("config", RUN_CONFIGS)
@pytest.mark.parametrize("mode", [True, False])
def test_inference_mode_reaches_every_runner_that_has_it(config: Any, mode: bool, registry: Registry) -> None:
    runners = runners_of(registry, config(inference_mode=mode)).values()
    able = [runner for runner in runners if has_option(runner, "inference_mode")]

    assert able
    assert {mode} == {runner.inference_mode for runner in able}


@pytest.mark.parametrize("mode", [True, False])
def test_inference_mode_takes_effect(mode: bool, registry: Registry, model_of: Callable[..., Any]) -> None:
    class Asking(nn.Module):
        def forward(self, tensor: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return tensor * 2, torch.tensor(torch.is_inference_mode_enabled())

    model = model_of(Asking().eval(), [torch.rand(2, 3)])
    runner = runners_of(registry, nav.TorchConfig(inference_mode=mode))["TorchCPU"]
    with runner.open(model, DeviceKind.CPU) as infer:
        outputs = infer(model.examples[0])

    assert mode == bool(outputs["output__1"])


@pytest.mark.parametrize("config", RUN_CONFIGS)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"autocast": "yes"}, "(autocast='yes'): it is neither True nor False"),
        ({"inference_mode": 0}, "(inference_mode=0): it is neither True nor False"),
        ({"autocast_dtype": "bf16"}, "(autocast_dtype='bf16'): it is none of None, 'torch.float16', 'torch.bfloat16'"),
        ({"device": "gpu"}, "(device='gpu'): it is none of cpu, cuda"),
    ],
)
def test_wrong_values_are_errors_with_the_rule(config: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        config(**options)

    assert f"{config.__name__}{message}" == caught.value.cause


def test_a_module_takes_no_arguments_of_a_framework() -> None:
    with pytest.raises(UsageError) as caught:
        nav.TorchConfig(custom_args={"mode": "max-autotune"})

    assert "TorchConfig(custom_args=(('mode', 'max-autotune'),)): a module is called as it is" == caught.value.cause
    assert "for arguments of torch.compile, write TorchCompileConfig(custom_args=...)" == caught.value.fix


# --- torch.compile


def test_values_are_multiplied_into_runners(registry: Registry) -> None:
    config = nav.TorchCompileConfig(mode=(None, "max-autotune"), dynamic=(True, False), freezing=[False, True])
    runners = {
        name: (runner.mode, runner.dynamic, runner.freezing)
        for name, runner in runners_of(registry, config).items()
        if name.startswith("TorchCompileCPU") and runner.precision is None
    }

    assert {
        "TorchCompileCPU-dynamic": (None, True, False),
        "TorchCompileCPU-dynamic-freezing": (None, True, True),
        "TorchCompileCPU-static": (None, False, False),
        "TorchCompileCPU-static-freezing": (None, False, True),
        "TorchCompileCPU-max-autotune-dynamic": ("max-autotune", True, False),
        "TorchCompileCPU-max-autotune-dynamic-freezing": ("max-autotune", True, True),
        "TorchCompileCPU-max-autotune-static": ("max-autotune", False, False),
        "TorchCompileCPU-max-autotune-static-freezing": ("max-autotune", False, True),
    } == runners


def test_single_values_change_the_one_runner(registry: Registry) -> None:
    assert {"TorchCompileCPU-freezing", "TorchCompileCPU-bf16-freezing"} <= (
        runners_of(registry, nav.TorchCompileConfig(freezing=True)).keys()
    )
    assert {runner.name for runner in registry.runners if runner.accepts == Format.TORCH} == (
        runners_of(registry, nav.TorchCompileConfig()).keys()
    )


def test_every_combination_has_a_name_that_navcore_takes(registry: Registry) -> None:
    modes = (None, "default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")
    config = nav.TorchCompileConfig(mode=modes, dynamic=(None, True, False), freezing=(True, False))

    assert 5 * 3 * 2 * 6 == len([name for name in runners_of(registry, config) if name.startswith("TorchCompile")])


def test_further_arguments_reach_torch_compile(registry: Registry) -> None:
    config = nav.TorchCompileConfig(
        custom_args={"fullgraph": True, "options": {"cpp.threads": 1, "max_fusion_size": 8}}
    )
    runner = runners_of(registry, config)["TorchCompileCPU"]

    assert isinstance(runner, TorchCompileRunner)
    assert runner.fullgraph is True
    assert {"cpp.threads": 1, "max_fusion_size": 8} == thawed_arguments(runner.options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "fast"}, "(mode='fast'): it is none of None, 'default', 'reduce-overhead', "),
        ({"mode": ()}, "(mode=()): it is empty"),
        ({"dynamic": (True, 2)}, "(dynamic=2): it is none of None, True, False"),
        ({"freezing": None}, "(freezing=None): it is none of True, False"),
        (
            {"custom_args": {"backend": "eager"}},
            "(custom_args['backend']='eager'): there are fullgraph and options only",
        ),
        ({"custom_args": {"options": 3}}, "(custom_args=(('options', 3),)): options is no dict"),
    ],
)
def test_what_torch_compile_does_not_take_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        nav.TorchCompileConfig(**options)

    assert caught.value.cause.startswith(f"TorchCompileConfig{message}")


@pytest.mark.parametrize("compile_first", [True, False])
def test_configs_of_one_format_go_together(compile_first: bool, registry: Registry) -> None:
    configs = [nav.TorchCompileConfig(freezing=(False, True)), nav.TorchConfig(autocast=True, device="cpu")]
    changed = configured(registry, configs if compile_first else configs[::-1])
    names = {runner.name for runner in changed.asked}
    frozen = "TorchCompileCPU-freezing-autocast-bf16" if compile_first else "TorchCompileCPU-autocast-bf16-freezing"

    assert {"TorchCPU-autocast-bf16", "TorchCompileCPU-autocast-bf16", frozen} <= names


# --- TorchScript and exported programs


def test_each_way_into_torchscript_is_an_exporter(registry: Registry) -> None:
    both = edges_of(registry, nav.TorchScriptConfig())
    trace = edges_of(registry, nav.TorchScriptConfig(jit_type=nav.JitType.TRACE, strict=False))
    script = edges_of(registry, nav.TorchScriptConfig(jit_type=["script"]))

    assert {"torchscript-script": True, "torchscript-trace": True} == {name: each.strict for name, each in both.items()}
    assert {"torchscript-trace": (nav.JitType.TRACE, False)} == {
        name: (each.jit_type, each.strict) for name, each in trace.items()
    }
    assert ["torchscript-script"] == list(script)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"jit_type": "foo"}, "(jit_type='foo'): it is none of 'script', 'trace'"),
        ({"jit_type": ()}, "(jit_type=()): it is empty"),
        ({"strict": "no"}, "(strict='no'): it is neither True nor False"),
    ],
)
def test_what_torchscript_does_not_take_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        nav.TorchScriptConfig(**options)

    assert f"TorchScriptConfig{message}" == caught.value.cause


@pytest.mark.parametrize("strict", [True, False])
def test_strictness_reaches_the_tracer(
    strict: bool, registry: Registry, conv_net: nn.Module, model_of: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    seen = []
    trace = torch.jit.trace
    monkeypatch.setattr(
        torch.jit, "trace", lambda *values, **options: seen.append(options) or trace(*values, **options)
    )
    exporter = exporters_of(registry, nav.TorchScriptConfig(strict=strict))["torchscript-trace"]
    exporter.write(model_of(conv_net, [torch.rand(2, 3, 8, 8)]), tmp_path / "model.pt")

    assert strict == seen[0]["strict"]


CALLS = {
    "torchscript-trace": (nav.TorchScriptConfig(custom_args={"check_trace": True}), torch.jit, "trace"),
    "torch-exportedprogram": (
        nav.TorchExportConfig(custom_args={"prefer_deferred_runtime_asserts_over_guards": True}),
        torch.export,
        "export",
    ),
    "onnx": (nav.OnnxConfig(custom_args={"keep_initializers_as_inputs": False}), torch.onnx, "export"),
    "onnx-trace": (
        nav.OnnxConfig(export_engine=nav.OnnxTraceExportConfig(), custom_args={"do_constant_folding": False}, opset=15),
        torch.onnx,
        "export",
    ),
}


@pytest.mark.parametrize("edge", CALLS)
def test_further_arguments_reach_the_call_of_the_framework(
    edge: str, registry: Registry, conv_net: nn.Module, model_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, module, name = CALLS[edge]
    seen: list[dict[str, Any]] = []
    call = getattr(module, name)
    monkeypatch.setattr(module, name, lambda *values, **options: seen.append(options) or call(*values, **options))
    exporter = exporters_of(registry, config)[edge]
    exporter.write(model_of(conv_net, [torch.rand(2, 3, 8, 8)]), tmp_path / f"model{exporter.target.suffix}")

    assert seen[0].items() >= thawed_arguments(config.custom_args).items()


@pytest.mark.parametrize("edge", ["torchscript-trace", "torch-exportedprogram", "onnx"])
def test_arguments_that_the_framework_does_not_know_fail_that_route(
    edge: str, registry: Registry, conv_net: nn.Module, model_of: Any, tmp_path: Path
) -> None:
    config = attrs.evolve(CALLS[edge][0], custom_args={"frobnicate": 1})
    exporter = exporters_of(registry, config)[edge]
    with pytest.raises((TypeError, NavError), match="frobnicate"):
        exporter.write(model_of(conv_net, [torch.rand(2, 3, 8, 8)]), tmp_path / f"model{exporter.target.suffix}")


# --- ONNX


@pytest.mark.parametrize(
    ("engine", "edge"), [(nav.OnnxDynamoExportConfig(), "onnx"), (nav.OnnxTraceExportConfig(), "onnx-trace")]
)
def test_an_onnx_file_is_what_was_asked_for(
    engine: Any, edge: str, registry: Registry, conv_net: nn.Module, model_of: Any, tmp_path: Path
) -> None:
    config = nav.OnnxConfig(opset=19, export_engine=engine, dynamic_axes={"input__0": {2: "height", 3: "width"}})
    (exporter,) = edges_of(registry, config).values()
    model = model_of(conv_net, [torch.rand(2, 3, 8, 8)])
    signature = exporter.write(model, tmp_path / "model.onnx")
    file = onnx.load(tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    image = np.random.default_rng(0).random((3, 3, 6, 10), np.float32)
    with torch.no_grad():
        expected = conv_net(torch.from_numpy(image))

    assert edge == exporter.name
    assert 19 == next(each.version for each in file.opset_import if not each.domain)
    assert ["batch", 3, "height", "width"] == [
        each.dim_param or each.dim_value for each in file.graph.input[0].type.tensor_type.shape.dim
    ]
    np.testing.assert_allclose(session.run(None, {"input__0": image})[0], expected, rtol=1e-4, atol=1e-5)
    # Not compared at other sizes, so not promised.
    assert model.signature.inputs == signature.inputs


def test_axes_of_an_input_that_is_not_there_fail_the_route(
    registry: Registry, conv_net: nn.Module, model_of: Any, tmp_path: Path
) -> None:
    exporter = exporters_of(registry, nav.OnnxConfig(dynamic_axes={"picture": [0]}))["onnx"]
    with pytest.raises(NavError, match="picture"):
        exporter.write(model_of(conv_net, [torch.rand(2, 3, 8, 8)]), tmp_path / "model.onnx")


def test_onnx_of_other_files_is_walked_where_it_is_asked_for(registry: Registry) -> None:
    def fallbacks(config: Any) -> set[str]:
        return {
            f"{tool.source}: {tool.name}"
            for tool in tools_of(registry, config)
            if isinstance(tool, Edge) and tool.fallback
        }

    assert {"torch: onnx-trace", "torch-exportedprogram: onnx", "torchscript: onnx"} == fallbacks(nav.OnnxConfig())
    assert {"torch: onnx-trace"} == fallbacks(nav.OnnxConfig(onnx_extended_conversion=True))
    assert set() == fallbacks(nav.OnnxConfig(export_engine=[nav.OnnxTraceExportConfig()]))


def test_an_old_opset_is_for_the_exporter_that_writes_it(registry: Registry) -> None:
    with pytest.raises(UsageError, match=r"choose who does: export_engine=OnnxTraceExportConfig\(\)"):
        tools_of(registry, nav.OnnxConfig(opset=13))
    config = nav.OnnxConfig(opset=13, export_engine=nav.OnnxTraceExportConfig(), onnx_extended_conversion=True)

    assert {("onnx-trace", "torch"), ("onnx", "torchscript")} == {
        (tool.name, tool.source.name) for tool in tools_of(registry, config) if isinstance(tool, Edge)
    }


def test_a_run_takes_a_file_in_place_of_the_export(tmp_path: Path, conv_net: nn.Module) -> None:
    mine = tmp_path / "mine.onnx"
    names = {"input_names": ["image"], "output_names": ["scores"]}
    torch.onnx.export(
        conv_net,
        (torch.rand(2, 3, 8, 8),),
        mine,
        dynamo=True,
        dynamic_shapes=({0: "batch"},),
        verbose=False,
        **names,
    )
    package = nav.torch.optimize(
        conv_net,
        [torch.rand(2, 3, 8, 8), torch.rand(4, 3, 8, 8)],
        target_formats=["onnx"],
        target_device="cpu",
        runners=["TorchCPU", "OnnxCPU"],
        custom_configs=[nav.OnnxConfig(model_path=mine)],
        optimization_profile=nav.OptimizationProfile(max_batch_size=2, min_trials=1, max_trials=3),
        workspace=tmp_path / "workspace",
        isolate=False,
        quiet=True,
        **names,
    )

    assert {"onnx on OnnxCPU": "ok", "torch on TorchCPU": "ok"} == {
        f"{trial.route} on {trial.runner}": trial.status.value for trial in package.status.trials
    }
    assert mine.read_bytes() == package.get_model_path("onnx").read_bytes()


# --- AOTInductor and Torch-TensorRT


def test_freezing_multiplies_models_of_aotinductor(registry: Registry) -> None:
    assert {"torch-aoti": False} == {
        name: each.freezing for name, each in edges_of(registry, nav.TorchAOTIConfig()).items()
    }
    assert {"torch-aoti": False, "torch-aoti-freezing": True} == {
        name: each.freezing for name, each in edges_of(registry, nav.TorchAOTIConfig(freezing=(False, True))).items()
    }
    with pytest.raises(UsageError, match=r"TorchAOTIConfig\(freezing=1\): it is none of True, False"):
        nav.TorchAOTIConfig(freezing=1)


def test_precisions_multiply_models_of_torch_tensorrt(registry: Registry) -> None:
    config = nav.TorchTensorRTConfig(max_workspace_size=2**30)
    edges = edges_of(registry, config)

    assert {"torch-trt": (None, 2**30), "torch-trt-fp16": ("fp16", 2**30)} == {
        name: (each.precision, each.max_workspace_size) for name, each in edges.items()
    }
    assert ("fp16",) == config.precisions
    assert {"torch-trt-fp16"} == {tool.name for tool in configured(registry, [config]).asked}
    assert ["torch-trt"] == list(edges_of(registry, nav.TorchTensorRTConfig(precision="fp32")))
    assert ["torch-trt-bf16"] == list(edges_of(registry, nav.TorchTensorRTConfig(precision=["bf16"])))


def test_engines_for_smaller_batches_stand_in_where_that_is_asked_for(registry: Registry) -> None:
    config = nav.TorchTensorRTConfig(precision="fp16", max_batch_size=6, conversion_fallback=True)

    assert {
        "torch-trt-fp16": (6, False),
        "torch-trt-fp16-batch-3": (3, True),
        "torch-trt-fp16-batch-1": (1, True),
    } == {name: (each.max_batch_size, each.fallback) for name, each in edges_of(registry, config).items()}


@pytest.mark.parametrize(
    ("options", "message", "fix"),
    [
        ({"precision": "int4"}, "(precision='int4'): it is none of ", "write one of "),
        ({"precision_mode": "single"}, "(precision_mode='single'): TensorRT chooses for each layer", "leave it out"),
        ({"max_batch_size": 0}, "(max_batch_size=0): it is no whole number from 1 on", "give one from 1 on"),
        ({"max_workspace_size": -1}, "(max_workspace_size=-1): it is no whole number from 0 on", "give one from 0 on"),
        ({"trt_profiles": [{}]}, "(trt_profiles=[{}]): engines are built for the sizes of the samples", "give samples"),
        ({"trt_profile": {}}, "(trt_profile={}): engines are built for the sizes of the samples", "give samples"),
        ({"conversion_fallback": 1}, "(conversion_fallback=1): it is neither True nor False", "write "),
        ({"pickle_protocol": 4}, "(pickle_protocol=4): files are written as this PyTorch does", "leave it out"),
    ],
)
def test_what_torch_tensorrt_does_not_take_is_refused(options: dict[str, Any], message: str, fix: str) -> None:
    with pytest.raises(UsageError) as caught:
        nav.TorchTensorRTConfig(**options)

    assert caught.value.cause.startswith(f"TorchTensorRTConfig{message}")
    assert caught.value.fix.startswith(fix)


# --- the rest is told by what it makes


def test_every_live_runner_can_be_configured(registry: Registry) -> None:
    live = [runner for runner in registry.runners if runner.accepts == Format.TORCH]

    assert live
    assert all(isinstance(runner, LiveRunner) for runner in live)
