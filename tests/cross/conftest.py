"""Real models, small enough to search within seconds, and a run that is shared by the tests that only read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import navcore as nav

QUICK = nav.OptimizationProfile(max_batch_size=2, window_size=3, max_trials=3)


@pytest.fixture(scope="session")
def encoder() -> Any:
    """A transformer encoder with random weights: two inputs, batch and length dynamic, a ModelOutput."""
    torch = pytest.importorskip("torch", reason="the cross tests need nav-torch: pip install torch")
    transformers = pytest.importorskip("transformers", reason="the encoder is a transformers model")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=50, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
    )
    return transformers.BertModel(config).eval()


@pytest.fixture(scope="session")
def encoder_samples() -> list[dict[str, Any]]:
    """Three batches of token ids whose batch size and length differ."""
    import torch

    generator = torch.Generator().manual_seed(0)
    return [
        {
            "input_ids": torch.randint(0, 50, shape, generator=generator),
            "attention_mask": torch.ones(shape, dtype=torch.long),
        }
        for shape in ((2, 7), (3, 12), (1, 5))
    ]


@pytest.fixture(scope="session")
def encoder_package(
    encoder: Any, encoder_samples: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> nav.Package:
    """Everything that the installed plugins find for the encoder."""
    return nav.optimize(
        encoder,
        encoder_samples,
        workspace=tmp_path_factory.mktemp("encoder") / "w",
        optimization_profile=QUICK,
        target_device="cpu",
        quiet=True,
    )


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A folder for one run."""
    return tmp_path / "w"
