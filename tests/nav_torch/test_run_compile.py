from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
import torch._inductor.config
from torch import nn

from nav_torch.baked import Baked, BakedWeightsError
from nav_torch.compiled import CompiledInfer, Graphs
from nav_torch.device import missing_compiler
from nav_torch.run_compile import TorchCompileRunner, compile_runners, forwarder
from navcore.contracts import Infer, Model
from navcore.domain import DeviceKind

CPU = (DeviceKind.CPU,)
needs_compiler = pytest.mark.skipif(bool(missing_compiler(CPU)), reason=str(missing_compiler(CPU)))


class Scaled(nn.Module):
    """Multiplies by a parameter, a buffer and a tensor that hangs deeper."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.full((1,), 2.0))
        self.inner = nn.BatchNorm1d(3)
        self.register_buffer("offset", torch.ones(1))

    def forward(self, tensor: torch.Tensor) -> torch.Tensor:
        return self.inner(tensor) * self.factor + self.offset


class Counting(nn.Module):
    """Writes to a buffer as it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, tensor: torch.Tensor) -> torch.Tensor:
        self.calls.add_(1)
        return tensor + self.calls


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Graphs run as they are: what is compiled, and when, stays what it is; the C++ compiler takes seconds."""
    monkeypatch.setattr(torch._inductor, "compile", lambda graph, _inputs, options=None: graph.forward)


@contextlib.contextmanager
def opened(model: Model, **options: Any) -> Iterator[Any]:
    runner = TorchCompileRunner(name="TorchCompileCPU", devices=CPU, **options)
    with runner.open(model, DeviceKind.CPU) as infer:
        yield infer


def batch(*shape: int) -> dict[str, np.ndarray[Any, Any]]:
    return {"input__0": np.ones(shape, np.float32)}


def without_seconds(infer: Any) -> tuple[str, ...]:
    return tuple(re.sub(r"in \d+\.\d s", "in N s", note) for note in infer.notes())


@needs_compiler
def test_the_compiled_module_gives_what_the_module_gives(dict_mlp: nn.Module, model_of: Callable[..., Model]) -> None:
    model = model_of(dict_mlp, [({"dense": torch.rand(2, 4), "ids": torch.tensor([0, 1])}, {"scale": 2.0})])
    attributes = [sorted(vars(part)) for part in dict_mlp.modules()]
    with opened(model) as infer:
        outputs = infer(model.examples[0])
    with torch.no_grad():
        expected = dict_mlp({name: torch.from_numpy(array) for name, array in model.examples[0].items()}, scale=2.0)

    assert ["score", "parts__0", "parts__1__passed", "again"] == list(outputs)
    np.testing.assert_allclose(outputs["score"], expected["score"], rtol=1e-5, atol=1e-6)
    assert attributes == [sorted(vars(part)) for part in dict_mlp.modules()]


def test_every_opened_model_is_compiled_anew() -> None:
    # torch compiles one code object eight times at most: with one for all models, the fourth would run eager.
    compiled = []
    for width in range(1, 6):
        graphs = []

        def backend(graph, _inputs, graphs=graphs):
            graphs.append(graph)
            return graph.forward

        run = torch.compile(forwarder(nn.Linear(4, width).eval()), backend=backend)
        for size in (2, 3, 1):
            run(torch.ones(size, 4))
        compiled.append(len(graphs))

    assert min(compiled) >= 2


@pytest.mark.usefixtures("eager")
def test_what_becomes_dynamic_does_not_depend_on_what_was_compiled_before(model_of: Callable[..., Model]) -> None:
    notes = []
    for _ in range(2):
        with opened(model_of(Scaled().eval(), [torch.rand(2, 3)])) as infer:
            for size in (2, 3, 4):
                infer(batch(size, 3))
            notes.append(without_seconds(infer))

    assert [("compiled 2 times in N s (1 of them a recompile for new shapes)",)] * 2 == notes


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'mode' must be in \(None, 'default', 'reduce-overhead'"):
        TorchCompileRunner(name="TorchCompileCPU", devices=CPU, mode="fastest")


@pytest.mark.usefixtures("eager")
def test_what_compiling_took_and_why_it_was_done_again_is_told(model_of: Callable[..., Model]) -> None:
    model = model_of(Scaled().eval(), [torch.rand(2, 3)])
    with opened(model, dynamic=False) as infer:
        before = infer.notes()
        infer(batch(2, 3))
        once = without_seconds(infer)
        for size in (2, 4, 5, 4):
            infer(batch(size, 3))
        thrice = without_seconds(infer)

    assert () == before
    assert ("compiled once in N s",) == once
    assert ("compiled 3 times in N s (2 of them recompiles for new shapes)",) == thrice


@pytest.mark.usefixtures("eager")
def test_one_runner_does_not_count_what_another_compiles(model_of: Callable[..., Model]) -> None:
    model = model_of(Scaled().eval(), [torch.rand(2, 3)])
    with opened(model) as one, opened(model) as other:
        one(batch(2, 3))
        other(batch(2, 3))
        other(batch(2, 3))

    assert ("compiled once in N s",) == without_seconds(one) == without_seconds(other)


@pytest.mark.usefixtures("eager")
def test_shapes_beyond_the_limit_of_torch_are_told_to_run_eager(model_of: Callable[..., Model]) -> None:
    model = model_of(Scaled().eval(), [torch.rand(2, 3)])
    with torch._dynamo.config.patch(recompile_limit=2), opened(model, dynamic=False) as infer:
        for size in (2, 3, 4, 5, 5):
            infer(batch(size, 3))

    assert (
        "compiled 2 times in N s (1 of them a recompile for new shapes)",
        "runs eager, not compiled, for 2 of the shapes: torch compiles 2 times at most",
    ) == without_seconds(infer)


@pytest.mark.usefixtures("eager")
def test_a_forward_in_pieces_is_told_and_refused_where_it_should_be_one(model_of: Callable[..., Model]) -> None:
    class Broken(nn.Module):
        def forward(self, tensor: torch.Tensor) -> torch.Tensor:
            doubled = tensor * 2
            torch._dynamo.graph_break()
            return doubled + 1

    model = model_of(Broken().eval(), [torch.rand(2, 3)])
    with opened(model) as infer:
        infer(batch(2, 3))

    assert ("compiled once in N s, in 2 graphs, because forward breaks into pieces",) == without_seconds(infer)
    with opened(model, fullgraph=True) as whole, pytest.raises(torch._dynamo.exc.Unsupported):
        whole(batch(2, 3))


def test_recompiles_for_other_reasons_are_not_put_down_to_shapes() -> None:
    graphs = Graphs({})

    def compiles(_feeds: Any) -> Any:
        graphs.count += 1
        return {}

    infer = CompiledInfer(compiles, graphs)
    for size in (2, 2, 3):
        infer(batch(size))

    assert ("compiled 3 times in N s (2 of them recompiles, 1 for new shapes)",) == without_seconds(infer)


def test_a_model_without_anything_to_compile_says_so() -> None:
    infer = CompiledInfer(lambda _feeds: {}, Graphs({}))
    infer(batch(1))

    assert ("nothing was compiled: the model holds nothing that torch.compile takes",) == infer.notes()


def test_options_reach_inductor_with_those_that_the_mode_stands_for(
    model_of: Callable[..., Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def compile_graph(graph: Any, _inputs: Any, options: Any = None) -> Any:
        seen.append(options)
        return graph.forward

    monkeypatch.setattr(torch._inductor, "compile", compile_graph)
    model = model_of(Scaled().eval(), [torch.rand(2, 3)])
    with opened(model, mode="max-autotune-no-cudagraphs", options=(("cpp.threads", 1),)) as infer:
        infer(batch(2, 3))
    with opened(model) as infer:
        infer(batch(2, 3))

    assert [{**torch._inductor.list_mode_options("max-autotune-no-cudagraphs"), "cpp.threads": 1}, {}] == seen


@needs_compiler
def test_freezing_makes_constants_of_weights_and_leaves_the_settings_alone(
    model_of: Callable[..., Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = []
    compile_graph = torch._inductor.compile
    monkeypatch.setattr(
        torch._inductor,
        "compile",
        lambda graph, example, options=None: (
            inputs.append((len(example), torch._inductor.config.freezing))
            or compile_graph(graph, example, options=options)
        ),
    )
    module = Scaled().eval()
    model = model_of(module, [torch.rand(2, 3)])
    with opened(model, freezing=True) as infer:
        got = infer(model.examples[0])["output__0"]
        after = torch._inductor.config.freezing
    expected = module(torch.from_numpy(model.examples[0]["input__0"])).detach()

    np.testing.assert_allclose(got, expected, rtol=1e-5)
    assert [(1, True)] == inputs  # the graph takes the input of the model, and no weights
    assert after is False


def _in_place(module: Scaled) -> None:
    with torch.no_grad():
        module.factor.mul_(2)


def _loaded(module: Scaled) -> None:
    module.load_state_dict({name: tensor + 1 for name, tensor in module.state_dict().items()})


def _replaced(module: Scaled) -> None:
    module.offset = torch.zeros(1)


def _moved(module: Scaled) -> None:
    module.inner.weight.data = torch.zeros(3)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    ("change", "name"),
    [(_in_place, "factor"), (_loaded, "factor"), (_replaced, "offset"), (_moved, "inner.weight")],
)
def test_frozen_weights_that_changed_are_refused_and_never_silently_old(
    change: Callable[[Scaled], None], name: str, model_of: Callable[..., Model]
) -> None:
    module = Scaled().eval()
    model = model_of(module, [torch.rand(2, 3)])
    with opened(model, freezing=True) as infer:
        infer(batch(2, 3))
        change(module)
        with pytest.raises(BakedWeightsError) as caught:
            infer(batch(2, 3))

    assert f"{name} of the model has changed since it was compiled with freezing" in caught.value.cause
    assert "close the runner and open it again" in caught.value.fix


@pytest.mark.usefixtures("eager")
def test_a_model_that_writes_to_its_buffers_is_refused_with_freezing_and_runs_without(
    model_of: Callable[..., Model],
) -> None:
    model = model_of(Counting().eval(), [torch.zeros(2, 3)])
    with opened(model) as infer:
        assert [1.0, 2.0] == [infer(batch(2, 3))["output__0"][0, 0] - 1 for _ in range(2)]
    with opened(model, freezing=True) as infer:
        infer(batch(2, 3))
        with pytest.raises(BakedWeightsError, match="calls of the model has changed"):
            infer(batch(2, 3))


def test_weights_that_stay_are_not_refused() -> None:
    module = Scaled().eval()
    baked = Baked.of(module)
    module(torch.rand(2, 3))
    module.factor.requires_grad_(False)
    baked.check()
    module.train()
    module(torch.rand(2, 3))

    with pytest.raises(BakedWeightsError, match=r"inner\.num_batches_tracked of the model has changed"):
        baked.check()


@pytest.mark.usefixtures("eager")
def test_a_model_is_compiled_in_lower_precision(conv_net: nn.Module, model_of: Callable[..., Model]) -> None:
    model = model_of(conv_net, [torch.rand(2, 3, 8, 8)])
    (runner,) = (runner for runner in compile_runners(DeviceKind.CPU) if runner.name == "TorchCompileCPU-bf16")
    with runner.open(model, DeviceKind.CPU) as infer:
        got = infer(model.examples[0])["output__0"]
    with torch.no_grad():
        expected = conv_net(torch.from_numpy(model.examples[0]["input__0"])).numpy()

    assert np.float32 == got.dtype
    assert 0 < np.abs(got - expected).max() < 2e-2


def test_the_registered_runners_are_the_default_and_one_for_each_precision() -> None:
    assert [
        ("TorchCompileCPU", None),
        ("TorchCompileCPU-bf16", "bf16"),
        ("TorchCompileCPU-fp16", "fp16"),
    ] == [(runner.name, runner.precision) for runner in compile_runners(DeviceKind.CPU)]


def test_a_compiled_infer_is_an_infer() -> None:
    infer: Infer = CompiledInfer(lambda feeds: feeds, Graphs({}))

    assert {"x": 1} == infer({"x": np.float32(1)})


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU and a CUDA build of torch")
@pytest.mark.parametrize("options", [{}, {"mode": "reduce-overhead"}, {"freezing": True}, {"precision": "fp16"}])
def test_variants_run_on_the_gpu(options: dict[str, Any], conv_net: nn.Module, model_of: Any) -> None:
    model = model_of(conv_net, [torch.rand(2, 3, 8, 8)])
    runner = TorchCompileRunner(name="TorchCompileCUDA", devices=(DeviceKind.CUDA,), **options)
    with runner.open(model, DeviceKind.CUDA) as infer:
        got = [infer(model.examples[0])["output__0"] for _ in range(3)][-1]
    expected = conv_net(torch.from_numpy(model.examples[0]["input__0"])).detach()

    np.testing.assert_allclose(got, expected, atol=2e-2)
