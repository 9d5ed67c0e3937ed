"""A fingerprint changes with whatever changes the outputs, and there is none where that cannot be told."""

from __future__ import annotations

import copy
import functools
import importlib.util
import logging
import random
import sys
import textwrap
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import torch
from torch import nn

from nav_torch.fingerprint import fingerprint

SCALE = 2.0
_LOGGER = logging.getLogger(__name__)


@dataclass
class Settings:
    width: int = 3
    names: list[str] = field(default_factory=list)


@attrs.define
class Slotted:
    __secret: int = 1


class Text(str):
    pass


class Block(nn.Module):
    factor = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(3, 3)
        self.register_buffer("offset", torch.zeros(3), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.dense(x) * self.factor + self.offset


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = Block()
        self.second = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Dropout(0.5))
        self.shape = (3, [1, 2], {"a": None})
        self.settings = Settings()
        self.slotted = Slotted()
        self.device_wanted = torch.device("cpu")
        self.extra: Any = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        _LOGGER.debug("forward")
        return self.second(self.first(x)) * SCALE


def make() -> Net:
    torch.manual_seed(0)
    return Net().eval()


@pytest.fixture
def net() -> Net:
    return make()


def differs(change: Callable[[Net], Any]) -> bool:
    """Whether a change gives another fingerprint; it must give one."""
    changed = make()
    with torch.no_grad():
        change(changed)
    before, after = fingerprint(make()), fingerprint(changed)
    assert before is not None
    assert after is not None
    return before != after


def test_equal_modules_have_one_fingerprint(net: Net) -> None:
    assert fingerprint(net) is not None
    assert {fingerprint(net)} == {fingerprint(make()), fingerprint(copy.deepcopy(net))}


def test_running_or_training_a_module_does_not_change_it(net: Net) -> None:
    before = fingerprint(net)
    net.train()
    net(torch.ones(2, 3)).sum().backward()
    net.requires_grad_(False)

    assert before == fingerprint(net)


CHANGES: dict[str, Callable[[Net], Any]] = {
    "weight": lambda net: net.first.dense.weight[0, 0].add_(1e-3),
    "dtype": lambda net: net.bfloat16(),
    "bfloat16 weight": lambda net: net.bfloat16().first.dense.weight[0, 0].add_(1),
    "float64": lambda net: net.double(),
    "buffer": lambda net: net.first.offset.add_(1),
    "bias taken away": lambda net: setattr(net.first.dense, "bias", None),
    "attribute of a submodule": lambda net: setattr(net.second[2], "p", 0.25),
    "new attribute": lambda net: setattr(net, "other", 1),
    "inside a container": lambda net: net.shape[2].update(a=1),
    "inside an object": lambda net: net.settings.names.append("x"),
    "inside a slot": lambda net: setattr(net.slotted, "_Slotted__secret", 2),
    "instance over class": lambda net: setattr(net.first, "factor", 2.0),
    "class of a submodule": lambda net: net.second.__setitem__(1, nn.LeakyReLU()),
    "order of submodules": lambda net: setattr(net, "second", net.second[::-1]),
    "array": lambda net: setattr(net, "extra", np.arange(3)),
    "array of objects": lambda net: setattr(net, "extra", np.array(["a", None], dtype=object)),
    "tensor that is no buffer": lambda net: setattr(net, "extra", torch.ones(2)),
    "module in a list": lambda net: setattr(net, "extra", [nn.Linear(2, 2)]),
    "shared weight": lambda net: setattr(net.second[0], "weight", net.first.dense.weight),
    "function": lambda net: setattr(net, "extra", torch.nn.functional.gelu),
    "partial": lambda net: setattr(net, "extra", functools.partial(torch.nn.functional.gelu, approximate="tanh")),
    "lambda": lambda net: setattr(net, "extra", lambda x: x + 1),
    "own forward": lambda net: setattr(net.first, "forward", types.MethodType(Block.forward, net.first)),
    "zero dimensions": lambda net: setattr(net, "extra", torch.tensor(1.0)),
    "nothing in it": lambda net: setattr(net, "extra", torch.zeros(0, 3)),
    "complex": lambda net: setattr(net, "extra", torch.ones(2, dtype=torch.complex64).conj()),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_gives_another_fingerprint(name: str) -> None:
    assert differs(CHANGES[name])


def test_all_changes_give_different_fingerprints() -> None:
    marks = set()
    for change in CHANGES.values():
        changed = make()
        with torch.no_grad():
            change(changed)
        marks.add(fingerprint(changed))

    assert len(CHANGES) == len(marks)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda x: x + 1, lambda x: x + 2),
        (lambda x: x + 1, lambda x: x - 1),
        (lambda x, by=1: x + by, lambda x, by=2: x + by),
        (torch.relu, torch.tanh),
        (torch.nn.functional.relu, torch.nn.functional.silu),
        ([1, 2], [2, 1]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ("ab", b"ab"),
        (["ab", "c"], ["a", "bc"]),
        (1, True),
        (0.0, -0.0),
    ],
)
def test_attributes_that_differ_are_told_apart(one: Any, other: Any) -> None:
    first, second = make(), make()
    first.extra, second.extra = one, other

    assert fingerprint(first) is not None
    assert fingerprint(second) is not None
    assert fingerprint(first) != fingerprint(second)


def test_what_a_function_closes_over_counts() -> None:
    def scaling(by: float) -> Callable[[Any], Any]:
        return lambda x: x * by

    marks = []
    for by in (1.0, 2.0, 1.0):
        net = make()
        net.extra = scaling(by)
        marks.append(fingerprint(net))

    assert marks[0] == marks[2] != marks[1]
    assert None not in marks


def test_a_global_that_forward_reads_counts(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(net)
    monkeypatch.setattr(sys.modules[__name__], "SCALE", 3.0)

    assert None is not before != fingerprint(net)


def test_a_method_patched_into_a_class_counts(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(net)
    monkeypatch.setattr(Block, "forward", lambda self, x: x)
    own = fingerprint(net)
    monkeypatch.setattr(nn.ReLU, "forward", lambda self, x: -x)

    assert 3 == len({before, own, fingerprint(net)} - {None})


def test_an_attribute_of_the_class_counts(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(net)
    monkeypatch.setattr(Block, "factor", 3.0)

    assert None is not before != fingerprint(net)


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Callable[[str, str], Any]]:
    """Write a module, import it anew, and return it."""
    names: set[str] = set()

    def load(name: str, source: str) -> Any:
        names.add(name)
        path = tmp_path / f"{name}.py"
        path.write_text(textwrap.dedent(source), "utf-8")
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        exec(compile(path.read_text("utf-8"), path, "exec"), vars(module))  # no bytecode from the version before
        return module

    yield load
    for name in names:
        sys.modules.pop(name, None)


def test_a_function_in_another_file_counts(load: Callable[[str, str], Any]) -> None:
    net = """
        import fingerprint_parts
        from torch import nn

        class Net(nn.Module):
            def forward(self, x):
                return fingerprint_parts.half(x)
    """
    marks = []
    for factor in (0.5, 0.25, 0.5):
        load("fingerprint_parts", f"def half(x): return x * {factor}")
        marks.append(fingerprint(load("fingerprint_net", net).Net()))

    assert marks[0] == marks[2] != marks[1]
    assert None not in marks


def test_classes_typed_at_a_prompt_have_fingerprints() -> None:
    marks = []
    for number in (1, 2, 1):
        namespace: dict[str, Any] = {"__name__": "__main__", "nn": nn, "NUMBER": number}
        exec("class Net(nn.Module):\n    def forward(self, x):\n        return x + NUMBER\n", namespace)
        marks.append(fingerprint(namespace["Net"]()))

    assert marks[0] == marks[2] != marks[1]
    assert None not in marks


def test_cycles_end(net: Net) -> None:
    holder = Settings()
    holder.names = [holder]  # type: ignore[list-item]
    net.extra = holder

    assert fingerprint(net) is not None
    circle: list[Any] = []
    circle.append(circle)
    net.extra = circle
    assert fingerprint(net) is None


class Opaque:
    def __init__(self) -> None:
        self.generator = random.Random(0)


@pytest.mark.parametrize(
    "value",
    [
        object(),
        random.Random(0),
        torch.Generator(),
        np.random.default_rng(0),
        Opaque(),
        Text("ab"),
        (number for number in ()),
        torch.ones(2, 2).to_sparse(),
        torch.ones(2, device="meta"),
        {object()},
        [iter([1])],
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_looked_into_has_no_fingerprint(value: Any, net: Net, caplog: pytest.LogCaptureFixture) -> None:
    net.extra = value

    with caplog.at_level(logging.INFO):
        assert fingerprint(net) is None
    assert "Net has no fingerprint, so nothing made from it is cached" in caplog.text


@pytest.mark.parametrize("kind", ["register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook"])
def test_a_module_with_hooks_has_no_fingerprint(kind: str, net: Net) -> None:
    handle = getattr(net.first.dense, kind)(lambda *_: None)

    assert fingerprint(net) is None
    handle.remove()
    assert fingerprint(net) == fingerprint(make())


def test_hooks_on_all_modules_count(net: Net) -> None:
    handle = nn.modules.module.register_module_forward_hook(lambda *_: None)
    try:
        assert fingerprint(net) is None
    finally:
        handle.remove()


def test_modules_of_torchscript_have_no_fingerprint() -> None:
    assert fingerprint(torch.jit.trace(nn.Linear(2, 2), torch.ones(1, 2))) is None


def test_parametrised_modules_have_fingerprints() -> None:
    def build(seed: int) -> nn.Module:
        torch.manual_seed(seed)
        return nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))

    marks = [fingerprint(build(seed)) for seed in (0, 1, 0)]

    assert marks[0] == marks[2] != marks[1]
    assert None not in marks
