"""Runners of the live module: as it is, and in other layouts and precisions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from nav_torch.converted import CopyError, converted
from nav_torch.run_torch import TorchRunner, torch_runners
from nav_torch.tensors import to_tensor
from navcore.contracts import Model
from navcore.domain import DeviceKind
from navcore.testing.suites import RunnerSuite

CPU = (DeviceKind.CPU,)
VARIANTS = {runner.name: runner for runner in torch_runners(DeviceKind.CPU)}
HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}


class Tied(nn.Module):
    """A table of integers, and a head that is the embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(7, 4)
        self.head = nn.Linear(4, 7, bias=False)
        self.head.weight = self.embedding.weight
        self.register_buffer("positions", torch.arange(5))
        self.register_buffer("scale", torch.ones(4))

    def forward(self, ids: torch.Tensor, weights: torch.Tensor) -> dict[str, torch.Tensor]:
        hidden = self.embedding(ids + self.positions[:1]) * self.scale * weights
        return {"logits": self.head(hidden), "ids": ids, "dtype": torch.tensor(hidden.element_size())}


class Allocations(TorchDispatchMode):
    """Counts the bytes of tensors that operators make."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        taken = {each.untyped_storage().data_ptr() for each in args if isinstance(each, torch.Tensor)}
        if isinstance(result, torch.Tensor) and result.untyped_storage().data_ptr() not in taken:
            self.sizes.append(result.untyped_storage().nbytes())
        return result


class TestChannelsLast(RunnerSuite):
    @pytest.fixture
    def tool(self) -> TorchRunner:
        return VARIANTS["TorchCPU-channels-last"]

    @pytest.fixture
    def model(self, conv_net: nn.Module, model_of: Callable[..., Model]) -> Model:
        return model_of(conv_net, [torch.rand(2, 3, 8, 8), torch.rand(4, 3, 8, 8)])

    @pytest.fixture
    def expected(self, conv_net: nn.Module, model: Model) -> Any:
        with torch.no_grad():
            return [{"output__0": conv_net(torch.from_numpy(feeds["input__0"])).numpy()} for feeds in model.examples]


class TestInferenceMode(TestChannelsLast):
    @pytest.fixture
    def tool(self) -> TorchRunner:
        return TorchRunner(name="TorchCPU", devices=CPU, inference_mode=True)


@pytest.fixture
def tied() -> nn.Module:
    torch.manual_seed(0)
    return Tied().eval()


@pytest.mark.parametrize("name", [name for name in VARIANTS if "16" in name])
def test_a_lowered_model_gives_the_dtypes_of_the_source_and_loses_digits(
    name: str, conv_net: nn.Module, model_of: Callable[..., Model]
) -> None:
    model = model_of(conv_net, [torch.rand(2, 3, 8, 8)])
    with VARIANTS[name].open(model, DeviceKind.CPU) as infer:
        got = infer(model.examples[0])["output__0"]
    with torch.no_grad():
        expected = conv_net(torch.from_numpy(model.examples[0]["input__0"])).numpy()

    assert np.float32 == got.dtype
    assert 0 < np.abs(got - expected).max() < (2e-2 if "bf16" in name else 4e-3)


@pytest.mark.parametrize("precision", HALF)
def test_a_cast_model_takes_cast_floats_and_its_integers_as_they_are(
    precision: str, tied: nn.Module, model_of: Callable[..., Model]
) -> None:
    model = model_of(tied, [(torch.tensor([[1, 2], [3, 4]]), torch.rand(2, 2, 4))])
    runner = TorchRunner(name="lowered", devices=CPU, plain=False, precision=precision)
    with runner.open(model, DeviceKind.CPU) as infer:
        outputs = infer(model.examples[0])

    assert 2 == outputs["dtype"]  # bytes of what forward computed with
    assert ("float32", "int64") == (outputs["logits"].dtype.name, outputs["ids"].dtype.name)


def test_autocast_lowers_operators_and_not_the_parameters(conv_net: nn.Module, model_of: Callable[..., Model]) -> None:
    seen = []
    conv_net.head.register_forward_hook(lambda part, _inputs, output: seen.append((part.weight.dtype, output.dtype)))
    model = model_of(conv_net, [torch.rand(2, 3, 8, 8)])
    seen.clear()
    with VARIANTS["TorchCPU-autocast-bf16"].open(model, DeviceKind.CPU) as infer:
        infer(model.examples[0])

    assert [(torch.float32, torch.bfloat16)] == seen


def test_channels_last_reaches_weights_and_inputs(conv_net: nn.Module, model_of: Callable[..., Model]) -> None:
    seen = []
    layout = torch.channels_last
    conv_net.features[0].register_forward_hook(
        lambda part, inputs, _output: seen.append(
            (part.weight.is_contiguous(memory_format=layout), inputs[0].is_contiguous(memory_format=layout))
        )
    )
    model = model_of(conv_net, [torch.rand(2, 3, 8, 8)])
    seen.clear()
    with VARIANTS["TorchCPU-channels-last"].open(model, DeviceKind.CPU) as infer:
        infer(model.examples[0])

    assert [(True, True)] == seen


@pytest.mark.parametrize("name", VARIANTS)
def test_the_users_module_stays_what_it_is(name: str, conv_net: nn.Module, model_of: Callable[..., Model]) -> None:
    model = model_of(conv_net, [torch.rand(2, 3, 8, 8)])
    state = {
        key: (id(tensor), tensor.dtype, tensor.stride(), tensor._version, tensor.data_ptr(), tensor.requires_grad)
        for key, tensor in [*conv_net.named_parameters(), *conv_net.named_buffers()]
    }
    with VARIANTS[name].open(model, DeviceKind.CPU) as infer:
        infer(model.examples[0])

    assert state == {
        key: (id(tensor), tensor.dtype, tensor.stride(), tensor._version, tensor.data_ptr(), tensor.requires_grad)
        for key, tensor in [*conv_net.named_parameters(), *conv_net.named_buffers()]
    }


def test_a_cast_copies_each_tensor_once_and_into_half_the_memory() -> None:
    module = nn.Sequential(*(nn.Linear(64, 64) for _ in range(4)))
    size = sum(tensor.nbytes for tensor in module.parameters())
    with Allocations() as allocations:
        converted(module, torch.device("cpu"), torch.bfloat16)

    assert size // 2 == sum(allocations.sizes)


def test_tied_weights_stay_tied_and_integers_stay_integers(tied: nn.Module) -> None:
    made = converted(tied, torch.device("cpu"), torch.float16)

    assert made.head.weight is made.embedding.weight
    assert (torch.float16, torch.float16, torch.int64) == (
        made.head.weight.dtype,
        made.scale.dtype,
        made.positions.dtype,
    )
    assert tied.positions.data_ptr() != made.positions.data_ptr()


def test_modules_that_copy_themselves_are_converted_too() -> None:
    class Stubborn(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dense = nn.Linear(2, 2)

        def __deepcopy__(self, _memo: Any) -> Any:
            made = Stubborn()
            made.load_state_dict(self.state_dict())
            return made

    scripted = torch.jit.script(nn.Sequential(nn.Conv2d(1, 1, 1)))

    assert [torch.bfloat16] * 4 == [
        tensor.dtype
        for module in (Stubborn(), scripted)
        for tensor in converted(module, torch.device("cpu"), torch.bfloat16).parameters()
    ]


def test_weights_that_a_hook_computes_can_be_copied() -> None:
    with pytest.warns(FutureWarning, match="weight_norm"):
        module = torch.nn.utils.weight_norm(nn.Linear(3, 3)).eval()
    made = converted(module, torch.device("cpu"), torch.bfloat16)

    assert torch.bfloat16 == made(torch.ones(1, 3, dtype=torch.bfloat16)).dtype


def test_what_cannot_be_copied_is_told() -> None:
    class Locked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dense, self.lock = nn.Linear(2, 2), threading.Lock()

    with pytest.raises(
        CopyError,
        match=r"Locked cannot be copied: TypeError: cannot pickle '_thread.lock' object\n.*outside of the module",
    ):
        converted(Locked(), torch.device("cpu"), torch.bfloat16)


def test_a_recurrent_model_can_be_cast(model_of: Callable[..., Model]) -> None:
    torch.manual_seed(0)
    lstm = nn.LSTM(3, 4, batch_first=True).eval()
    model = model_of(lstm, [torch.rand(2, 5, 3)])
    with VARIANTS["TorchCPU-bf16"].open(model, DeviceKind.CPU) as infer:
        got = infer(model.examples[0])
    expected = lstm(torch.from_numpy(model.examples[0]["input__0"]))[0].detach()

    np.testing.assert_allclose(got["output__0"], expected, atol=2e-2)


@pytest.mark.parametrize(
    ("name", "module", "reason"),
    [
        ("TorchCPU-channels-last", nn.Linear(2, 2), "the model has no two-dimensional convolutions, "),
        ("TorchCPU-channels-last", nn.Conv1d(2, 2, 1), "the model has no two-dimensional convolutions, "),
        ("TorchCPU-bf16-channels-last", nn.Linear(2, 2), "the model has no two-dimensional convolutions, "),
        ("TorchCPU-bf16", nn.Linear(2, 2).bfloat16(), "the model is in bf16 already"),
        ("TorchCPU-autocast-fp16", nn.Linear(2, 2).half(), "the model is in fp16 already"),
        ("TorchCPU-autocast-bf16", nn.Linear(2, 2).double(), "autocast lowers float32 only, and the parameters are"),
        ("TorchCPU-fp16", nn.ReLU(), "the model has no floating-point parameters that could be lowered to fp16"),
    ],
)
def test_a_variant_says_which_models_it_is_no_use_for(
    name: str, module: nn.Module, reason: str, model_of: Callable[..., Model]
) -> None:
    dtype = next((tensor.dtype for tensor in module.parameters()), torch.float32)
    model = model_of(module.eval(), [torch.rand(2, 2, 2, dtype=dtype)])

    assert (VARIANTS[name].unsuited(model) or "").startswith(reason)


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_suits_a_convolutional_network(name: str, conv_net: nn.Module, model_of: Any) -> None:
    scripted = torch.jit.script(conv_net)

    assert VARIANTS[name].unsuited(model_of(conv_net, [torch.rand(2, 3, 8, 8)])) is None
    assert VARIANTS[name].unsuited(model_of(scripted, [torch.rand(2, 3, 8, 8)])) is None


def test_only_the_module_as_it_is_is_plain() -> None:
    assert ["TorchCPU"] == [name for name, runner in VARIANTS.items() if runner.plain]
    assert {None, "bf16", "fp16"} == {runner.precision for runner in VARIANTS.values()}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "int8", "plain": False}, "precision='int8'; torch lowers to bf16 and fp16 only"),
        ({"autocast": True, "plain": False}, "autocast=True needs precision='bf16' or 'fp16'"),
        ({"precision": "bf16"}, "plain=True is the module as it is; leave out the other options"),
        ({"channels_last": True}, "plain=True is the module as it is; leave out the other options"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="runner 'Mine': ") as caught:
        TorchRunner(name="Mine", devices=CPU, **options)

    assert message in str(caught.value)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU and a CUDA build of torch")
@pytest.mark.parametrize("name", [runner.name for runner in torch_runners(DeviceKind.CUDA)])
def test_variants_run_on_the_gpu(name: str, conv_net: nn.Module, model_of: Callable[..., Model]) -> None:
    model = model_of(conv_net, [torch.rand(2, 3, 8, 8)])
    (runner,) = (runner for runner in torch_runners(DeviceKind.CUDA) if runner.name == name)
    with runner.open(model, DeviceKind.CUDA) as infer:
        got = infer(model.examples[0])["output__0"]
    expected = conv_net(torch.from_numpy(model.examples[0]["input__0"])).detach()

    np.testing.assert_allclose(got, expected, atol=2e-2)
    assert "cpu" == next(conv_net.parameters()).device.type


def test_a_variant_is_a_value() -> None:
    assert len(VARIANTS) == len(set(VARIANTS.values()))
    assert [runner == attrs.evolve(runner) for runner in VARIANTS.values()] == [True] * len(VARIANTS)


class Halving(nn.Module):
    """Writes to its input."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mul_(0.5)


@pytest.mark.parametrize(("module", "copied"), [(nn.Flatten(), False), (Halving(), True)])
def test_a_bound_step_reads_the_arrays_anew_and_never_writes_to_them(
    module: nn.Module, copied: bool, model_of: Callable[..., Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    from nav_torch import infer as inferring

    given = np.ones((2, 3), np.float32)
    model = model_of(module, [torch.ones(2, 3)])
    made: list[Any] = []
    monkeypatch.setattr(inferring, "to_tensor", lambda *told: made.append(told) or to_tensor(*told))
    with VARIANTS["TorchCPU"].open(model, DeviceKind.CPU) as run:
        (name,) = model.signature.input_names
        step = run.bind({name: given})  # type: ignore[attr-defined]
        step()
        given[:] = 4
        (output,) = step().values()

    assert copied is bool(made)
    assert (given == 4).all()
    assert (output == (2 if copied else 4)).all()
    assert not np.shares_memory(output, given)
