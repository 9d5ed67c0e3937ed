"""describe(): from samples to a signature, reference outputs, and clear errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from navcore.domain import Names, Request, TensorSpec
from navcore.engine.describe import Source
from navcore.engine.describe import describe as describe_recognised
from navcore.engine.recognise import recognise
from navcore.errors import DataloaderError, PluginError, UnrecognisedModelError
from navcore.formats import Format
from navcore.hookspecs import hookimpl
from navcore.plugins import load_plugins
from navcore.registry import Registry
from navcore.testing.toys import ToyModel, ToyPlugin, toy_samples


def describe(model: Any, dataloader: Any, registry: Registry, request: Request) -> Source:
    return describe_recognised(model, dataloader, recognise(model, registry), request)


def described(function: Callable[..., Any], *samples: Any, **options: Any) -> Source:
    return describe(function, samples, load_plugins(installed=False), Request(**options))


def shapes(source: Source) -> list[str]:
    signature = source.model.signature
    return [str(spec) for spec in (*signature.inputs, *signature.outputs)]


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


def test_the_batch_is_found_by_running_another_batch_size() -> None:
    source = described(lambda x: (x * 2, x.sum(axis=0)), ones(1, 3))

    assert ["input__0: float32[batch, 3]", "output__0: float32[batch, 3]", "output__1: float32[3]"] == shapes(source)
    assert [(1, True), (2, False), (7, False)] == [(sample.batch_size, sample.given) for sample in source.samples]


def test_other_dimensions_that_vary_are_named_and_followed() -> None:
    source = described(lambda x, y: x + y, (ones(2, 5), ones(2, 5)), (ones(2, 7), ones(2, 7)))

    assert [
        "input__0: float32[batch, dim_1]",
        "input__1: float32[batch, dim_1]",
        "output__0: float32[batch, dim_1]",
    ] == shapes(source)


def test_dimensions_that_vary_apart_get_names_of_their_own() -> None:
    source = described(lambda x, y: x.sum() + y.sum(), (ones(2, 5), ones(2, 9)), (ones(2, 7), ones(2, 3)))

    assert ["input__0: float32[batch, dim_1]", "input__1: float32[batch, input__1_dim_1]"] == shapes(source)[:2]


def test_an_output_dimension_of_no_input_gets_a_name() -> None:
    source = described(lambda x: np.repeat(x, x.shape[1], axis=1), ones(2, 3), ones(2, 4))

    assert "output__0: float32[batch, output__0_dim_1]" == shapes(source)[1]


def test_a_constant_first_axis_is_not_the_batch_where_another_varies() -> None:
    source = described(lambda bias, x: x + bias, (ones(1, 4), ones(2, 4)), (ones(1, 4), ones(4, 4)))

    assert ["input__0: float32[1, 4]", "input__1: float32[batch, 4]", "output__0: float32[batch, 4]"] == shapes(source)


def test_the_batch_is_the_larger_first_axis_where_one_sample_must_tell() -> None:
    source = described(lambda position, x: x + position, (ones(1, 4), ones(3, 4)))

    assert ["input__0: float32[1, 4]", "input__1: float32[batch, 4]"] == shapes(source)[:2]


def test_a_vector_of_one_beside_a_batch_of_one_is_left_alone() -> None:
    def scaled(scale: np.ndarray, x: np.ndarray) -> np.ndarray:
        assert scale.shape == (1,)
        return x * scale

    assert ["input__0: float32[1]", "input__1: float32[batch, 4]"] == shapes(described(scaled, (ones(1), ones(1, 4))))[
        :2
    ]


def test_outputs_that_lose_an_axis_at_one_batch_size_are_an_error_or_end_batching() -> None:
    single = described(lambda x: x.sum(axis=1, keepdims=True).squeeze(), ones(1, 4))

    assert single.model.signature.batch is None
    assert "output 'output__0' is float32 with 1 axes, and else float32 with 0 axes" in single.notices[0]
    with pytest.raises(DataloaderError, match=r"outputs change with the sample: for sample 1[\s\S]*squeeze\(-1\)"):
        described(lambda x: x.sum(axis=1, keepdims=True).squeeze(), ones(1, 4), ones(2, 4))


def test_outputs_that_come_and_go_are_an_error() -> None:
    with pytest.raises(DataloaderError, match="it gives output__0, output__1, and else output__0"):
        described(lambda x: (x, x) if len(x) > 1 else (x,), ones(1, 4), ones(2, 4))


def test_a_dataloader_that_fails_is_an_error_that_says_where() -> None:
    def failing() -> Any:
        yield ones(2, 3)
        raise OSError("disk on fire")

    with pytest.raises(DataloaderError, match="the dataloader failed at sample 1: OSError: disk on fire"):
        describe(lambda x: x, failing(), load_plugins(installed=False), Request())


def test_a_function_that_writes_to_its_input_does_not_change_the_samples() -> None:
    def grow(x: np.ndarray) -> np.ndarray:
        x += 1
        return x

    source = described(grow, np.zeros((2, 3), np.float32))

    assert () == source.notices
    np.testing.assert_array_equal(np.zeros((2, 3)), source.samples[0].inputs["input__0"])


def test_text_of_any_length_is_one_dtype() -> None:
    source = described(lambda words: np.char.upper(words), np.array(["a", "bc"]), np.array(["def", "g"]))

    assert ["input__0: str[batch]", "output__0: str[batch]"] == shapes(source)


def test_dimension_names_never_run_out() -> None:
    names = ("a.b", "a_b", "a-b", "y²")
    samples = [{name: ones(2, 3 + index * size) for index, name in enumerate(names, 1)} for size in (0, 1, 3)]
    source = described(lambda **kwargs: sum(array.sum() for array in kwargs.values()), *samples)

    assert 4 == len({spec.shape[1] for spec in source.model.signature.inputs})


def test_inputs_without_the_batch_axis_are_left_alone() -> None:
    source = described(lambda x, table, scale: x @ table * scale, (ones(2, 3), ones(3, 4), np.float32(2)))

    assert ["input__0: float32[batch, 3]", "input__1: float32[3, 4]", "input__2: float32[]"] == shapes(source)[:3]


def test_the_first_example_has_a_batch_of_two_or_more() -> None:
    source = described(lambda x: x, ones(1, 3), ones(1, 3))

    assert [2, 1, 1] == [len(example["input__0"]) for example in source.model.examples]


def test_a_model_that_refuses_other_batch_sizes_is_taken_without_batching_and_says_so() -> None:
    def fixed(x: np.ndarray) -> np.ndarray:
        return x.reshape(4, 3)

    source = described(fixed, ones(4, 3))

    assert source.model.signature.batch is None
    (notice,) = source.notices
    assert "the model refuses batch size 5 (cannot reshape array of size 15 into shape (4,3))" in notice
    assert "batching=False" in notice


def test_batching_false_leaves_shapes_as_they_are() -> None:
    source = described(lambda x: x, ones(4, 3), batching=False)

    assert ["input__0: float32[4, 3]", "output__0: float32[4, 3]"] == shapes(source)
    assert () == source.notices


def test_keywords_and_dicts_keep_their_names() -> None:
    source = described(lambda ids, mask: {"logits": ids + mask}, {"ids": ones(2, 3), "mask": ones(2, 3)})

    assert ["ids", "mask", "logits"] == [text.partition(":")[0] for text in shapes(source)]


def test_names_of_the_user_are_taken() -> None:
    source = described(lambda x: x, ones(2, 3), names=Names(("a",), ("b",)))

    assert ["a: float32[batch, 3]", "b: float32[batch, 3]"] == shapes(source)


def test_the_wrong_number_of_names_is_an_error() -> None:
    with pytest.raises(DataloaderError, match="input_names has 2 names for 1 inputs"):
        described(lambda x: x, ones(2, 3), names=Names(("a", "b"), ()))


def test_a_model_that_changes_its_mind_is_reported() -> None:
    random = np.random.default_rng(0)
    source = described(lambda x: random.standard_normal(x.shape), ones(2, 3))

    assert "the model is not deterministic: output__0 changed between two calls with the same inputs" in source.notices


def test_a_model_that_gives_nan_is_not_called_undeterministic() -> None:
    assert () == described(lambda x: x * np.float32(np.nan), ones(2, 3)).notices


def test_an_empty_dataloader_is_an_error() -> None:
    with pytest.raises(DataloaderError, match="the dataloader gave no samples"):
        described(lambda x: x)


def test_a_dataloader_that_is_none_is_an_error_for_a_live_model() -> None:
    with pytest.raises(DataloaderError, match="no dataloader was given"):
        describe(ToyModel(), None, load_plugins([ToyPlugin()], installed=False), Request())


def test_a_dataloader_that_cannot_be_iterated_is_an_error() -> None:
    with pytest.raises(DataloaderError, match="the dataloader is a int"):
        describe(lambda x: x, 5, load_plugins(installed=False), Request())  # type: ignore[arg-type]


def test_samples_that_the_model_refuses_are_an_error_with_shapes_and_the_models_words() -> None:
    with pytest.raises(DataloaderError, match=r"refuses sample 0 \(input__0: float32\[2, 3\]\): ValueError: matmul"):
        described(lambda x: x @ np.ones((4, 4)), ones(2, 3))


def test_a_first_sample_that_is_empty_is_an_error() -> None:
    with pytest.raises(
        DataloaderError, match=r"sample 0 is empty \(input__0: float32\[0, 3\]\)[\s\S]*leave empty batches"
    ):
        described(lambda x: x, ones(0, 3), ones(2, 3))


def test_a_later_sample_and_a_part_of_one_may_be_empty() -> None:
    assert "batch" == described(lambda x: x, ones(2, 3), ones(0, 3)).model.signature.batch
    assert described(lambda x, boxes: x, (ones(2, 3), ones(0, 4))).samples


def test_a_later_sample_that_is_refused_because_it_is_empty_says_so() -> None:
    with pytest.raises(DataloaderError, match=r"refuses sample 1 [\s\S]*leave out samples in which input__0 is empty"):
        described(lambda x: x.reshape(len(x), -1), ones(2, 3), ones(0, 3))


def test_samples_of_different_structure_are_an_error() -> None:
    with pytest.raises(DataloaderError, match="sample 1 calls the model differently from sample 0"):
        described(lambda *x: sum(x), ones(2, 3), (ones(2, 3), ones(2, 3)))


def test_samples_of_different_dtype_are_an_error() -> None:
    with pytest.raises(DataloaderError, match="input 'input__0' is float64 with 2 axes in sample 1, and float32"):
        described(lambda x: x, ones(2, 3), np.ones((2, 3)))


def test_sample_count_bounds_what_is_read() -> None:
    read = []

    def endless() -> Any:
        while True:
            read.append(1)
            yield ones(2, 3)

    source = describe(lambda x: x, endless(), load_plugins(installed=False), Request(sample_count=4))

    assert 4 == len(read)
    assert 4 == sum(sample.given for sample in source.samples)


def test_a_file_that_declares_its_inputs_needs_no_dataloader(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    ToyModel().save(path)
    registry = load_plugins([ToyPlugin(declared=True)], installed=False)
    source = describe(path, None, registry, Request(seed=7))
    again = describe(path, None, registry, Request(seed=7))

    assert "inputs were made from the model's signature with seed 7" in source.notices[0]
    assert (TensorSpec("x", "float32", ("batch", 3)),) == source.model.signature.inputs
    np.testing.assert_array_equal(source.samples[0].inputs["x"], again.samples[0].inputs["x"])


def test_two_claims_are_an_error_that_names_both() -> None:
    registry = load_plugins([ToyPlugin(), ToyPlugin(name="rival", tools=())], installed=False)

    with pytest.raises(UnrecognisedModelError, match=r"'rival' \(as toy-live\) and 'toy' \(as toy-live\)"):
        recognise(ToyModel(), registry)


def test_an_unrecognised_object_lists_the_installed_plugins() -> None:
    with pytest.raises(UnrecognisedModelError, match=r"type builtins\.object; installed: navcore\.python \(navcore\)"):
        recognise(object(), load_plugins(installed=False))


def test_an_unrecognised_file_names_the_plugin_to_install() -> None:
    with pytest.raises(UnrecognisedModelError, match=r"the path 'model\.onnx'[\s\S]*fix: pip install nav-onnx"):
        recognise(Path("model.onnx"), load_plugins(installed=False))


def test_an_unrecognised_object_of_a_framework_names_the_plugin_to_install() -> None:
    module = type("Linear", (), {"__module__": "torch.nn.modules.linear"})

    with pytest.raises(UnrecognisedModelError, match="fix: pip install nav-torch"):
        recognise(module(), load_plugins(installed=False))


def test_a_forced_format_hears_no_other_claim() -> None:
    with pytest.raises(UnrecognisedModelError, match="as python"):
        recognise(ToyModel(), load_plugins([ToyPlugin()], installed=False), Format.PYTHON)


def test_the_users_samples_are_not_changed() -> None:
    samples = toy_samples()
    before = [sample.copy() for sample in samples]
    describe(ToyModel(), samples, load_plugins([ToyPlugin()], installed=False), Request())

    for left, right in zip(before, samples, strict=True):
        np.testing.assert_array_equal(left, right)


def test_a_plugin_that_fails_to_look_is_not_heard_and_the_others_decide(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        @hookimpl
        def nav_recognise(self, model: Any) -> Format | None:
            raise OSError("no eyes")

    claimed, plugin = recognise(ToyModel(), load_plugins([Broken(), ToyPlugin()], installed=False))

    assert ("toy-live", "toy") == (claimed.name, plugin.name)
    assert "given by the caller failed in nav_recognise and is not heard: no eyes" in caplog.text


def test_a_plugin_that_fails_to_describe_is_named() -> None:
    class Broken:
        __name__ = "broken"

        @hookimpl
        def nav_recognise(self, model: Any) -> Format | None:
            return Format("mine", live=True)

        @hookimpl
        def nav_describe(self, model: Any, sample: Any, names: Names) -> Any:
            raise KeyError("shape")

    registry = load_plugins([Broken()], installed=False)
    with pytest.raises(PluginError, match=r"plugin 'broken' .* failed to describe a sample: KeyError: 'shape'"):
        describe(object(), [1], registry, Request())
