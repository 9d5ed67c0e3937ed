"""Plans on disk: what can be told without opening one, and opening one in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from nav_trt.gpu import missing_gpu
from nav_trt.installed import missing_tensorrt
from navcore.domain import Range, Signature, TensorSpec
from navcore.errors import ModelFileError, UsageError

__all__ = ["check_plan_file", "read_plan_signature"]

_SMALLEST_BYTES = 64
"""No plan is smaller. How plans begin is not documented, and TensorRT looks at that itself."""

_TIMEOUT_S = 300.0


def check_plan_file(path: Path) -> None:
    """Refuse what is no plan at all.

    Raises:
        ModelFileError: The file cannot be read, or is too small for one.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error.strerror}", "pass the path of a plan") from error
    if path.is_dir() or size < _SMALLEST_BYTES:
        what = "a folder" if path.is_dir() else f"a file of {size} bytes"
        raise ModelFileError(f"{path} is {what}, and no plan of TensorRT", "build it again, or copy it again")


def read_plan_signature(path: Path) -> Signature:
    """Return what a plan takes and gives, as it says itself; it is opened in another process, which may die of it.

    Raises:
        UsageError: There is no GPU to open it on, or no TensorRT.
        ModelFileError: It is damaged, or was built by another TensorRT or for another GPU.
    """
    check_plan_file(path)
    if missing := missing_tensorrt() or missing_gpu():
        cause, _, fix = missing.partition("; ")
        raise UsageError(f"{path} cannot be opened: {cause}", fix)
    command = [sys.executable, "-m", "nav_trt.read_plan", str(path)]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)  # noqa: S603  # our own module
    except subprocess.TimeoutExpired as error:
        raise ModelFileError(f"{path} was not opened within {_TIMEOUT_S:g} s", "build it again") from error
    if result.returncode < 0:
        raise ModelFileError(f"opening {path} ended the process with signal {-result.returncode}", "build it again")
    answer = _answer(result.stdout)
    if "cause" in answer or "tensors" not in answer:
        told = answer.get("cause") or " ".join(result.stderr.split())[-300:]
        raise ModelFileError(f"{path} cannot be opened: {told}", answer.get("fix", "build it again on this machine"))
    return signature_from(answer)


def signature_from(answer: dict[str, Any]) -> Signature:
    """Return the signature of what `nav_trt.read_plan` tells; axes of one range throughout are one dimension.

    The first axis of the inputs is the batch where it is dynamic in all of them.
    """
    ranges: dict[str, Range] = {}
    sides: dict[str, list[TensorSpec]] = {"inputs": [], "outputs": []}
    firsts = {tuple(each["ranges"][0]) for each in answer["tensors"] if each["ranges"]}
    batched = len(firsts) == 1 and all(each["shape"][:1] == [-1] for each in answer["tensors"] if each["ranges"])
    for each in answer["tensors"]:
        shape: list[int | str] = []
        for axis, size in enumerate(each["shape"]):
            if size >= 0:
                shape.append(size)
            else:
                name = "batch" if axis == 0 and batched else f"{_word(each['name'])}_{axis}"
                shape.append(name)
                if each["ranges"]:
                    ranges[name] = Range(name, *each["ranges"][axis])
        sides[f"{each['mode']}s"].append(TensorSpec(each["name"], each["dtype"], tuple(shape)))
    return Signature(
        tuple(sides["inputs"]),
        tuple(sides["outputs"]),
        "batch" if batched else None,
        tuple(ranges[name] for name in sorted(ranges)),
    )


def _answer(text: str) -> dict[str, Any]:
    lines = [line for line in text.splitlines() if line.startswith("{")]
    try:
        found = json.loads(lines[-1]) if lines else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _word(name: str) -> str:
    word = "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in name)
    return word if word.isidentifier() else f"_{word}"
