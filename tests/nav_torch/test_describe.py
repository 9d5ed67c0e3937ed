from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from nav_torch.describe import describe
from navcore.contracts import Names
from navcore.errors import DataloaderError, UsageError


@dataclasses.dataclass
class Result:
    total: Any
    parts: Any = None


class Forms(nn.Module):
    """Takes its tensors in every form and gives a dataclass of tensors."""

    def forward(self, x, pair=None, options=None, *, scale=1):
        total = x * scale
        parts = [total + tensor for tensor in (pair or ())]
        return Result(total, {"sum": total.sum(), "parts": parts, "options": (options or {}).get("bias")})


def run(module: nn.Module, sample: Any, names: Names | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    description = describe(module, sample, names or Names())
    outputs = description.infer(description.inputs)
    return dict(description.inputs), {name: array.tolist() for name, array in outputs.items()}


X = torch.tensor([1.0, 2.0])


@pytest.mark.parametrize(
    ("sample", "inputs", "outputs"),
    [
        (X, ["input__0"], ["total", "parts__sum"]),
        ((X,), ["input__0"], ["total", "parts__sum"]),
        ((X, {"scale": 2}), ["input__0"], ["total", "parts__sum"]),
        ({"x": X}, ["x"], ["total", "parts__sum"]),
        (
            (X, (X, X)),
            ["input__0", "input__1", "input__2"],
            ["total", "parts__sum", "parts__parts__0", "parts__parts__1"],
        ),
        (
            {"x": X, "pair": [X], "options": {"bias": X}},
            ["x", "pair__0", "options__bias"],
            ["total", "parts__sum", "parts__parts__0", "parts__options"],
        ),
        (X.numpy(), ["input__0"], ["total", "parts__sum"]),
    ],
)
def test_every_form_of_sample_is_described_and_run(sample: Any, inputs: list[str], outputs: list[str]) -> None:
    got_inputs, got_outputs = run(Forms(), sample)
    scale = 2 if isinstance(sample, tuple) and sample[-1] == {"scale": 2} else 1

    assert inputs == list(got_inputs)
    assert outputs == list(got_outputs)
    assert [1.0 * scale, 2.0 * scale] == got_outputs["total"]


def test_the_users_names_are_taken() -> None:
    inputs, outputs = run(Forms(), (X, (X,)), Names(("a", "b"), ("t", "s", "p")))

    assert ["a", "b"] == list(inputs)
    assert ["t", "s", "p"] == list(outputs)


def test_samples_that_differ_in_shape_have_equal_calls() -> None:
    assert describe(Forms(), X, Names()).call == describe(Forms(), torch.ones(5), Names()).call


def test_the_engine_finds_every_dynamic_dimension(two_inputs: nn.Module, source_of: Callable[..., Any]) -> None:
    samples = [(torch.rand(2, queries, 4), torch.rand(2, keys, 4)) for queries, keys in ((3, 5), (6, 7))]
    signature = source_of(two_inputs, samples).model.signature

    assert [("batch", "dim_1", 4), ("batch", "input__1_dim_1", 4)] == [spec.shape for spec in signature.inputs]
    assert [("batch", "dim_1", 4), ("batch", "dim_1", "input__1_dim_1")] == [spec.shape for spec in signature.outputs]


def test_a_model_in_training_mode_gives_a_notice_and_stays_in_it(conv_net: nn.Module) -> None:
    conv_net.train()
    description = describe(conv_net, torch.rand(2, 3, 4, 4), Names())
    one, other = (description.infer(description.inputs)["output__0"] for _ in range(2))

    assert (
        "the model is in training mode: it is run and exported in eval mode, and left in training mode afterwards",
    ) == (description.notices)
    assert np.array_equal(one, other)  # dropout was off
    assert all(part.training for part in conv_net.modules())


def test_a_model_in_eval_mode_gives_no_notice(conv_net: nn.Module) -> None:
    assert () == describe(conv_net, torch.rand(2, 3, 4, 4), Names()).notices


def test_a_sample_that_the_model_refuses_is_told_with_shapes_reason_and_fix(conv_net: nn.Module) -> None:
    description = describe(conv_net, torch.rand(2, 4, 8, 8), Names())

    with pytest.raises(DataloaderError) as caught:
        description.infer(description.inputs)
    assert caught.value.cause.startswith(
        "ConvNet refuses the sample (input__0: float32[2, 4, 8, 8]), called as forward(input__0): "
        "RuntimeError: Given groups=1, weight of size [4, 3, 3, 3], expected input"
    )
    assert "\n" not in caught.value.cause
    assert caught.value.fix == (
        "make shapes and dtypes of the sample those that the model takes; its forward takes (image)"
    )


def test_a_sample_of_the_wrong_dtype_is_told_likewise(dict_mlp: nn.Module) -> None:
    description = describe(dict_mlp, ({"dense": np.ones((2, 4)), "ids": np.zeros(2, np.int64)},), Names())

    with pytest.raises(DataloaderError, match=r"\(dense: float64\[2, 4\], ids: int64\[2\]\).*same dtype"):
        description.infer(description.inputs)


def test_weights_and_samples_without_numbers_are_refused() -> None:
    with pytest.raises(UsageError, match=r"^weight of Linear is on the meta device, .*\n  fix: load the weights first"):
        describe(nn.Linear(4, 3, device="meta"), torch.rand(2, 4), Names())
    with pytest.raises(DataloaderError, match=r"^input__0 is on the meta device, .*\n  fix: give samples with numbers"):
        describe(nn.Linear(4, 3), torch.rand(2, 4, device="meta"), Names())


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRU(3, 4)

    def forward(self, words: Any) -> torch.Tensor:
        return self.cell(words)[1]


def test_the_rows_of_a_packed_sequence_are_no_batch(source_of: Callable[..., Any]) -> None:
    words = nn.utils.rnn.pack_sequence([torch.rand(4, 3), torch.rand(2, 3)])
    source = source_of(Recurrent(), [words])

    assert source.model.signature.batch is None
    assert any("holds a PackedSequence" in notice and "Give padded tensors" in notice for notice in source.notices)
    assert any("data has 7 rows, and batch_sizes of the PackedSequence adds up to 6" in text for text in source.notices)


def test_a_packed_sequence_among_other_arguments_is_found() -> None:
    class Both(Recurrent):
        def forward(self, scale: torch.Tensor, words: Any) -> torch.Tensor:
            return super().forward(words) * scale

    words = nn.utils.rnn.pack_sequence([torch.rand(2, 3), torch.rand(4, 3)], enforce_sorted=False)
    described = describe(Both(), {"scale": torch.ones(1), "words": words}, Names())
    short = {**described.inputs, "words__data": described.inputs["words__data"][:5]}

    with pytest.raises(DataloaderError, match=r"^words__data has 5 rows, and words__batch_sizes .* adds up to 6"):
        described.infer(short)


def test_without_a_sample_the_model_declares_nothing(conv_net: nn.Module) -> None:
    description = describe(conv_net, None, Names())

    assert description.signature is None
    with pytest.raises(DataloaderError, match=r"a torch module does not say what it takes\n  fix: pass dataloader="):
        description.infer({})


def test_a_model_that_writes_to_its_input_leaves_the_samples(source_of: Callable[..., Any]) -> None:
    class InPlace(nn.Module):
        def forward(self, x):
            return x.add_(1)

    tensor = torch.zeros(2, 2)
    source = source_of(InPlace().eval(), [tensor])

    assert [[0.0, 0.0], [0.0, 0.0]] == tensor.tolist() == source.samples[0].inputs["input__0"].tolist()
    assert () == source.notices


def test_a_model_that_draws_random_numbers_is_found_out(source_of: Callable[..., Any]) -> None:
    class Noise(nn.Module):
        def forward(self, x):
            return x + torch.rand_like(x)

    state = torch.get_rng_state()
    source = source_of(Noise().eval(), [torch.zeros(2, 2)])

    assert (
        "the model is not deterministic: output__0 changed between two calls with the same inputs",
    ) == source.notices
    assert torch.equal(state, torch.get_rng_state())


def test_what_cannot_be_an_output_is_told(source_of: Callable[..., Any]) -> None:
    class Store:
        def __init__(self, tensor: torch.Tensor) -> None:
            self.layers = [tensor]

    class Model(nn.Module):
        def forward(self, x):
            return {"y": x + 1, "past": Store(x), "count": 3}

    assert (
        "forward also returns past, of class Store, whose tensors cannot be told apart: they are left out",
    ) == source_of(Model().eval(), [torch.zeros(2, 2)]).notices


def test_a_transformers_model_is_called_by_keyword_and_gives_its_fields(source_of: Callable[..., Any]) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, vocab_size=20
    )
    samples = [
        transformers.BatchEncoding(
            {
                "input_ids": torch.ones(2, size, dtype=torch.long),
                "attention_mask": torch.ones(2, size, dtype=torch.long),
            }
        )
        for size in (4, 6)
    ]
    signature = source_of(transformers.BertModel(config).eval(), samples).model.signature

    assert ("input_ids", "attention_mask") == signature.input_names
    assert {("batch", "dim_1")} == {spec.shape for spec in signature.inputs}
    assert [("last_hidden_state", ("batch", "dim_1", 8)), ("pooler_output", ("batch", 8))] == [
        (spec.name, spec.shape) for spec in signature.outputs
    ]
