"""TorchScript by trace and by script: what each of them keeps, and what each of them cannot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
import torch
from torch import nn

from nav_torch.export_error import ExportError
from nav_torch.export_torchscript import TorchScriptExporter
from nav_torch.jit_type import JitType
from navcore.contracts import Model
from navcore.domain import Range

from .artifacts import check, written
from .models_with_limits import Branch, Recurrent, Rows, Single

TRACE = TorchScriptExporter(jit_type=JitType.TRACE)
SCRIPT = TorchScriptExporter(jit_type=JitType.SCRIPT)
BOTH = pytest.mark.parametrize("exporter", [TRACE, SCRIPT], ids=lambda exporter: exporter.name)


class Untyped(nn.Module):
    def forward(self, batch):
        return batch["x"] * 2


class Typed(nn.Module):
    def forward(self, batch: dict[str, torch.Tensor], scale: float = 2.0) -> dict[str, torch.Tensor]:
        return {"y": batch["x"] * scale}


class Optional(nn.Module):
    def forward(self, x, mask=None):
        return x if mask is None else x * mask


def test_names_follow_the_way() -> None:
    assert ("torchscript-trace", "torchscript-script") == (TRACE.name, SCRIPT.name)
    assert "mine" == TorchScriptExporter(name="mine").name
    assert JitType.TRACE is TorchScriptExporter().jit_type


def test_both_say_that_their_framework_is_about_to_go() -> None:
    assert {"torch.jit is deprecated since PyTorch 2.9"} == {TRACE.deprecated, SCRIPT.deprecated}


def test_a_way_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="'scripts' is not a valid JitType"):
        TorchScriptExporter(jit_type="scripts")


def test_scripting_keeps_a_branch_on_data(model_of: Callable[..., Model], tmp_path: Path) -> None:
    model = model_of(Branch(), [torch.ones(2, 3)])
    artifact = written(SCRIPT, model, tmp_path / "a")

    for inputs in (torch.ones(2, 3), -torch.ones(5, 3)):
        check(artifact, model, {"input__0": inputs})


def test_tracing_a_branch_on_data_is_refused(model_of: Callable[..., Model], tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="a branch that depends on values was frozen") as caught:
        TRACE.write(model_of(Branch(), [torch.ones(2, 3)]), tmp_path / "model.pt")
    assert "keep the branch: use torchscript-script, or write it as torch.where or torch.cond" == caught.value.fix


@pytest.mark.parametrize(
    ("value", "how"),
    [(torch.tensor(True), "input__1 = False"), (torch.tensor(3), "input__1 = 2")],
    ids=["flag", "number"],
)
def test_tracing_a_flag_or_a_number_is_refused(
    value: torch.Tensor, how: str, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    class Cut(nn.Module):
        def forward(self, x, value):
            return x[:, : int(value)]

    with pytest.raises(ExportError, match=f"was frozen: on the example with {how} output__0 is "):
        TRACE.write(model_of(Cut(), [(torch.rand(2, 8), value)]), tmp_path / "model.pt")


@BOTH
def test_an_lstm_at_other_batches_and_lengths(
    exporter: TorchScriptExporter, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model = model_of(Recurrent().eval(), [torch.rand(2, 5, 4), torch.rand(2, 9, 4)])
    artifact = written(exporter, model, tmp_path / "a")

    assert ("batch", "dim_1", 4) == artifact.signature.inputs[0].shape
    assert () == artifact.signature.ranges
    for size in ((1, 1, 4), (3, 7, 4), (6, 12, 4)):
        check(artifact, model, {"input__0": torch.rand(size)})


def test_a_trace_that_bakes_the_batch_in_is_refused_with_its_size(
    model_of: Callable[..., Model], tmp_path: Path
) -> None:
    model = model_of(Rows(), [torch.rand(2, 3)])
    with pytest.raises(ExportError) as caught:
        TRACE.write(model, tmp_path / "model.pt")

    assert "batch size 2 was baked in: at 5 output__0 is [2, 3] in place of [5, 3]" == caught.value.cause
    check(written(SCRIPT, model, tmp_path / "a"), model, {"input__0": torch.rand(5, 3)})


def test_a_trace_that_is_wrong_for_one_row_is_good_from_two(model_of: Callable[..., Model], tmp_path: Path) -> None:
    assert (Range("batch", 2),) == written(
        TRACE, model_of(Single(), [torch.rand(2, 3)]), tmp_path / "a"
    ).signature.ranges


@BOTH
def test_without_a_batch_one_size_is_all(
    exporter: TorchScriptExporter, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    model = model_of(Rows(), [torch.rand(2, 3)], batching=False)
    artifact = written(exporter, model, tmp_path / "a")

    check(artifact, model, dict(model.examples[0]))


@pytest.mark.parametrize(
    ("module", "sample", "reason", "fix"),
    [
        (
            Untyped(),
            ({"x": torch.rand(2, 3)}, {}),
            r"Unsupported operation: indexing tensor with unsupported index type 'str'",
            "for example dict[str, torch.Tensor]",
        ),
        (
            Optional(),
            torch.rand(2, 3),
            r"Expected a value of type 'Tensor \(inferred\)' for argument 'mask'",
            "annotat",
        ),
    ],
    ids=["untyped dict", "untyped optional"],
)
def test_what_cannot_be_scripted_says_why_in_a_sentence(
    module: nn.Module, sample: Any, reason: str, fix: str, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    model = model_of(module, [sample])
    with pytest.raises(ExportError, match=rf"^torch\.jit\.script failed: RuntimeError: {reason}") as caught:
        SCRIPT.write(model, tmp_path / "model.pt")

    assert "\n" not in caught.value.cause
    assert fix in caught.value.fix
    assert "or use torchscript-trace" in caught.value.fix
    check(written(TRACE, model, tmp_path / "a"), model, dict(model.examples[0]))


def test_what_is_scripted_and_cannot_be_saved_is_told_as_that(model_of: Callable[..., Model], tmp_path: Path) -> None:
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.MultiheadAttention(4, 2, batch_first=True)

        def forward(self, x, mask=None):
            return self.layer(x, x, x, key_padding_mask=mask)

    model = model_of(Attention().eval(), [(torch.rand(2, 3, 4), torch.zeros(2, 3, dtype=torch.bool))])
    with pytest.raises(
        ExportError, match=r"^torch\.jit\.script failed: RuntimeError: strides\(\) called .*\n.* annotate it"
    ):
        SCRIPT.write(model, tmp_path / "model.pt")


def test_what_torch_keeps_of_a_scripting_that_failed_is_told(model_of: Callable[..., Model], tmp_path: Path) -> None:
    class Carried(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.LSTM(3, 2)

        def forward(self, x, state=None):
            return self.layer(x, state)[0]

    model = model_of(Carried().eval(), [torch.rand(2, 3, 3)])
    with pytest.raises(ExportError, match="Expected a value of type"):
        SCRIPT.write(model, tmp_path / "model.pt")
    with pytest.raises(ExportError, match=r"Can't redefine method.*\n.*keeps half of it: start a new process"):
        SCRIPT.write(model, tmp_path / "model.pt")


@pytest.mark.parametrize("exporter", [TRACE, SCRIPT], ids=lambda exporter: exporter.name)
def test_further_arguments_that_torch_does_not_take_are_told_as_that(
    exporter: TorchScriptExporter, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    model = model_of(nn.Linear(4, 3).eval(), [torch.rand(2, 4)])
    with pytest.raises(ExportError, match=r"unexpected keyword argument 'nonsense'\n.*leave it out of custom_args, or"):
        attrs.evolve(exporter, custom_args=(("nonsense", 1),)).write(model, tmp_path / "model.pt")


def test_a_module_without_source_cannot_be_scripted(model_of: Callable[..., Model], tmp_path: Path) -> None:
    made: dict[str, Any] = {"nn": nn}
    exec("class Made(nn.Module):\n    def forward(self, x):\n        return x * 2", made)
    with pytest.raises(ExportError, match=r"^torch\.jit\.script failed: OSError: could not get source code") as caught:
        SCRIPT.write(model_of(made["Made"](), [torch.rand(2, 3)]), tmp_path / "model.pt")

    assert (
        "torch.jit.script needs the source of every function that it meets: use torchscript-trace" == caught.value.fix
    )


def test_a_dict_that_is_annotated_can_be_scripted(model_of: Callable[..., Model], tmp_path: Path) -> None:
    model = model_of(Typed(), [({"x": torch.rand(2, 3)}, {"scale": 4.0})])

    check(written(SCRIPT, model, tmp_path / "a"), model, {"x": torch.rand(5, 3)})


@pytest.mark.filterwarnings("ignore")
def test_torchscript_need_not_be_scripted_again(conv_net: nn.Module, model_of: Callable[..., Model]) -> None:
    plain, scripted = (model_of(module, [torch.rand(2, 3, 8, 8)]) for module in (conv_net, torch.jit.script(conv_net)))

    assert [None, None] == [tool.unsuited(plain) for tool in (TRACE, SCRIPT)]
    assert [None, "the model is TorchScript already, which torchscript-trace keeps with its control flow"] == [
        tool.unsuited(scripted) for tool in (TRACE, SCRIPT)
    ]


@pytest.mark.filterwarnings("ignore")
def test_a_branch_in_torchscript_of_the_users_is_kept_by_the_trace(
    model_of: Callable[..., Model], tmp_path: Path
) -> None:
    model = model_of(torch.jit.script(Branch()), [torch.ones(2, 3)])
    artifact = written(TRACE, model, tmp_path / "a")

    check(artifact, model, {"input__0": -torch.ones(4, 3)})


def test_scripting_leaves_the_module_as_it_was(
    conv_net: nn.Module, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    conv_net.train()
    before = {name: tensor.clone() for name, tensor in conv_net.state_dict().items()}
    held = dict(vars(conv_net))
    SCRIPT.write(model_of(conv_net, [torch.rand(2, 3, 8, 8)]), tmp_path / "model.pt")

    assert held == vars(conv_net)
    assert all(module.training for module in conv_net.modules())
    assert all(torch.equal(before[name], tensor) for name, tensor in conv_net.state_dict().items())


@BOTH
def test_strict_tracing_takes_what_is_flattened_before(
    exporter: TorchScriptExporter, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    model = model_of(Typed(), [({"x": torch.rand(2, 3)}, {})])
    artifact = written(attrs.evolve(exporter, strict=True), model, tmp_path / "a")

    check(artifact, model, {"x": torch.rand(5, 3)})


def test_further_arguments_go_to_torch(model_of: Callable[..., Model], tmp_path: Path) -> None:
    model = model_of(Branch(), [torch.ones(2, 3)])
    with pytest.raises(ExportError, match=r"torch\.jit\.script failed: TypeError: .*'nonsense'"):
        attrs.evolve(SCRIPT, custom_args=(("nonsense", 1),)).write(model, tmp_path / "model.pt")
    with pytest.raises(ExportError, match=r"torch\.jit\.trace failed: TypeError: .*'nonsense'"):
        attrs.evolve(TRACE, custom_args=(("nonsense", 1),)).write(model, tmp_path / "model.pt")
