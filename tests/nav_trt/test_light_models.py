"""ONNX's own light models become engines; `nox -s trt_engines` builds seven, each in three precisions."""

import os
from pathlib import Path

import numpy as np
import onnx
import onnx.backend.test
import pytest

from nav_trt.convert_onnx import TensorRTConverter
from navcore.contracts import Model
from navcore.domain import Signature, TensorSpec
from navcore.formats import Format

FOLDER = Path(onnx.backend.test.__file__).parent / "data" / "light"
ALL = os.environ.get("NAVCORE_TRT_MODELS") == "all"
QUICK = (("squeezenet", None), ("shufflenet", "fp16"))
SEVEN = ("resnet50", "squeezenet", "densenet121", "inception_v1", "inception_v2", "shufflenet", "vgg19")
CASES = [(name, precision) for name in SEVEN for precision in (None, "fp16", "int8")] if ALL else QUICK


def light_model(name):
    path = FOLDER / f"light_{name}.onnx"
    graph = onnx.load(path).graph
    weights = {tensor.name for tensor in graph.initializer}
    sides = ([value for value in side if value.name not in weights] for side in (graph.input, graph.output))
    inputs, outputs = (tuple(map(_spec, side)) for side in sides)
    feeds = {spec.name: np.linspace(0, 1, np.prod(spec.shape), dtype="f").reshape(spec.shape) for spec in inputs}
    return Model(format=Format.ONNX, signature=Signature(inputs, outputs), path=path, examples=(feeds,))


def _spec(value):
    shape = tuple(dimension.dim_value for dimension in value.type.tensor_type.shape.dim)
    return TensorSpec(value.name, "float32", shape)


@pytest.mark.parametrize(("name", "precision"), CASES)
def test_a_light_model_becomes_an_engine(engines, out, name, precision):
    model = light_model(name)
    tool = TensorRTConverter(precision=precision, optimization_level=0 if not ALL else None)
    if reason := tool.unsuited(model):
        pytest.skip(reason)

    assert model.signature == tool.write(model, out)
    assert out.stat().st_size > 100_000
