"""The toys that tests of the engine are arranged with."""

from pathlib import Path

import numpy as np
import pytest

from navcore import load_plugins
from navcore.contracts import Model
from navcore.domain import Names
from navcore.errors import DataloaderError
from navcore.testing.toys import (
    TOY_LIVE,
    TOY_NPZ,
    TOY_SIGNATURE,
    TOY_TOOLS,
    ToyExporter,
    ToyModel,
    ToyPlugin,
    ToyRunner,
    toy_samples,
)


def test_the_toy_plugin_loads_without_problems():
    registry = load_plugins(extra=[ToyPlugin()], installed=False)

    assert () == registry.problems
    assert {tool.name for tool in TOY_TOOLS} == {tool.name for tool in registry.tools_of("toy")}


def test_two_toy_plugins_can_be_loaded_under_two_names():
    other = ToyPlugin(name="other", tools=(ToyRunner(name="ToyWrong", fault="wrong"),))
    registry = load_plugins(extra=[ToyPlugin(), other], installed=False)

    assert () == registry.problems
    assert "other" == registry.origins[registry.runner("ToyWrong")]


def test_a_toy_and_its_file_are_recognised(tmp_path):
    plugin = ToyPlugin()

    assert TOY_LIVE == plugin.nav_recognise(ToyModel())
    assert TOY_NPZ == plugin.nav_recognise(tmp_path / "toy.npz")
    assert plugin.nav_recognise("toy.onnx") is None
    assert plugin.nav_recognise(len) is None


def test_a_toy_records_the_shapes_that_it_was_called_with():
    toy = ToyModel()
    description = ToyPlugin().nav_describe(toy, toy_samples(1, batch=4)[0], Names())
    description.infer(description.inputs)

    assert [(4, 3)] == toy.calls


def test_names_of_the_user_are_taken():
    description = ToyPlugin().nav_describe(ToyModel(), toy_samples(1)[0], Names(("a",), ("b",)))

    assert ["a"] == list(description.inputs)
    assert ["b"] == list(description.infer(description.inputs))


def test_only_a_toy_that_declares_its_signature_bears_to_have_no_sample():
    assert TOY_SIGNATURE == ToyPlugin(declared=True).nav_describe(ToyModel(), None, Names()).signature
    with pytest.raises(DataloaderError, match="a toy takes one array, got NoneType"):
        ToyPlugin().nav_describe(ToyModel(), None, Names())


@pytest.mark.parametrize("suffix", [".npz", ".json"])
def test_a_saved_toy_is_the_same_after_loading(tmp_path, suffix):
    toy = ToyModel()
    toy.save(tmp_path / f"toy{suffix}")
    loaded = ToyModel.load(tmp_path / f"toy{suffix}")

    assert np.array_equal(toy.weight, loaded.weight)
    assert np.array_equal(toy.bias, loaded.bias)


def test_a_faulty_exporter_writes_other_numbers(tmp_path: Path):
    model = Model(format=TOY_LIVE, signature=TOY_SIGNATURE, object=ToyModel())
    ToyExporter(fault="wrong").write(model, tmp_path / "toy.npz")

    assert [1.5, 0.5] == ToyModel.load(tmp_path / "toy.npz").bias.tolist()


def test_a_tool_that_is_missing_says_why():
    assert "no toys here; buy some" == ToyRunner(missing="no toys here; buy some").unavailable()
