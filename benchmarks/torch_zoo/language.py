"""Models of the zoo that read token ids or sequences, whose length varies: MiniLM, GPT-2, an embedding, LSTM, tied."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from torch_zoo import Loaded

__all__ = ["embedding", "gpt2", "lstm", "minilm", "tied"]

_SHAPES = ((2, 7), (3, 12), (1, 5))
_LONG_SHAPES = ((2, 64), (3, 48))


def _tokens(vocabulary: int, shapes: tuple[tuple[int, int], ...]) -> list[dict[str, Tensor]]:
    return [
        {"input_ids": torch.randint(0, vocabulary, shape), "attention_mask": torch.ones(shape, dtype=torch.long)}
        for shape in shapes
    ]


def minilm(tiny: bool) -> Loaded:
    """Return the MiniLM of the demo with its weights and sentences; tiny: two random layers of the same class."""
    if tiny:
        from transformers import BertConfig, BertModel

        config = BertConfig(
            vocab_size=50, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
        )
        told = "BertModel of transformers with two layers, 32 wide, random weights"
        return Loaded(module=BertModel(config), samples=_tokens(50, _SHAPES), told=told)
    folder = str(Path(__file__).parents[2] / "examples" / "minilm")
    sys.path.append(folder)
    import minilm as demo

    told = "the sentence encoder all-MiniLM-L6-v2 with its trained weights, sentences of several lengths"
    return Loaded(module=demo.model(), samples=demo.dataloader(), told=told)


def gpt2(tiny: bool) -> Loaded:
    """Return GPT-2 small with random weights, which gives logits and keeps no cache."""
    from transformers import GPT2Config, GPT2LMHeadModel

    size: dict[str, Any] = {"vocab_size": 100, "n_positions": 64, "n_embd": 64, "n_layer": 2, "n_head": 4}
    config = GPT2Config(use_cache=False, **(size if tiny else {}))
    module = GPT2LMHeadModel(config)
    parameters = sum(each.numel() for each in module.parameters())
    told = (
        f"GPT2LMHeadModel of transformers, {config.n_layer} layers, {config.n_embd} wide, {parameters / 1e6:.3g} "
        "million random weights, without a cache"
    )
    shapes = _SHAPES[:2] if tiny else _LONG_SHAPES
    return Loaded(module=module, samples=_tokens(config.vocab_size, shapes), told=told)


class BagOfWords(nn.Module):
    """The mean of the embeddings of a row of ids, and nothing else."""

    def __init__(self, vocabulary: int, width: int) -> None:
        super().__init__()
        self.bag = nn.EmbeddingBag(vocabulary, width, mode="mean")

    def forward(self, ids: Tensor) -> Tensor:
        return self.bag(ids)


def embedding(tiny: bool) -> Loaded:
    """Return a model that is one EmbeddingBag."""
    vocabulary, width, shapes = (50, 8, _SHAPES[:2]) if tiny else (50_000, 256, _LONG_SHAPES)
    samples = [torch.randint(0, vocabulary, shape) for shape in shapes]
    told = f"one EmbeddingBag of {vocabulary} x {width} that takes the mean"
    return Loaded(module=BagOfWords(vocabulary, width), samples=samples, told=told)


class Recurrent(nn.Module):
    """An LSTM, batch first; gives a score for every step, and the last state."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(width, width, layers, batch_first=True)
        self.score = nn.Linear(width, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        steps, (state, _cell) = self.lstm(x)
        return self.score(steps), state[-1]


def lstm(tiny: bool) -> Loaded:
    """Return an LSTM with a linear layer on top."""
    width, layers, shapes = (16, 1, _SHAPES[:2]) if tiny else (256, 2, _LONG_SHAPES)
    samples = [torch.randn(*shape, width) for shape in shapes]
    told = f"an LSTM of {layers} layer{'s' if layers > 1 else ''}, {width} wide, batch first, and a linear layer"
    return Loaded(module=Recurrent(width, layers), samples=samples, told=told)


class TiedModel(nn.Module):
    """A causal language model whose output layer has the weights of its embedding."""

    def __init__(self, vocabulary: int, width: int, layers: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.layers = nn.ModuleList([Attention(width) for _ in range(layers)])
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, ids: Tensor) -> Tensor:
        hidden = self.embedding(ids)
        for layer in self.layers:
            hidden = layer(hidden)
        return self.head(hidden)


class Attention(nn.Module):
    """Causal attention of one head and a feed-forward net, each beside a short cut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.before = nn.LayerNorm(width)
        self.mix = nn.Linear(width, 3 * width)
        self.feed = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, hidden: Tensor) -> Tensor:
        query, key, value = self.mix(self.before(hidden)).chunk(3, dim=-1)
        hidden = hidden + nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return hidden + self.feed(hidden)


def tied(tiny: bool) -> Loaded:
    """Return a language model whose embedding and output layer are one parameter."""
    vocabulary, width, layers, shapes = (50, 16, 1, _SHAPES[:2]) if tiny else (10_000, 256, 4, _LONG_SHAPES)
    samples = [torch.randint(0, vocabulary, shape) for shape in shapes]
    told = f"a causal language model of {layers} layers, {width} wide, whose output layer is its embedding"
    return Loaded(module=TiedModel(vocabulary, width, layers), samples=samples, told=told)
