"""From samples to profiles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nav_trt.build import add_profile
from nav_trt.infer import profile_for
from nav_trt.profile import TensorRTProfile, frozen_profile
from nav_trt.shapes import holds, profile_at, ranges_of, sizes_of, value_profile
from nav_trt.trt_error import EngineError
from navcore.domain import Range, Signature, TensorSpec
from navcore.errors import UsageError

IDS = TensorSpec("ids", "int64", ("batch", "length"))
IMAGE = TensorSpec("image", "float32", ("batch", 3, "height", 8))
BOTH = Signature((IDS, IMAGE), (), batch="batch")
FIXED = {"ids": (-1, -1), "image": (-1, 3, -1, 8)}


def feeds(batch, length, height):
    return {"ids": np.zeros((batch, length), np.int64), "image": np.zeros((batch, 3, height, 8), np.float32)}


sizes = st.integers(1, 40)


@given(samples=st.lists(st.tuples(sizes, sizes, sizes), min_size=1, max_size=6), limit=st.integers(1, 99))
def test_a_profile_holds_every_sample_and_nothing_wider_but_the_batch(samples, limit):
    examples = [feeds(*sample) for sample in samples]
    profile = profile_at(BOTH, sizes_of(BOTH, examples, limit), FIXED)

    assert all(holds(profile, {name: array.shape for name, array in each.items()}) for each in examples)
    ranges = {each.dimension: (each.smallest, each.largest) for each in ranges_of(BOTH, [profile])}
    batches, lengths, heights = (set(column) for column in zip(*samples, strict=True))
    assert (1, max(*batches, limit)) == ranges["batch"]
    assert (min(lengths), max(lengths)) == ranges["length"]
    assert (min(heights), max(heights)) == ranges["height"]
    for _, low, best, high in profile:
        assert low <= best <= high


@pytest.mark.parametrize(("limit", "best"), [(1, 1), (8, 8), (32, 16), (64, 32), (128, 64), (1024, 256)])
def test_the_optimal_batch_is_that_of_model_navigator(limit, best):
    assert best == sizes_of(BOTH, [feeds(1, 1, 1)], limit)["batch"].optimum


def test_what_the_model_is_good_for_limits_the_profile():
    signature = Signature((IDS,), (), batch="batch", ranges=(Range("batch", 2, 16),))
    found = sizes_of(signature, [feeds(4, 5, 1)], 64)

    assert (2, 16) == (found["batch"].smallest, found["batch"].largest)


def test_an_axis_that_the_file_has_fixed_stays_fixed():
    profile = profile_at(BOTH, sizes_of(BOTH, [feeds(2, 5, 7)], 8), {"ids": (2, -1), "image": (2, 3, 7, 8)})

    assert ("ids", (2, 5), (2, 5), (2, 5)) == profile[0]
    assert Range("batch", 2, 2) == ranges_of(BOTH, [profile])[0]


def test_values_of_shapes_and_sizes_are_of_one_sample():
    signature = Signature(
        (TensorSpec("x", "float32", ("batch", 4)), TensorSpec("shape", "int64", (2,)), TensorSpec("n", "int64", ())), ()
    )
    examples = [{"x": np.ones((size, 4)), "shape": np.array([2 * size, 2]), "n": np.array(size)} for size in (2, 9, 4)]

    assert (("shape", (4, 2), (8, 2), (18, 2)), ("n", (2,), (4,), (9,))) == value_profile(signature, examples)
    found = sizes_of(signature, examples, 64)["batch"]
    assert (2, 4, 9) == (found.smallest, found.optimum, found.largest)


def test_profiles_side_by_side_promise_only_the_first():
    first = frozen_profile({"ids": ((1, 1), (4, 8), (8, 16))})
    beside = frozen_profile({"ids": ((1, 16), (1, 32), (1, 64))})
    around = frozen_profile({"ids": ((1, 1), (4, 8), (16, 64))})
    signature = Signature((IDS,), (), batch="batch")

    assert (Range("batch", 1, 8), Range("length", 1, 16)) == ranges_of(signature, [first, beside])
    assert (Range("batch", 1, 16), Range("length", 1, 64)) == ranges_of(signature, [first, beside, around])


def test_the_profile_is_chosen_by_the_shapes():
    profiles = [frozen_profile({"ids": ((1, 1), (4, 8), (8, 16))}), frozen_profile({"ids": ((1, 1), (1, 8), (1, 16))})]

    assert (0, 1) == (profile_for(profiles, {"ids": (2, 5)}), profile_for(profiles, {"ids": (1, 5)}))
    with pytest.raises(EngineError, match=r"no profile of the engine holds ids \[9, 5\]; it has: ids \[1, 1\] to"):
        profile_for(profiles, {"ids": (9, 5)})


def test_what_is_read_back_from_tensorrt_is_the_range_of_the_samples(engines, transformer):
    import tensorrt

    from nav_trt.parse import network_of
    from nav_trt.trt_logger import trt_logger

    builder = tensorrt.Builder(trt_logger())
    network, parser = network_of(builder, transformer.path, transformer.signature, (), strongly_typed=True)
    shape = tuple(network.get_input(0).shape)
    found = sizes_of(transformer.signature, transformer.examples, 16)
    profile = profile_at(transformer.signature, found, {"ids": shape})
    made = add_profile(builder, builder.create_builder_config(), profile, (), 0)
    del parser

    assert (-1, -1) == shape
    assert [(1, 5), (16, 9), (16, 12)] == [tuple(each) for each in made.get_shape("ids")]


def test_a_profile_of_the_user_goes_to_plain_data_and_back():
    profile = TensorRTProfile().add("ids", (1, 1), (4, 8), (8, 16)).add("image", (1, 3), (1, 3), (2, 3))

    assert profile == TensorRTProfile.from_dict(profile.to_dict())
    assert {"min": (1, 1), "opt": (4, 8), "max": (8, 16)} == profile.to_dict()["ids"]
    assert frozen_profile(profile) == frozen_profile(profile.to_dict())


@pytest.mark.parametrize("shapes", [((2,), (1,), (3,)), ((1,), (2, 2), (3,)), ((1,), (-1,), (3,))])
def test_shapes_that_do_not_ascend_are_refused(shapes):
    with pytest.raises(UsageError, match="no shapes of one rank in ascending order"):
        TensorRTProfile().add("x", *shapes)
