"""Pretrained ONNX models that packages on PyPI ship: is what navcore finds as fast as the package's own session?

python benchmarks/pypi_models.py [silero-vad magika rapidocr-det rapidocr-rec ...] [--check] [--small] [--rounds N]

Each model is optimised on samples of the sizes that its package gives it, and MinLatencyStrategy chooses. Outputs of
the choice are compared with those of a session with the package's own settings, over all samples; a voice detector
also over a chain of calls, each with the state that the last one gave. Then both run in blocks, in random order in
every round, with a pause before each block and a call that does not count. The ratio is the median over the rounds of
the time of the package's session by that of ours, with its 95 % interval: above 1 ours is faster. At least 1 is
wanted; a tie reaches over 1. --check leaves the timing out, --small makes images small.

Exits with 1 where outputs differ, or ours is slower.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np

import navcore as nav
from navcore.contracts import Tensors
from navcore.engine.statistics import ratio

SEED = 7
CHAIN = 50
BLOCK_S, PAUSE_S = 0.1, 0.03
RTOL, ATOL = 1e-3, 1e-4

Run = Callable[[Tensors], Tensors]


@attrs.frozen(kw_only=True)
class Case:
    """A model of a package.

    Attributes:
        package, file: Module that ships it, and where in it.
        samples: Makes samples; images are small where told.
        session: Opens a session on the path as the package does, by its code of the version that is named there.
        state: Inputs that take the value of an output of the call before, by input.
    """

    package: str
    file: str
    samples: Callable[[bool], list[dict[str, Any]]]
    session: Callable[[str], Any]
    state: tuple[tuple[str, str], ...] = ()

    @property
    def path(self) -> Path:
        """Where the installed package keeps it; the package is not imported."""
        spec = importlib.util.find_spec(self.package)
        if spec is None or not spec.submodule_search_locations:
            raise SystemExit(f"{self.package} is not installed: pip install --no-deps {self.package.replace('_', '-')}")
        return Path(spec.submodule_search_locations[0]) / self.file


def voice(_small: bool) -> list[dict[str, Any]]:
    """Return chunks of 32 ms, with the 4 ms before them: silence, noise, and a voice-like sum of harmonics."""
    generator = np.random.default_rng(SEED)
    seconds = np.arange(576) / 16000
    tone = sum(np.sin(2 * np.pi * 140 * harmonic * seconds) / harmonic for harmonic in range(1, 12))
    sounds = (np.zeros(576), 0.1 * generator.normal(size=576), 0.2 * tone)
    state = np.zeros((2, 1, 128), np.float32)
    return [{"input": sound[None].astype(np.float32), "state": state, "sr": np.array(16000)} for sound in sounds]


def files(_small: bool) -> list[dict[str, Any]]:
    """Return what magika looks at, the first and last 1024 bytes of a file, 256 where it is shorter."""
    generator = np.random.default_rng(SEED)
    contents = (Path(__file__).read_bytes(), generator.bytes(5000), b'{"a": [1, 2, 3]}')
    rows = []
    for content in contents:
        begin, end = np.frombuffer(content[:1024], np.uint8), np.frombuffer(content[-1024:], np.uint8)
        row = np.full(2048, 256, np.int32)
        row[: len(begin)], row[2048 - len(end) :] = begin, end
        rows.append({"bytes": row[None]})
    return rows


def pages(small: bool) -> list[dict[str, Any]]:
    """Return pages of text of two sizes; those that rapidocr makes have at least 736 pixels to a side."""
    sizes = ((160, 160), (160, 224)) if small else ((736, 736), (736, 992))
    return [{"x": _written(height, width, 20, height // 40)[None]} for height, width in sizes]


def lines(small: bool) -> list[dict[str, Any]]:
    """Return batches of lines of text of two widths."""
    count, widths = (2, (96, 160)) if small else (6, (320, 480))
    return [{"x": np.stack([_written(48, width, 32, 1, seed) for seed in range(count)])} for width in widths]


def _written(height: int, width: int, size: int, rows: int, seed: int = 0) -> Any:
    """Return an image of rows of black words on white, values between -1 and 1, as rapidocr gives it to its models."""
    from PIL import Image, ImageDraw, ImageFont

    words = np.random.default_rng([SEED, seed]).permutation(__doc__.split())
    image = Image.new("RGB", (width, height), "white")
    drawing = ImageDraw.Draw(image)
    for row in range(rows):
        text = " ".join(words[20 * row : 20 * (row + 1)])
        drawing.text((8, 8 + row * 2 * size), text, fill="black", font=ImageFont.load_default(size))
    return (np.asarray(image, np.float32) / 127.5 - 1).transpose(2, 0, 1)


def silero_session(path: str) -> Any:
    """Open a session as silero-vad 6.2 does (utils_vad.py, OnnxWrapper)."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def plain_session(path: str) -> Any:
    """Open a session as magika 1.0 does (magika.py, _init_onnx_session)."""
    import onnxruntime

    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def rapidocr_session(path: str) -> Any:
    """Open a session as rapidocr 3.10 does by its config.yaml (inference_engine/onnxruntime/main.py)."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.enable_cpu_mem_arena = False
    provider = ("CPUExecutionProvider", {"arena_extend_strategy": "kSameAsRequested"})
    return onnxruntime.InferenceSession(path, options, providers=[provider])


CASES = {
    "silero-vad": Case(
        package="silero_vad",
        file="data/silero_vad.onnx",
        samples=voice,
        session=silero_session,
        state=(("state", "stateN"),),
    ),
    "magika": Case(package="magika", file="models/standard_v3_3/model.onnx", samples=files, session=plain_session),
    "rapidocr-det": Case(
        package="rapidocr", file="models/PP-OCRv6_det_small.onnx", samples=pages, session=rapidocr_session
    ),
    "rapidocr-rec": Case(
        package="rapidocr", file="models/PP-OCRv6_rec_small.onnx", samples=lines, session=rapidocr_session
    ),
}


def main() -> int:
    """Print a line for each model; 1 where outputs differ, or ours is slower."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=list(CASES), help=", ".join(CASES))
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--rounds", type=int, default=30)
    asked = parser.parse_args()
    return max(one(name, CASES[name], asked) for name in asked.models)


def one(name: str, case: Case, asked: argparse.Namespace) -> int:
    """Optimise a model and compare it with the package's own session; 1 where that is not as wanted."""
    samples = case.samples(asked.small)
    with tempfile.TemporaryDirectory() as folder:
        package = optimized(case, samples, Path(folder, "w"), quick=asked.check)
        for trial in package.status.trials:
            print(f"  {name}: {trial.route} on {trial.runner}: {trial.status.value}" + _why(trial))
        own = case.session(str(case.path))
        names = [output.name for output in own.get_outputs()]

        def theirs(feeds: Tensors) -> Tensors:
            return dict(zip(names, own.run(names, dict(feeds)), strict=True))

        with package.get_runner(strategy=nav.MinLatencyStrategy()) as session:
            wrong = differences(theirs, session.infer, samples, case.state)
            print(f"{name}: {session.name}, " + ("; ".join(wrong) or "outputs agree"), flush=True)
            if wrong or asked.check:
                return int(bool(wrong))
            return timed(name, theirs, session.infer, samples[0], asked.rounds)


def optimized(case: Case, samples: list[dict[str, Any]], workspace: Path, *, quick: bool) -> nav.Package:
    """Return what navcore finds at the batch size of the samples."""
    size = next(iter(samples[0].values())).shape[0]
    profile = nav.OptimizationProfile(batch_sizes=(size,), **({"window_size": 3, "max_trials": 3} if quick else {}))
    return nav.onnx.optimize(
        case.path,
        samples,
        workspace=workspace,
        target_device="cpu",
        optimization_profile=profile,
        custom_configs=[nav.OnnxRuntimeConfig(threads=(None, 1))],
        quiet=True,
    )


def differences(theirs: Run, ours: Run, samples: list[dict[str, Any]], state: tuple[tuple[str, str], ...]) -> list[str]:
    """Return which outputs differ, of each sample by itself and of a chain of calls with state."""
    pairs = [(theirs(feeds), ours(feeds)) for feeds in samples]
    wrong = [f"sample {index}: {text}" for index, pair in enumerate(pairs) for text in _unlike(*pair)]
    if not state or wrong:
        return wrong
    kept: list[dict[str, Any]] = [{}, {}]
    for index in range(CHAIN):
        feeds = samples[index % len(samples)]
        outputs = [run({**feeds, **held}) for run, held in zip((theirs, ours), kept, strict=True)]
        kept = [{given: each[made] for given, made in state} for each in outputs]
        wrong += [f"call {index} of a chain: {text}" for text in _unlike(*outputs)]
    return wrong


def _unlike(expected: Tensors, got: Tensors) -> list[str]:
    return [
        f"{name} is {np.abs(got[name] - array).max():.1e} off"
        for name, array in expected.items()
        if got[name].shape != array.shape or not np.allclose(got[name], array, RTOL, ATOL)
    ]


def timed(name: str, theirs: Run, ours: Run, feeds: dict[str, Any], rounds: int) -> int:
    """Print how the two compare; 1 where ours is slower."""
    runs, shuffle = {"theirs": theirs, "ours": ours}, random.Random(SEED)
    calls = {each: max(1, round(BLOCK_S * 1000 / block_ms(run, feeds, 3))) for each, run in runs.items()}
    blocks: dict[str, list[float]] = {each: [] for each in runs}
    for _ in range(rounds):
        order = list(runs)
        shuffle.shuffle(order)
        for each in order:
            time.sleep(PAUSE_S)  # threads of the last one spin for a while
            blocks[each].append(block_ms(runs[each], feeds, calls[each]))
    found = ratio(blocks["theirs"], blocks["ours"])
    medians = {each: statistics.median(times) for each, times in blocks.items()}
    verdict = "slower" if found.high < 1 else "faster" if found.low > 1 else "as fast"
    print(
        f"{name}: {medians['ours']:.3f} ms, the package's session {medians['theirs']:.3f} ms: {verdict}, "
        f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]",
        flush=True,
    )
    return int(found.high < 1)


def block_ms(run: Run, feeds: Tensors, calls: int) -> float:
    """Return the mean time of so many calls, after one that does not count."""
    run(feeds)
    start = time.perf_counter()
    for _ in range(calls):
        run(feeds)
    return (time.perf_counter() - start) * 1000 / calls


def _why(trial: Any) -> str:
    return f": {trial.failure.reason}" if trial.failure else ""


if __name__ == "__main__":
    sys.exit(main())
