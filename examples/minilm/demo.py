"""The main job on a real model: find the fastest way to run the MiniLM sentence encoder on this machine.

python examples/minilm/demo.py [WORKSPACE]
"""

from __future__ import annotations

import os
import sys

import numpy as np

# Before any framework starts its threads: with spinning ones, a neighbour on the same cores slows PyTorch down many
# times (docs/measuring.md).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import minilm

import navcore as nav


def embedding(hidden: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return sentence embeddings, float32[batch, 384]: the mean over the tokens, of length one."""
    weights = mask[..., None].astype(np.float32)
    mean = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
    return mean / np.linalg.norm(mean, axis=1, keepdims=True)


def main() -> int:
    """Optimise, then embed a new sentence with the source and with the chosen runner."""
    import torch

    encoder = minilm.model()
    package = nav.optimize(
        encoder,
        minilm.dataloader(),
        workspace=sys.argv[1] if len(sys.argv) > 1 else "demo_workspace",
        optimization_profile=nav.OptimizationProfile(max_batch_size=8),
    )
    tokens = minilm.tokenize(["The river froze overnight, and the ferry stayed at its mooring."])
    feeds = {name: tensor.numpy() for name, tensor in tokens.items()}
    with torch.no_grad():
        expected = embedding(encoder(**tokens).last_hidden_state.numpy(), feeds["attention_mask"])
    with package.get_runner(strategy=nav.MaxThroughputStrategy()) as runner:
        got = embedding(np.asarray(runner.infer(feeds)["last_hidden_state"]), feeds["attention_mask"])
        name = runner.name
    similarity = float((expected * got).sum())
    print(f"A new sentence embedded by the source and by {name}:")
    print(f"  cosine similarity {similarity:.7f}, largest difference {np.abs(expected - got).max():.2e}")
    return 0 if similarity > 0.99999 else 1


if __name__ == "__main__":
    sys.exit(main())
