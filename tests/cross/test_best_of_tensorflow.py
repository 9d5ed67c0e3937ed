"""Every way that benchmarks/best_of.py writes by hand for TensorFlow gives what the model gives."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from hand_case import Case, ways_of
from hand_worker import disagreement
from tf_zoo import load

from navcore.contracts import Model
from navcore.domain import Names
from navcore.formats import Format

WAYS = ways_of("tensorflow")


@pytest.mark.parametrize("way", [way for way in WAYS.WAYS if way != "eager"])
def test_a_way_gives_what_the_model_gives_at_two_sizes(way: str, tmp_path: Path) -> None:
    for module in ("tensorflow", "tf2onnx", "ai_edge_litert", "onnxruntime", "openvino"):
        pytest.importorskip(module, reason="a way goes through it")
    from nav_tf.describe import describe

    loaded = load("transformer", "tiny")
    first, second = (describe(loaded.module, sample, Names((), ())) for sample in loaded.samples)
    model = Model(format=Format.TENSORFLOW, signature=None, object=loaded.module, call=first.call)  # type: ignore[arg-type]
    case = Case(module=loaded.module, model=model, feeds=first.inputs, folder=tmp_path)

    assert "" == disagreement(WAYS, WAYS.WAYS[way](case), case, [second.inputs])
