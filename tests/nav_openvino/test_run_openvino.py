"""OpenVINO IR on the CPU."""

import threading
from concurrent.futures import ThreadPoolExecutor

import attrs
import numpy as np
import pytest

from nav_openvino import OpenVINOConverter, OpenVINORunner
from navcore.contracts import Model
from navcore.domain import DeviceKind
from navcore.formats import Format
from navcore.testing.suites import RunnerSuite


@pytest.fixture
def model(onnx_model, tmp_path):
    (tmp_path / "ir").mkdir()
    path = tmp_path / "ir" / "model.xml"
    signature = OpenVINOConverter().write(onnx_model, path)
    return Model(format=Format.OPENVINO_IR, signature=signature, path=path, examples=onnx_model.examples)


class TestOpenVINOCPU(RunnerSuite):
    @pytest.fixture
    def tool(self):
        return OpenVINORunner()

    @pytest.fixture
    def model(self, model):
        return model


class TestOpenVINOCPUForThroughput(TestOpenVINOCPU):
    @pytest.fixture
    def tool(self):
        return OpenVINORunner(name="OpenVINOCPU-throughput", hint="THROUGHPUT", threads=1)


def test_it_computes_in_float32_on_every_cpu(model, expected):
    with OpenVINORunner().open(model, DeviceKind.CPU) as infer:
        error = np.abs(infer(model.examples[0])["maps"] - expected[0]["maps"]).max()

    # bfloat16 has 8 bits of mantissa: its error here would be about 1e-2.
    assert error < 1e-4


def test_several_threads_may_call_one_instance_and_get_their_own_outputs(model):
    calls, together = 200, threading.Barrier(4)
    feeds = [{"image": np.full((4, 3, 6, 5), number, np.float32)} for number in range(4)]
    with OpenVINORunner(threads=1).open(model, DeviceKind.CPU) as infer:

        def client(number):
            together.wait(30)
            return [infer(feeds[number])["maps"] for _ in range(calls)]

        expected = [infer(each)["maps"] for each in feeds]
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(client, range(4)))

    for number in range(4):
        np.testing.assert_allclose(np.stack(found[number]), np.stack([expected[number]] * calls), rtol=1e-5)


@pytest.mark.parametrize(("option", "value"), [("precision", "f32"), ("hint", "fastest"), ("threads", 0)])
def test_an_option_that_does_not_exist_is_refused(option, value):
    with pytest.raises(ValueError, match=f"'{option}' must be"):
        attrs.evolve(OpenVINORunner(), **{option: value})
