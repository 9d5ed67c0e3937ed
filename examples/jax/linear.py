"""A linear function of JAX: find the fastest way to run it, and run that.

python examples/jax/linear.py [WORKSPACE]
"""

from __future__ import annotations

import os
import sys
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before any framework starts its threads

import numpy as np

import navcore as nav


def predict(params: dict[str, Any], x: Any) -> Any:
    """Return `x @ weight + bias`, float32[batch, 64] to float32[batch, 16]."""
    return x @ params["weight"] + params["bias"]


def main(workspace: str, **options: Any) -> int:
    """Optimise, with further options for it; then run a new sample with the function and with the chosen runner."""
    generator = np.random.default_rng(0)
    params = {
        "weight": generator.standard_normal((64, 16)).astype(np.float32),
        "bias": generator.standard_normal(16).astype(np.float32),
    }
    package = nav.jax.optimize(
        predict,
        params,
        [generator.standard_normal((batch, 64)).astype(np.float32) for batch in (1, 4)],
        workspace=workspace,
        target_device="cpu",
        # Briefly, so that it ends soon: a model in earnest is measured with the defaults.
        optimization_profile=nav.OptimizationProfile(max_batch_size=4, window_size=3, max_trials=3),
        input_names=["x"],
        output_names=["y"],
        **options,
    )
    x = generator.standard_normal((3, 64)).astype(np.float32)
    with package.get_runner() as session:
        y = session.infer({"x": x})["y"]
    error = float(np.abs(y - predict(params, x)).max())
    print(f"{session.name} differs from the function by at most {error:.1e}")
    return 0 if error < 1e-4 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "linear_workspace"))
