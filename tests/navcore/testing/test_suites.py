"""The conformance suites: they pass for toys that keep the contract, and each fault fails the test that names it."""

import attrs
import numpy as np
import pytest

from navcore.contracts import Model
from navcore.domain import DeviceKind
from navcore.testing.suites import ConverterSuite, ExporterSuite, RunnerSuite, ToolSuite
from navcore.testing.toys import (
    TOY_JSON,
    TOY_LIVE,
    TOY_NPZ,
    TOY_SIGNATURE,
    ToyConverter,
    ToyExporter,
    ToyModel,
    ToyRunner,
    toy_samples,
)

_EXAMPLES = tuple({"x": sample} for sample in toy_samples())
_EXPECTED = tuple({"y": ToyModel()(example["x"])} for example in _EXAMPLES)


@pytest.fixture
def live():
    return Model(format=TOY_LIVE, signature=TOY_SIGNATURE, object=ToyModel(), examples=_EXAMPLES)


@pytest.fixture
def on_disk(tmp_path):
    (tmp_path / "source").mkdir()
    ToyModel().save(tmp_path / "source" / "toy.npz")
    path = tmp_path / "source" / "toy.npz"
    return Model(format=TOY_NPZ, signature=TOY_SIGNATURE, path=path, examples=_EXAMPLES)


class TestToyRunner(RunnerSuite):
    @pytest.fixture
    def tool(self):
        return ToyRunner()

    @pytest.fixture
    def model(self, on_disk):
        return on_disk

    @pytest.fixture
    def expected(self):
        return _EXPECTED


class TestToyExporter(ExporterSuite):
    @pytest.fixture
    def tool(self):
        return ToyExporter()

    @pytest.fixture
    def model(self, live):
        return live

    @pytest.fixture
    def runner(self):
        return ToyRunner()

    @pytest.fixture
    def expected(self):
        return _EXPECTED

    def state(self, model):
        return model.object.weight.tolist(), model.object.bias.tolist()


class TestToyConverter(ConverterSuite):
    @pytest.fixture
    def tool(self):
        return ToyConverter()

    @pytest.fixture
    def model(self, on_disk):
        return on_disk

    @pytest.fixture
    def runner(self):
        return ToyRunner(name="ToyJson", accepts=TOY_JSON)

    @pytest.fixture
    def expected(self):
        return _EXPECTED


@pytest.mark.parametrize(
    ("fault", "test", "message"),
    [
        ("wrong", "test_outputs_are_right_for_every_example", "Mismatched elements"),
        ("nan", "test_outputs_are_right_for_every_example", "nan location mismatch"),
        (
            "renames-output",
            "test_outputs_are_right_for_every_example",
            r"expected the names \['y'\], got \['y_renamed'\]",
        ),
        ("fixed-batch", "test_takes_other_batch_sizes", "got batch size 1, expected 2"),
        ("call-raises", "test_opens_again_and_twice_at_once", "this toy cannot run"),
    ],
)
def test_a_faulty_runner_fails(on_disk, fault, test, message):
    check = getattr(RunnerSuite(), test)
    with pytest.raises((AssertionError, RuntimeError), match=message):
        check(ToyRunner(fault=fault), on_disk, _EXPECTED, DeviceKind.CPU)


def test_a_runner_that_reuses_its_buffer_fails(on_disk):
    with pytest.raises(AssertionError, match="a second call changed 'y'; copy it"):
        RunnerSuite().test_outputs_belong_to_the_caller(ToyRunner(fault="reuses-buffer"), on_disk, DeviceKind.CPU)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_runner_that_raises_in_a_thread_fails(on_disk):
    with pytest.raises(AssertionError, match="raised in a thread of another name"):
        RunnerSuite().test_runs_in_another_thread(ToyRunner(fault="call-raises"), on_disk, _EXPECTED, DeviceKind.CPU)


@pytest.mark.parametrize(
    ("fault", "message"),
    [("writes-nothing", "toy.npz was not written; there is: \\[\\]"), ("renames-output", "y_renamed")],
)
def test_a_faulty_edge_fails(live, tmp_path, fault, message):
    with pytest.raises(AssertionError, match=message):
        ExporterSuite().test_writes_the_main_file_and_returns_the_signature(
            ToyExporter(fault=fault), live, tmp_path / "toy.npz"
        )


def test_an_edge_that_writes_other_numbers_fails(live, tmp_path):
    with pytest.raises(AssertionError, match="Mismatched elements"):
        ExporterSuite().test_what_was_written_computes_the_same(
            ToyExporter(fault="wrong"), live, tmp_path / "toy.npz", ToyRunner(), _EXPECTED
        )


def test_an_edge_that_writes_into_the_working_directory_fails(live, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(AssertionError, match="files were written into the working directory"):
        ExporterSuite().test_writes_nowhere_else(ToyExporter(), live, tmp_path / "elsewhere" / "toy.npz")


def test_an_edge_that_fixes_the_batch_size_fails(live, tmp_path):
    @attrs.frozen(kw_only=True)
    class Fixing(ToyExporter):
        def write(self, model, out):
            return attrs.evolve(super().write(model, out), batch=None)

    with pytest.raises(AssertionError, match="the batch size was fixed"):
        ExporterSuite().test_keeps_the_batch_axis(Fixing(), live, tmp_path / "toy.npz")


def test_a_reason_without_a_fix_fails():
    with pytest.raises(AssertionError, match="not of the form `cause; fix`: 'no toys'"):
        ToolSuite().test_says_why_it_is_unavailable_and_how_to_fix_it(ToyRunner(missing="no toys"))


def test_outputs_of_another_dtype_fail(on_disk):
    expected = tuple({"y": right["y"].astype(np.float64)} for right in _EXPECTED)
    with pytest.raises(AssertionError, match=r"'y': expected float64\[2, 2\], got float32\[2, 2\]"):
        RunnerSuite().test_outputs_are_right_for_every_example(ToyRunner(), on_disk, expected, DeviceKind.CPU)
