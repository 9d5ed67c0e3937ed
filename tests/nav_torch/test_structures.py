"""Every shape of call: what goes in and comes out keeps its names and numbers, whatever it is wrapped in."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import nn

from nav_torch.convert_exportedprogram_onnx import ExportedProgramOnnxConverter
from nav_torch.convert_torchscript_onnx import TorchScriptOnnxConverter
from nav_torch.export_exportedprogram import ExportedProgramExporter
from nav_torch.export_onnx import OnnxExporter
from nav_torch.export_onnx_trace import OnnxTraceExporter
from nav_torch.export_torchscript import TorchScriptExporter
from navcore.contracts import Edge, Model, Names

from .artifacts import check, reference, run, written

TRACE, PROGRAM, DYNAMO, OLDER = TorchScriptExporter(), ExportedProgramExporter(), OnnxExporter(), OnnxTraceExporter()


@dataclasses.dataclass
class Batch:
    x: Any
    mask: Any = None
    flag: bool = True


@dataclasses.dataclass
class Result:
    logits: Any
    hidden: Any = None
    count: int = 3


class Pair(NamedTuple):
    left: Any
    right: Any


class Linear(nn.Module):
    """A layer, for forwards of every kind."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(4, 3)


class Positional(Linear):
    def forward(self, x, y):
        return self.layer(x) + self.layer(y)


class KeywordOnly(Linear):
    def forward(self, *, x, y, scale=1.0):
        return {"scaled": self.layer(x) * scale, "y": self.layer(y)}


class Several(Linear):
    def forward(self, *values, **options):
        return tuple(self.layer(value) for value in (*values, *options.values()))


class OptionalInputs(Linear):
    def forward(self, x, mask=None, bias=None):
        result = self.layer(x)
        result = result if mask is None else result * mask
        return result if bias is None else result + bias


class OfDicts(Linear):
    def forward(self, batch):
        return OrderedDict(b=self.layer(batch["z"]), a={"deep": [batch["a"] + 1]})


class OfLists(Linear):
    def forward(self, values):
        return [self.layer(value) for value in values]


class OfNamedTuples(Linear):
    def forward(self, pair):
        return Pair(self.layer(pair.left), self.layer(pair.right))


class OfDataclasses(Linear):
    def forward(self, batch):
        result = self.layer(batch.x)
        return Result(result if batch.flag else -result, result * batch.mask if batch.mask is not None else None)


class OfModelOutputs(Linear):
    def forward(self, given):
        from transformers.modeling_outputs import BaseModelOutput

        hidden = given.last_hidden_state
        return BaseModelOutput(last_hidden_state=self.layer(hidden), hidden_states=(hidden + 1, self.layer(hidden)))


class OfFlags(Linear):
    def forward(self, x, twice, *, mode="plus", axes=(1,)):
        result = self.layer(x)
        return result.mean(axes) * 2 if twice and mode == "minus" else result.sum(axes)


class Unused(Linear):
    def forward(self, x, unused, extra=None):
        return self.layer(x)


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 4)
        self.head = nn.Linear(4, 11, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, ids):
        return self.head(self.embedding(ids))


class WithoutParameters(nn.Module):
    def forward(self, x):
        return torch.softmax(x, -1).cumsum(-1)


class InputsAreOutputs(nn.Module):
    def forward(self, x, y):
        return {"y": y, "again": y, "x": x, "sum": x + y, "view": x.view(-1), "nothing": None}


class Scalars(nn.Module):
    def forward(self, x, factor):
        return x * factor, factor + 1


class Choices(nn.Module):
    def forward(self, ids, mask):
        return torch.where(mask, ids, -ids), mask.any(-1), ids.argmax(-1)


def batch_of(size: int) -> torch.Tensor:
    return torch.rand(size, 4, generator=torch.Generator().manual_seed(size))


def model_output(size: int) -> Any:
    from transformers.modeling_outputs import BaseModelOutput

    return (BaseModelOutput(last_hidden_state=batch_of(size)),)


CASES: list[tuple[nn.Module, Callable[[int], Any], list[str], list[str]]] = [
    (Positional(), lambda n: (batch_of(n), batch_of(n)), ["input__0", "input__1"], ["output__0"]),
    (KeywordOnly(), lambda n: {"y": batch_of(n), "x": batch_of(n), "scale": 2}, ["y", "x"], ["scaled", "output__1"]),
    (
        Several(),
        lambda n: (batch_of(n), batch_of(n), {"z": batch_of(n)}),
        ["input__0", "input__1", "z"],
        ["output__0", "output__1", "output__2"],
    ),
    (OptionalInputs(), lambda n: batch_of(n), ["input__0"], ["output__0"]),
    (OptionalInputs(), lambda n: (batch_of(n), None, batch_of(n)[:, :3]), ["input__0", "input__1"], ["output__0"]),
    (OptionalInputs(), lambda n: (batch_of(n), {"bias": batch_of(n)[:, :3]}), ["input__0", "bias"], ["output__0"]),
    (OfDicts(), lambda n: ({"z": batch_of(n), "a": batch_of(n)},), ["z", "a"], ["b", "a__deep__0"]),
    (OfLists(), lambda n: ([batch_of(n), batch_of(n)],), ["input__0", "input__1"], ["output__0", "output__1"]),
    (OfNamedTuples(), lambda n: Pair(batch_of(n), batch_of(n)), ["left", "right"], ["output__0", "output__1"]),
    (OfDataclasses(), lambda n: Batch(batch_of(n), batch_of(n)[:, :3], False), ["x", "mask"], ["logits", "hidden"]),
    (
        OfModelOutputs(),
        model_output,
        ["last_hidden_state"],
        ["output__0", "hidden_states__0", "hidden_states__1"],
    ),
    (OfFlags(), lambda n: (batch_of(n), True, {"mode": "minus"}), ["input__0"], ["output__0"]),
    (Unused(), lambda n: (batch_of(n), batch_of(n)), ["input__0", "input__1"], ["output__0"]),
    (Tied(), lambda n: torch.arange(n * 3).reshape(n, 3) % 11, ["input__0"], ["output__0"]),
    (WithoutParameters(), batch_of, ["input__0"], ["output__0"]),
    (
        InputsAreOutputs(),
        lambda n: (batch_of(n), batch_of(n)),
        ["input__0", "input__1"],
        ["y", "again", "x", "sum", "view"],
    ),
    (Scalars(), lambda n: (batch_of(n), torch.tensor(3.0)), ["input__0", "input__1"], ["output__0", "output__1"]),
    (
        Choices(),
        lambda n: (torch.arange(n * 3).reshape(n, 3), batch_of(n)[:, :3] > 0.5),
        ["input__0", "input__1"],
        ["output__0", "output__1", "output__2"],
    ),
]
"""Module, sample of a batch size, names of the inputs, names of the outputs."""
NAMED = [type(case[0]).__name__ for case in CASES]
ONNX_TOO = ("KeywordOnly", "OfDicts", "OfDataclasses", "InputsAreOutputs", "Choices")
"""Where the names of ONNX files, or its types, could get in the way; an export takes seconds."""


@pytest.mark.parametrize(
    ("exporter", "case"),
    [(exporter, case) for case in CASES for exporter in (TRACE, PROGRAM)]
    + [(exporter, CASES[NAMED.index(name)]) for name in ONNX_TOO for exporter in (DYNAMO, OLDER)],
    ids=lambda value: value.name if isinstance(value, Edge) else type(value[0]).__name__,
)
def test_every_structure_goes_through_every_exporter(
    exporter: Edge, case: Any, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    module, sample, inputs, outputs = case
    model = model_of(module.eval(), [sample(2)])
    artifact = written(exporter, model, tmp_path / "a")

    assert inputs == list(artifact.signature.input_names)
    assert outputs == list(artifact.signature.output_names)
    other = model_of(module.eval(), [sample(5)]).examples[0]
    check(artifact, model, dict(other))


@pytest.mark.parametrize("exporter", [TRACE, PROGRAM, DYNAMO], ids=lambda exporter: exporter.name)
def test_names_of_the_users_that_no_language_would_take(
    exporter: Edge, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    names = Names(("in/put.0", "y:1"), ("a b",))
    model = model_of(Positional().eval(), [(batch_of(2), batch_of(2))], names=names)
    artifact = written(exporter, model, tmp_path / "a")

    assert (("in/put.0", "y:1"), ("a b",)) == (artifact.signature.input_names, artifact.signature.output_names)
    check(artifact, model, {"in/put.0": batch_of(3), "y:1": batch_of(3)})


@pytest.mark.parametrize("exporter", [TRACE, PROGRAM, DYNAMO, OLDER], ids=lambda exporter: exporter.name)
def test_several_named_dimensions_are_free_of_each_other(
    exporter: Edge, two_inputs: nn.Module, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    def sample(size: int, queries: int, keys: int) -> dict[str, torch.Tensor]:
        return {"query": torch.rand(size, queries, 4), "key": torch.rand(size, keys, 4)}

    model = model_of(two_inputs, [sample(2, 3, 5), sample(3, 6, 7)])
    artifact = written(exporter, model, tmp_path / "a")

    assert [("batch", "dim_1", 4), ("batch", "key_dim_1", 4)] == [spec.shape for spec in artifact.signature.inputs]
    for sizes in ((4, 5, 5), (2, 9, 2), (5, 2, 8)):
        check(artifact, model, sample(*sizes))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64], ids=str)
@pytest.mark.parametrize("exporter", [TRACE, PROGRAM], ids=lambda exporter: exporter.name)
def test_a_model_keeps_the_precision_that_it_is_in(
    exporter: Edge, dtype: torch.dtype, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    module = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)).to(dtype).eval()
    model = model_of(module, [batch_of(2).to(dtype)])
    artifact = written(exporter, model, tmp_path / "a")
    inputs = model_of(module, [batch_of(5).to(dtype)]).examples[0]
    (expected,), (got,) = reference(model)(inputs).values(), run(artifact, inputs).values()

    assert {str(dtype).removeprefix("torch.")} == {str(array.dtype) for array in (expected, got, *inputs.values())}
    assert expected.tobytes() == got.tobytes()


@pytest.fixture
def quantised() -> nn.Module:
    """Weights packed by torch.ao.quantization."""
    torch.manual_seed(0)
    floating = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)).eval()
    return torch.ao.quantization.quantize_dynamic(floating, {nn.Linear}, dtype=torch.qint8)


@pytest.mark.filterwarnings("ignore")
def test_a_quantised_model_becomes_torchscript(
    quantised: nn.Module, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    model = model_of(quantised, [batch_of(2)])

    check(written(TRACE, model, tmp_path / "a"), model, {"input__0": batch_of(5)})


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("exporter", [PROGRAM, DYNAMO], ids=lambda exporter: exporter.name)
def test_packed_weights_are_known_to_be_beyond_torch_export(
    exporter: Edge, quantised: nn.Module, model_of: Callable[..., Model]
) -> None:
    reason = exporter.unsuited(model_of(quantised, [batch_of(2)]))

    assert (
        "torch.ao.quantization has packed the weights of 0 (Linear) into an object that torch.export cannot look into; "
        "TorchScript can"
    ) == reason
    assert exporter.unsuited(model_of(Positional().eval(), [(batch_of(2), batch_of(2))])) is None


@pytest.mark.parametrize(
    "exporter",
    [DYNAMO, OLDER, ExportedProgramOnnxConverter(), TorchScriptOnnxConverter()],
    ids=lambda edge: f"{edge.source}-{edge.name}",
)
def test_complex_tensors_are_known_to_be_beyond_onnx(exporter: Edge, model_of: Callable[..., Model]) -> None:
    class Spectrum(nn.Module):
        def forward(self, x):
            return torch.fft.rfft(x)

    assert (
        "output output__0 is complex64, and torch writes complex tensors into ONNX as pairs of floats, with an axis "
        "more; return torch.view_as_real of it"
    ) == exporter.unsuited(model_of(Spectrum().eval(), [batch_of(2)]))
    assert TRACE.unsuited(model_of(Spectrum().eval(), [batch_of(2)])) is None
