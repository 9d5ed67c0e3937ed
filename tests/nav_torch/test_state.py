"""Models that a call changes: what changes, whether outputs depend on it, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from nav_torch import plugin
from nav_torch.export_error import ExportError
from nav_torch.flat import flat_module
from nav_torch.hand_over import hand_over, take_over
from nav_torch.state import state_of
from nav_torch.trail import followed
from navcore.contracts import Model
from navcore.domain import DeviceKind

EXPORTERS = list(plugin.nav_exporters())
X = torch.rand(2, 4, generator=torch.Generator().manual_seed(0))


class Counter(nn.Module):
    """Counts its calls in a buffer, and does with the count what it is told."""

    def __init__(self, use: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] = torch.mul) -> None:
        super().__init__()
        self.use = use
        self.register_buffer("n", torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.n += 1
        return self.use(x, self.n)


class Reassigned(Counter):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.n = self.n + 1
        return x * self.n


class CountsInVain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("n", torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.n += 1
        return x * 2


class CountsInPython(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return x * self.calls


class Nested(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 4), Counter())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x)


class RunningMean(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.mean.mul_(0.9).add_(x.mean(0), alpha=0.1)
        return x - self.mean


class Growing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("past", torch.zeros(0, 4), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.past = torch.cat([self.past, x])
        return x + self.past.sum(0)


class Cache(nn.Module):
    """Writes where it is told to, and reads everything: only other calls in between change what a call gives."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("table", torch.zeros(8, 4))

    def forward(self, x: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        self.table[places] = x
        return x @ self.table.T


class ListOfTensors(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.past: list[torch.Tensor] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.past.append(x)
        return torch.stack(self.past).sum(0)


class PlainTensors(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.caches = {"keys": [torch.zeros(4)]}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.caches["keys"][0] += x.sum(0)
        return x + self.caches["keys"][0]


class KeepsItsAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.attention = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.attention = torch.softmax(self.linear(x), -1)
        return self.attention * 2


class FillsItsResult(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("result", torch.zeros(2, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.result.copy_(x) + 1


class MakesItsTableOnce(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("table", None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.table is None:
            self.table = torch.arange(4.0)
        return x + self.table


class AlwaysTrains(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.norm.train()
        return self.norm(x)


class Draws(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.noise = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.noise = torch.rand_like(x)
        return x + self.noise


class AddsToAView(nn.Module):
    """Whose attribute is a view of a parameter at first."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4))
        self.view = self.weight.data

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result = x + self.view
        self.view = self.view + 1
        return result


def decides(x: torch.Tensor, n: torch.Tensor) -> torch.Tensor:
    return x * 2 if n > 1e6 else x


DEPENDENT = [
    (Counter(), "buffer 'n'"),
    (Counter(lambda x, n: torch.where(n > 1e6, x * 2, x)), "buffer 'n'"),
    (Counter(decides), "buffer 'n'"),
    (Reassigned(), "buffer 'n'"),
    (CountsInPython(), "attribute 'calls'"),
    (Nested(), "buffer 'body.1.n'"),
    (RunningMean(), "buffer 'mean'"),
    (Growing(), "buffer 'past'"),
    (ListOfTensors(), "attribute 'past'"),
    (PlainTensors(), "attribute 'caches'"),
    (AddsToAView(), "attribute 'view'"),
]
INDEPENDENT = [
    (Counter(lambda x, n: x * 2), "buffer 'n'"),
    (KeepsItsAttention(), "attribute 'attention'"),
    (FillsItsResult(), "buffer 'result'"),
    (MakesItsTableOnce(), "buffer 'table'"),
    (AlwaysTrains(), "buffer 'norm.running_mean'"),
    (Draws(), "attribute 'noise'"),
    (nn.utils.spectral_norm(nn.Linear(4, 3)), "attribute 'weight'"),
]


@pytest.mark.parametrize(("module", "name"), DEPENDENT, ids=lambda value: type(value).__name__)
def test_a_change_that_outputs_depend_on_is_found(module: nn.Module, name: str, model_of: Callable[..., Model]) -> None:
    model = model_of(module, [X])

    assert (name,) == state_of(module, model.call).needed


@pytest.mark.parametrize(("module", "name"), INDEPENDENT, ids=lambda value: type(value).__name__)
def test_a_change_that_no_output_depends_on_is_found_too(
    module: nn.Module, name: str, model_of: Callable[..., Model]
) -> None:
    state = state_of(module, model_of(module, [X]).call)

    assert () == state.needed
    assert name == state.changed[0]


@pytest.mark.parametrize(
    "module",
    [nn.Linear(4, 3), nn.BatchNorm1d(4), nn.utils.weight_norm(nn.Linear(4, 3)), nn.Dropout()],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.filterwarnings("ignore")  # the old weight_norm is what sets an attribute in every call
def test_a_model_that_computes_the_same_again_changes_nothing(
    module: nn.Module, model_of: Callable[..., Model]
) -> None:
    assert () == state_of(module, model_of(module, [X]).call).changed


def test_a_cache_that_the_same_call_does_not_show_is_found(model_of: Callable[..., Model]) -> None:
    model = model_of(Cache(), [(X, torch.tensor([0, 1]))])

    assert ("buffer 'table'",) == state_of(model.object, model.call).needed


@pytest.mark.filterwarnings("ignore")
def test_buffers_of_torchscript_are_followed(model_of: Callable[..., Model]) -> None:
    model = model_of(torch.jit.script(RunningMean()), [X])

    assert ("buffer 'mean'",) == state_of(model.object, model.call).needed


def test_what_the_outputs_of_a_later_sample_change_is_seen(model_of: Callable[..., Model]) -> None:
    class CountsLong(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("n", torch.zeros(1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if x.shape[1] > 5:
                self.n += 1
            return x + self.n

    model = model_of(CountsLong(), [X, torch.rand(2, 7)])

    assert ("buffer 'n'",) == state_of(model.object, model.call).needed


@pytest.mark.parametrize("exporter", EXPORTERS, ids=lambda exporter: exporter.name)
def test_no_exporter_takes_a_model_that_would_go_stale(
    exporter: Any, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    model = model_of(Nested(), [X])

    with pytest.raises(ExportError) as caught:
        exporter.write(model, tmp_path / f"model{exporter.target.suffix}")
    assert (
        "each call of forward changes the buffer 'body.1.n', and the outputs of the next one depend on it: an artifact "
        "would not keep in step"
    ) == caught.value.cause
    assert "make it an argument and an output of forward, and keep it in your own code between calls" == (
        caught.value.fix
    )
    assert [0.0] == model.object.body[1].n.tolist()


@pytest.mark.parametrize("exporter", EXPORTERS, ids=lambda exporter: exporter.name)
def test_every_exporter_takes_a_model_that_counts_in_vain(
    exporter: Any, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    module = CountsInVain()
    exporter.write(model_of(module, [X]), tmp_path / f"model{exporter.target.suffix}")

    assert [0.0] == module.n.tolist()


@pytest.mark.parametrize(
    "exporter", [each for each in EXPORTERS if "script-script" not in each.name], ids=lambda exporter: exporter.name
)
def test_every_exporter_that_follows_python_takes_a_model_that_keeps_what_it_computed(
    exporter: Any, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    module = KeepsItsAttention()
    exporter.write(model_of(module, [X]), tmp_path / f"model{exporter.target.suffix}")

    assert module.attention is None


def test_a_model_that_was_not_run_before_is_run_to_find_out(model_of: Callable[..., Model]) -> None:
    model = model_of(Counter(), [X])
    model.call.watch.__init__()

    with pytest.raises(ExportError, match="changes the buffer 'n'"):
        flat_module(model)


def test_what_was_seen_goes_to_the_worker_with_the_model(model_of: Callable[..., Model], tmp_path: Path) -> None:
    model = model_of(RunningMean(), [X])
    state = state_of(model.object, model.call)
    assert hand_over(model, tmp_path, True)
    module, call = take_over(tmp_path)

    assert state == state_of(module, call)
    assert model.call.watch.calls == call.watch.calls


def test_the_user_is_told(source_of: Callable[..., Any]) -> None:
    (stale,) = source_of(Counter().eval(), [X]).notices
    (fine,) = source_of(KeepsItsAttention().eval(), [X]).notices

    assert (
        "each call of forward changes the buffer 'n', and the outputs of the next one depend on it: only runtimes that "
        "call the module itself keep in step, and nothing is exported; to be compared, every call begins with what the "
        "module held when it was given"
    ) == stale
    assert (
        "each call of forward changes the attribute 'attention', on which no output depends: artifacts give the same "
        "outputs, and leave it as it is"
    ) == fine


def test_many_names_are_cut_short(source_of: Callable[..., Any]) -> None:
    module = nn.Sequential(*(Counter(lambda x, n: x * 2) for _ in range(5))).eval()
    (notice,) = source_of(module, [X]).notices

    assert "the buffer '0.n', buffer '1.n', buffer '2.n' and 2 more, on which" in notice


@pytest.mark.parametrize("name", ["TorchCPU", "TorchCompileCPU"])
def test_a_runner_of_the_module_keeps_in_step_and_can_begin_again(name: str, model_of: Callable[..., Model]) -> None:
    (runner,) = [runner for runner in plugin.nav_runners() if runner.name == name]
    module = Nested()
    model = model_of(module, [X])
    with runner.open(model, DeviceKind.CPU) as infer:
        first, second = (infer(model.examples[0])["output__0"] for _ in range(2))
        infer.restart()
        again = infer(model.examples[0])["output__0"]

        assert torch.allclose(torch.from_numpy(first) * 2, torch.from_numpy(second))
        assert first.tolist() == again.tolist()
        assert [1.0] == module.body[1].n.tolist()
    assert [0.0] == module.body[1].n.tolist()


@pytest.mark.parametrize(
    ("compute", "names"),
    [
        (lambda a, b: a + 1, {"a"}),
        (lambda a, b: (a + 1) * b.sum(), {"a", "b"}),
        (lambda a, b: torch.zeros_like(a) + b, {"b"}),
        (lambda a, b: a.view(-1)[0].expand(3), {"a"}),
        (lambda a, b: torch.stack([b, b]).copy_(a), {"a"}),
        (lambda a, b: b.clone().add_(a), {"a", "b"}),
        (lambda a, b: a.fill_(0.0), set()),
        (lambda a, b: torch.add(a, 1, out=b), {"a"}),
        (lambda a, b: a.new_ones(3), set()),
        (lambda a, b: torch.arange(3.0), set()),
    ],
)
def test_results_are_followed_from_operator_to_operator(compute: Callable[..., Any], names: set[str]) -> None:
    a, b = torch.rand(3), torch.rand(3)
    with followed({"a": [a], "b": [b]}) as trail:
        result = compute(a, b)

        assert names == trail.names(result)
        assert set() == trail.looked_at


def test_a_tensor_that_is_partly_overwritten_keeps_its_names() -> None:
    a, b = torch.rand(3), torch.rand(1)
    with followed({"a": [a], "b": [b]}) as trail:
        a[0] = b[0]

        assert {"a", "b"} == trail.names(a)


@pytest.mark.parametrize("lost", [lambda a: bool(a.sum() > 1), lambda a: a.to_sparse()], ids=["decision", "sparse"])
def test_what_cannot_be_followed_any_further_is_noted(lost: Callable[[torch.Tensor], object]) -> None:
    a = torch.rand(3)
    with followed({"a": [a]}) as trail:
        lost(a)

        assert {"a"} == trail.looked_at


def test_beginning_again_costs_nothing_where_nothing_changes(model_of: Callable[..., Model]) -> None:
    (runner,) = [runner for runner in plugin.nav_runners() if runner.name == "TorchCPU"]
    module = nn.BatchNorm1d(4).eval()
    with runner.open(model_of(module, [X]), DeviceKind.CPU) as infer:
        module.running_mean.fill_(7.0)
        infer.restart()

        assert [7.0] * 4 == module.running_mean.tolist()
    assert [0.0] * 4 == module.running_mean.tolist()
