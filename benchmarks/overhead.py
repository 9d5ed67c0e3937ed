"""What `runner.infer` costs on top of the runtime's own call.

python benchmarks/overhead.py [ROUNDS]

A linear layer from 10 to 10 on ONNX Runtime at batch size 1. All four ways make new outputs for each call, which are
the caller's; `run_with_iobinding` therefore binds its output anew each time. The ways run in turns, in blocks of 2000
calls, in random order; what is printed are medians over the rounds, and the medians of the differences within a round.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

import navcore as nav

CALLS = 2000


def write(path: Path) -> None:
    """Write the layer as ONNX."""
    generator = np.random.default_rng(0)
    weights = [
        onnx.numpy_helper.from_array(generator.standard_normal(shape, np.float32), name)
        for name, shape in (("weight", (10, 10)), ("bias", (10,)))
    ]
    tensor = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Gemm", ["x", "weight", "bias"], ["y"])],
        "linear",
        [tensor("x", onnx.TensorProto.FLOAT, ["batch", 10])],
        [tensor("y", onnx.TensorProto.FLOAT, ["batch", 10])],
        weights,
    )
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), str(path))


def block_us(call: Callable[[], object]) -> float:
    """Return the time of one call in microseconds."""
    start = time.perf_counter()
    for _ in range(CALLS):
        call()
    return (time.perf_counter() - start) / CALLS * 1e6


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "linear.onnx")
        write(path)
        package = nav.optimize(
            path,
            workspace=Path(folder, "workspace"),
            runners=["OnnxCPU"],
            target_formats=["onnx"],
            optimization_profile=nav.OptimizationProfile(max_batch_size=1),
            quiet=True,
        )
        options = onnxruntime.SessionOptions()
        options.add_session_config_entry("session.force_spinning_stop", "1")
        raw = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        x = np.ones((1, 10), np.float32)
        feeds = {"x": x}
        binding = raw.io_binding()
        binding.bind_cpu_input("x", x)

        def raw_bound() -> object:
            binding.bind_output("y")  # otherwise every call writes into the output of the first
            raw.run_with_iobinding(binding)
            return binding.get_outputs()[0].numpy()

        with package.get_runner() as runner:
            ways: dict[str, Callable[[], object]] = {
                "session.run": lambda: raw.run(["y"], feeds),
                "runner.infer": lambda: runner.infer(feeds),
                "run_with_iobinding": raw_bound,
                "runner.bind": runner.bind(feeds),
            }
            times: dict[str, list[float]] = {name: [] for name in ways}
            for call in ways.values():
                block_us(call)
            for _ in range(rounds):
                for name in random.sample(list(ways), len(ways)):
                    times[name].append(block_us(ways[name]))
    for name, values in times.items():
        print(f"{name:<20}{statistics.median(values):7.2f} us")
    limits = (
        ("runner.infer", "session.run", 3),
        ("runner.bind", "session.run", 1),
        ("runner.bind", "run_with_iobinding", 1),
    )
    for ours, base, limit in limits:
        extra = statistics.median(a - b for a, b in zip(times[ours], times[base], strict=True))
        print(f"{ours} on top of {base}: {extra:.2f} us, limit {limit} us")


if __name__ == "__main__":
    main()
