"""The nine light models that the onnx package ships, each through `nav optimize`, and against the outputs it ships.

python benchmarks/light_models.py [squeezenet shufflenet ...] [--budget SECONDS]

They are the convolutional networks of the ONNX model zoo of 2018, opset 9, with weights that the graph makes of
constants, so that files are small and outputs known. Prints what each route gave and how far the chosen one is from the
shipped outputs; exits with 1 where a model has no runtime, or one that is too far off.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

MODELS = (
    *("squeezenet", "shufflenet", "inception_v1", "resnet50", "inception_v2", "densenet121"),
    *("zfnet512", "bvlc_alexnet", "vgg19"),
)
"""The cheapest first."""

RUNNERS = ("OnnxCPU", "OpenVINOCPU")
RTOL, ATOL = 1e-3, 1e-6
"""Outputs are a softmax over 1,000 classes; 1e-3 is what ONNX's own backend tests allow."""


def folder() -> Path:
    """Return where the installed onnx keeps the models."""
    import onnx.backend.test

    return Path(onnx.backend.test.__file__).parent / "data" / "light"


def sample(path: Path) -> dict[str, Any]:
    """Return the one input that ONNX's backend tests give: a ramp from 0 to 1."""
    import onnx

    graph = onnx.load(path).graph
    weights = {tensor.name for tensor in graph.initializer}
    (value,) = (value for value in graph.input if value.name not in weights)
    shape = [dimension.dim_value for dimension in value.type.tensor_type.shape.dim]
    count = int(np.prod(shape))
    return {value.name: (np.arange(count).reshape(shape) / count).astype(np.float32)}


def shipped(path: Path) -> Any:
    """Return the output that is shipped beside a model."""
    import onnx

    tensor = onnx.TensorProto()
    tensor.ParseFromString(path.with_name(f"{path.stem}_output_0.pb").read_bytes())
    return onnx.numpy_helper.to_array(tensor)


def optimized(path: Path, feeds: dict[str, Any], workspace: Path, budget: float | None) -> Any:
    """Run `nav optimize` on a file, and return the package that it leaves in the workspace."""
    import navcore as nav

    inputs = workspace.parent / "sample.npz"
    np.savez(inputs, **feeds)
    command = [sys.executable, "-c", "from navcore.cli import main; main()", "optimize", str(path), "--quiet"]
    command += ["--inputs", str(inputs)]
    command += ["--workspace", str(workspace), *(part for name in RUNNERS for part in ("--runner", name))]
    command += [] if budget is None else ["--budget", str(budget)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 2:
        raise SystemExit(done.stderr)
    return nav.package.load_from_workspace(workspace)


def told(package: Any) -> Iterator[str]:
    """Yield what each trial gave, in words."""
    for trial in package.status.trials:
        reason = f": {trial.failure.reason}" if trial.failure else ""
        yield f"    {trial.route} on {trial.runner}: {trial.status.value}{reason}"


def main() -> None:
    """Optimise the models that were asked for, and compare."""
    import navcore as nav

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=list(MODELS), help=", ".join(MODELS))
    parser.add_argument("--budget", type=float, default=None)
    arguments = parser.parse_args()
    wrong = 0
    for name in arguments.models:
        path, start = folder() / f"light_{name}.onnx", time.perf_counter()
        with tempfile.TemporaryDirectory() as temporary:
            package = optimized(path, sample(path), Path(temporary, "w"), arguments.budget)
            took_s = time.perf_counter() - start
            try:
                with package.get_runner() as session:
                    outputs = session.infer(sample(path))
            except nav.errors.NoRuntimeError as error:
                print(f"{name}: {error}", *told(package), sep="\n")
                wrong += 1
                continue
        expected, (got,) = shipped(path), outputs.values()
        close = np.allclose(got, expected, RTOL, ATOL)
        wrong += not close
        verdict = "as shipped" if close else "NOT as shipped"
        print(f"{name}: {session.name}, {verdict}, at most {np.abs(got - expected).max():.1e} off, in {took_s:.0f} s")
        print(*told(package), sep="\n", flush=True)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
