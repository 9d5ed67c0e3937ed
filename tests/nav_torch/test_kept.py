"""Models that count, cache and set: what they hold is as it was."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from nav_torch import plugin
from nav_torch.export_error import ExportError
from nav_torch.kept import contents_kept
from navcore.domain import DeviceKind

TOOLS = ["reference", "TorchCPU", *(exporter.name for exporter in plugin.nav_exporters())]


class Counter(nn.Module):
    """Counts its calls in a buffer, in place."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("n", torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.n += 1
        return x * 2


class Cache(nn.Module):
    """Makes its table longer when it has to, and notes how long it is, as rotary embeddings do."""

    def __init__(self) -> None:
        super().__init__()
        self.length = 1
        self.register_buffer("table", torch.ones(1), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[1] > self.length:
            self.length = x.shape[1]
            self.register_buffer("table", torch.ones(self.length), persistent=False)
            self.register_buffer("late", torch.ones(1))
        return x * self.table[: x.shape[1]]


class Keeper(nn.Module):
    """Keeps tensors and numbers in plain attributes, lists, dicts and sets."""

    def __init__(self) -> None:
        super().__init__()
        self.plain = torch.zeros(3)
        self.past: list[Any] = []
        self.nested = {"keys": [torch.zeros(3)], "seen": {0}}
        self.pair = (torch.zeros(3), [1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.plain += 1
        self.past.append(x)
        self.nested["keys"][0] += 1
        self.nested["seen"].add(len(self.past))
        self.nested["late"] = x
        self.pair[0].copy_(x[0])
        self.pair[1].clear()
        return x * 2


def opened(model: Any) -> Any:
    (runner,) = [runner for runner in plugin.nav_runners() if runner.name == "TorchCPU"]
    return runner.open(model, DeviceKind.CPU)


@pytest.mark.parametrize("tool", TOOLS)
def test_every_tool_puts_a_counting_buffer_back(
    tool: str, source_of: Callable[..., Any], use_tool: Callable[..., Any]
) -> None:
    module = Counter()
    buffer = module.n
    use_tool(tool, source_of(module, [torch.rand(2, 3)]))

    assert buffer is module.n
    assert [0.0] == module.n.tolist()


@pytest.mark.parametrize("tool", TOOLS)
def test_every_tool_puts_back_what_attributes_hold(
    tool: str, source_of: Callable[..., Any], use_tool: Callable[..., Any]
) -> None:
    module = Keeper()
    nested, keys, pair = module.nested, module.nested["keys"], module.pair
    with contextlib.suppress(ExportError):  # some exporters want buffers in place of plain tensors that change
        use_tool(tool, source_of(module, [torch.rand(2, 3)]))

    assert nested is module.nested
    assert keys is module.nested["keys"]
    assert pair is module.pair
    assert {"keys": keys, "seen": {0}} == module.nested
    assert [] == module.past
    assert [1] == module.pair[1]
    assert [[0.0] * 3] * 3 == [module.plain.tolist(), keys[0].tolist(), pair[0].tolist()]


@pytest.mark.parametrize("tool", TOOLS)
def test_every_tool_puts_the_rows_back_that_an_embedding_shortens(
    tool: str, source_of: Callable[..., Any], use_tool: Callable[..., Any]
) -> None:
    module = nn.Embedding(5, 3, max_norm=0.1)
    weight, before = module.weight, module.weight.detach().clone()
    use_tool(tool, source_of(module, [torch.tensor([[0, 1], [1, 2]])]))

    assert weight is module.weight
    assert torch.equal(before, weight)


def test_what_was_changed_is_told() -> None:
    module = nn.Sequential(Counter(), Keeper(), nn.Linear(3, 3))
    with contents_kept(module) as kept, torch.no_grad():
        module(torch.rand(2, 3))

    changed = ["buffer '0.n'", *(f"attribute '1.{name}'" for name in ("plain", "past", "nested", "pair"))]
    assert changed == list(kept.changed)


def test_a_buffer_that_is_not_a_number_is_not_a_change() -> None:
    module = Counter()
    module.n.fill_(float("nan"))
    with contents_kept(module) as kept:
        module.n = module.n.clone()

    assert {} == kept.changed
    assert module.n.isnan().all()


def test_a_buffer_and_the_attribute_that_belongs_to_it_are_both_put_back(source_of: Callable[..., Any]) -> None:
    module = Cache()
    table = module.table
    source_of(module, [torch.rand(2, 3)])

    assert table is module.table
    assert 1 == module.length
    assert ["table"] == [name for name, _ in module.named_buffers()]
    assert (2, 3) == module(torch.rand(2, 3)).shape


@pytest.mark.parametrize("compiled", [torch.jit.script, lambda module: torch.jit.trace(module, torch.rand(2, 3))])
@pytest.mark.filterwarnings("ignore")
def test_buffers_in_torchscript_are_put_back(compiled: Any, source_of: Callable[..., Any]) -> None:
    class Reassigning(Counter):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.n = self.n + 1
            return x * 2

    for kind in (Counter, Reassigning):
        module = compiled(kind())
        before = module.n.tolist()
        source_of(module, [torch.rand(2, 3)])

        assert before == module.n.tolist()


@pytest.mark.parametrize(
    "change",
    [
        lambda buffer: buffer.data.add_(1),
        lambda buffer: buffer.resize_(7).fill_(1),
        lambda buffer: setattr(buffer, "data", torch.ones(4)),
    ],
    ids=["behind autograd", "resized", "other memory"],
)
def test_a_tensor_gets_its_values_back_however_it_was_changed(change: Callable[[Any], Any]) -> None:
    module = Counter()
    with contents_kept(module), torch.no_grad():
        change(module.n)

    assert [0.0] == module.n.tolist()


def test_an_unchanged_buffer_is_not_written() -> None:
    module = nn.BatchNorm1d(3).eval()
    loss, version = module(torch.rand(2, 3)).sum(), module.running_mean._version
    with contents_kept(module):
        module(torch.rand(2, 3))
    loss.backward()

    assert version == module.running_mean._version


def test_a_lazy_module_stays_initialised(source_of: Callable[..., Any]) -> None:
    module = nn.LazyLinear(2)
    source_of(module, [torch.rand(2, 3)])

    assert (2, 3) == module.weight.shape
    assert 3 == module.in_features


def test_settings_are_put_back_when_the_runner_closes(model_of: Callable[..., Any]) -> None:
    class Single(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            torch.set_num_threads(threads + 1)
            torch.set_default_dtype(torch.float64)
            return x * 2

    threads = torch.get_num_threads()
    model = model_of(Single(), [torch.rand(2, 3)])
    with opened(model) as infer:
        infer(model.examples[0])

    assert (threads, torch.float32) == (torch.get_num_threads(), torch.get_default_dtype())


def test_a_model_goes_on_counting_while_its_runner_is_open(model_of: Callable[..., Any]) -> None:
    module = Counter()
    model = model_of(module, [torch.rand(2, 3)])
    with opened(model) as infer:
        infer(model.examples[0])
        infer(model.examples[0])

        assert [2.0] == module.n.tolist()
    assert [0.0] == module.n.tolist()
