"""Exported programs: dimensions vary in the range that torch finds, and in what the saved program really takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from nav_torch.export_error import ExportError
from nav_torch.export_exportedprogram import ExportedProgramExporter
from navcore.contracts import Model
from navcore.domain import Range

from .artifacts import check, run, written
from .models_with_limits import Positions, Recurrent, Rows, Single, UNetLike

EXPORTER = ExportedProgramExporter()


def test_a_range_that_torch_finds_is_recorded_and_one_is_in_it_where_it_works(
    model_of: Callable[..., Model], tmp_path: Path
) -> None:
    model = model_of(UNetLike().eval(), [torch.rand(2, 3, 8, 8)])
    artifact = written(EXPORTER, model, tmp_path / "a")

    assert (Range("batch", 1, 63),) == artifact.signature.ranges
    for batch in (1, 5, 63):
        check(artifact, model, {"input__0": torch.rand(batch, 3, 8, 8)})
    with pytest.raises(AssertionError, match=r"Guard failed: .*63"):
        run(artifact, {"input__0": torch.rand(64, 3, 8, 8).numpy()})


def test_a_program_that_is_silently_wrong_for_one_is_good_from_two(
    model_of: Callable[..., Model], tmp_path: Path
) -> None:
    model = model_of(Single(), [torch.rand(2, 3)])
    artifact = written(EXPORTER, model, tmp_path / "a")
    one = torch.ones(1, 3)

    assert (Range("batch", 2),) == artifact.signature.ranges
    assert 3.0 == run(artifact, {"input__0": one.numpy()})["output__0"].max(), (
        "torch has begun to check; drop the range"
    )
    assert 2.0 == Single()(one).max()


def test_the_end_of_a_table_is_the_end_of_the_range(model_of: Callable[..., Model], tmp_path: Path) -> None:
    model = model_of(Positions().eval(), [torch.rand(2, 5, 4), torch.rand(2, 9, 4)])
    artifact = written(EXPORTER, model, tmp_path / "a")

    assert (Range("dim_1", 1, 16),) == artifact.signature.ranges
    check(artifact, model, {"input__0": torch.rand(3, 16, 4)})


@pytest.mark.parametrize(
    ("module", "samples", "cause"),
    [
        (Rows(), [torch.rand(2, 3)], "batch size 2 was baked in"),
        (Recurrent().eval(), [torch.rand(2, 5, 4), torch.rand(2, 9, 4)], "dim_1 size 5 was baked in"),
    ],
    ids=["rows", "lstm"],
)
def test_a_dimension_that_the_model_fixes_is_never_made_static_silently(
    module: nn.Module, samples: list[torch.Tensor], cause: str, model_of: Callable[..., Model], tmp_path: Path
) -> None:
    with pytest.raises(ExportError) as caught:
        EXPORTER.write(model_of(module, samples), tmp_path / "model.pt2")

    assert f"{cause}: torch.export found that forward makes it a constant" == caught.value.cause
    assert (
        "the model fixes a dimension that differs between the samples: give samples that agree in it"
        == caught.value.fix
    )


def test_an_lstm_of_one_length_varies_in_its_batch(model_of: Callable[..., Model], tmp_path: Path) -> None:
    model = model_of(Recurrent().eval(), [torch.rand(2, 5, 4)])
    artifact = written(EXPORTER, model, tmp_path / "a")

    for batch in (1, 6):
        check(artifact, model, {"input__0": torch.rand(batch, 5, 4)})


def test_a_first_sample_of_one_row_is_not_what_is_exported(model_of: Callable[..., Model], tmp_path: Path) -> None:
    model = model_of(Positions().eval(), [torch.rand(2, 1, 4), torch.rand(2, 9, 4)])
    artifact = written(EXPORTER, model, tmp_path / "a")

    assert (Range("dim_1", 1, 16),) == artifact.signature.ranges


def test_further_arguments_go_to_torch(model_of: Callable[..., Model], tmp_path: Path) -> None:
    model = model_of(Positions().eval(), [torch.rand(2, 5, 4)])
    with pytest.raises(ExportError, match=r"torch\.export failed: TypeError: .*'nonsense'"):
        ExportedProgramExporter(custom_args=(("nonsense", 1),)).write(model, tmp_path / "model.pt2")

    deferred = ExportedProgramExporter(custom_args=(("prefer_deferred_runtime_asserts_over_guards", True),))
    artifact = written(deferred, model, tmp_path / "a")
    check(artifact, model, dict(model.examples[0]))
