"""Records: what they accept, what they refuse, and what holds for every one of them."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from navcore import domain
from navcore.domain import (
    Artifact,
    DeviceKind,
    FileHash,
    OptimizationProfile,
    Request,
    Route,
    Signature,
    TensorSpec,
    Tolerance,
)
from navcore.errors import UnknownNameError
from navcore.formats import Format, Risk
from navcore.strategies import WeightedStrategy

_RECORDS = [value for value in vars(domain).values() if isinstance(value, type) and attrs.has(value)]

_identifiers = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
_dimensions = st.one_of(st.integers(0, 2**40), _identifiers)
_specs = st.builds(
    TensorSpec,
    name=st.text(min_size=1, max_size=12),
    dtype=st.sampled_from(["float32", "int64", "bool", "bfloat16"]),
    shape=st.lists(_dimensions, max_size=5).map(tuple),
)
_sides = st.lists(_specs, max_size=4, unique_by=lambda spec: spec.name).map(tuple)
_edge_names = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
_formats = st.sampled_from([value for value in vars(Format).values() if isinstance(value, Format)])


@pytest.mark.parametrize("cls", _RECORDS, ids=lambda cls: cls.__name__)
def test_every_record_is_frozen(cls: type) -> None:
    name = attrs.fields(cls)[0].name
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        cls.__setattr__(object.__new__(cls), name, None)


@given(_specs)
def test_a_spec_prints_name_dtype_and_shape(spec: TensorSpec) -> None:
    assert f"{spec.name}: {spec.dtype}[{', '.join(str(dimension) for dimension in spec.shape)}]" == str(spec)


@given(_specs)
def test_equal_specs_are_interchangeable(spec: TensorSpec) -> None:
    twin = attrs.evolve(spec)

    assert twin == spec
    assert hash(twin) == hash(spec)


@pytest.mark.parametrize("dimension", [-1, "", "2nd", "batch size", None, 1.5, True])
def test_a_spec_refuses_what_is_no_dimension(dimension: object) -> None:
    with pytest.raises(ValueError, match="is neither a size >= 0 nor an identifier") as caught:
        TensorSpec("x", "float32", ("batch", dimension))  # type: ignore[arg-type]  # what is tested

    assert str(caught.value).startswith(f"shape={('batch', dimension)!r}: {dimension!r} ")


@pytest.mark.parametrize("arguments", [("", "float32"), ("x", "")])
def test_a_spec_has_a_name_and_a_dtype(arguments: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="must be >= 1"):
        TensorSpec(*arguments, ())


@given(_sides, _sides)
def test_a_signature_keeps_the_order_of_its_sides(
    inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]
) -> None:
    signature = Signature(inputs, outputs)

    assert tuple(spec.name for spec in inputs) == signature.input_names
    assert tuple(spec.name for spec in outputs) == signature.output_names


@given(_specs)
def test_a_name_stands_once_on_each_side_of_a_signature(spec: TensorSpec) -> None:
    assert Signature((spec,), (spec,)).input_names == (spec.name,)
    for side in ("inputs", "outputs"):
        with pytest.raises(ValueError, match=f"{side}: the name .* is used twice"):
            Signature(**{"inputs": (), "outputs": (), side: (spec, attrs.evolve(spec, dtype="int8"))})


def test_a_signature_prints_as_a_call() -> None:
    x, y = TensorSpec("x", "float32", ("batch", 3)), TensorSpec("y", "int64", ())

    assert "x: float32[batch, 3] -> y: int64[]" == str(Signature((x,), (y,)))
    assert "nothing -> nothing" == str(Signature((), ()))


def test_an_input_is_batched_where_the_batch_is_its_first_axis() -> None:
    inputs = (
        TensorSpec("first", "float32", ("batch", 3)),
        TensorSpec("later", "float32", (3, "batch")),
        TensorSpec("scalar", "float32", ()),
    )
    signature = Signature(inputs, (), batch="batch")

    assert [True, False, False] == [signature.batched(name) for name in signature.input_names]
    assert not attrs.evolve(signature, batch=None).batched("first")


@given(_formats, st.lists(_edge_names, max_size=4))
def test_the_id_of_a_route_tells_its_source_on_disk_and_its_edges(source: Format, edges: list[str]) -> None:
    route = Route(source, (), source)
    for edge in edges:
        route = route.then(edge, Format.ONNX)
    names = route.id.split("/")

    assert edges == names[len(names) - len(edges) :]
    assert (source.live and bool(edges)) == (len(names) == len(edges))
    assert (not edges) == route.is_source
    assert str(route) == route.id


@given(_formats, st.lists(_edge_names, min_size=1, max_size=4))
def test_a_route_is_one_edge_longer_than_its_parent(source: Format, edges: list[str]) -> None:
    *most, last = edges
    route = Route(source, tuple(most), Format.ONNX).then(last, Format.OPENVINO_IR)

    assert tuple(most) == route.parent
    assert Format.OPENVINO_IR == route.format


def test_routes_from_a_file_and_from_an_export_have_the_same_id() -> None:
    exported = Route(Format.TORCH, ("onnx", "openvino-ir"), Format.OPENVINO_IR)
    given_file = Route(Format.ONNX, ("openvino-ir",), Format.OPENVINO_IR)

    assert "onnx/openvino-ir" == exported.id == given_file.id


def test_the_defaults_of_a_profile_are_those_that_users_know() -> None:
    profile = OptimizationProfile()

    assert (None, None) == (profile.max_batch_size, profile.batch_sizes)
    assert (25, 10.0, 3) == (profile.window_size, profile.stability_percentage, profile.stabilization_windows)
    assert (3, 10) == (profile.min_trials, profile.max_trials)
    assert (0.05, 2) == (profile.throughput_cutoff_threshold, profile.throughput_backoff_limit)


@given(st.lists(st.integers(1, 2**20), min_size=1, max_size=6))
def test_batch_sizes_of_a_profile_ascend_and_repeat_nothing(sizes: list[int]) -> None:
    profile = OptimizationProfile(batch_sizes=sizes)  # type: ignore[arg-type]  # any iterable is converted

    assert tuple(sorted(set(sizes))) == profile.batch_sizes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_batch_size": 0}, "'max_batch_size' must be >= 1: 0"),
        ({"batch_sizes": ()}, r"batch_sizes=\(\): give at least one size, each 1 or more"),
        ({"batch_sizes": (8, 0)}, r"batch_sizes=\(0, 8\): give at least one size, each 1 or more"),
        ({"window_size": 0}, "'window_size' must be >= 1: 0"),
        ({"stability_percentage": 0}, "'stability_percentage' must be > 0: 0"),
        ({"stabilization_windows": 0}, "'stabilization_windows' must be >= 1: 0"),
        ({"min_trials": 0}, "'min_trials' must be >= 1: 0"),
        ({"max_trials": 0}, "'max_trials' must be >= 1: 0"),
        ({"min_trials": 5, "max_trials": 4}, "min_trials=5 is above max_trials=4"),
        ({"throughput_cutoff_threshold": -0.1}, "'throughput_cutoff_threshold' must be >= 0: -0.1"),
        ({"throughput_backoff_limit": -1}, "'throughput_backoff_limit' must be >= 0: -1"),
    ],
)
def test_a_profile_refuses_what_cannot_be_measured(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        OptimizationProfile(**options)  # type: ignore[arg-type]  # what is tested


COUNTS = ("window_size", "stabilization_windows", "min_trials", "throughput_backoff_limit", "max_batch_size")


@pytest.mark.parametrize("name", [*COUNTS, "max_trials", "batch_sizes", "concurrency"])
@pytest.mark.parametrize("value", [2.0, 2.5, "2"])
def test_a_profile_counts_in_whole_numbers_and_names_the_field(name: str, value: object) -> None:
    given = (1, value) if name in {"batch_sizes", "concurrency"} else value

    with pytest.raises(TypeError, match=rf"{name}=.*{value}.*: whole numbers only"):
        OptimizationProfile(**{name: given})  # type: ignore[arg-type]  # what is tested


def test_whole_numbers_of_numpy_are_those_of_python() -> None:
    theirs = OptimizationProfile(**{name: np.int64(3) for name in COUNTS}, concurrency=np.array([4, 2]))  # type: ignore[arg-type]  # any iterable
    mine = OptimizationProfile(**dict.fromkeys(COUNTS, 3), concurrency=(2, 4))  # type: ignore[arg-type]  # all are counts

    assert mine == theirs
    assert hash(mine) == hash(theirs)
    assert int is type(theirs.window_size)
    assert [int, int] == list(map(type, theirs.concurrency or ()))


@pytest.mark.parametrize(
    ("options", "message"),
    [({"sample_count": 0}, "'sample_count' must be >= 1: 0"), ({"max_hops": 0}, "'max_hops' must be >= 1: 0")],
)
def test_a_request_refuses_what_cannot_be_done(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Request(**options)  # type: ignore[arg-type]  # what is tested


@pytest.mark.parametrize("side", ["atol", "rtol"])
def test_a_tolerance_is_not_negative(side: str) -> None:
    with pytest.raises(ValueError, match=f"'{side}' must be >= 0: -1e-06"):
        Tolerance(**{side: -1e-6})


@given(st.lists(st.integers(0, 2**50), max_size=5))
def test_the_size_of_an_artifact_is_that_of_its_files(sizes: list[int]) -> None:
    files = tuple(FileHash(f"onnx/{index}", "0" * 64, size) for index, size in enumerate(sizes))

    assert sum(sizes) == Artifact(Format.ONNX, "onnx/0", Signature((), ()), files).size_bytes


def test_a_device_prints_as_it_is_typed() -> None:
    assert ["cpu", "cuda"] == [str(kind) for kind in DeviceKind]
    assert DeviceKind.CUDA is DeviceKind("cuda")


@pytest.mark.parametrize("name", ["", "ONNX", "my format", "-onnx", "onnx-", "a--b", "1x", "onnx/ir"])
def test_a_format_refuses_a_name_that_cannot_stand_in_a_route(name: str) -> None:
    with pytest.raises(ValueError, match="must be lower-case words joined by '-', for example 'my-format'"):
        Format(name)


def test_formats_are_equal_by_name() -> None:
    assert Format.ONNX == Format("onnx", suffix=".pb", risk=Risk.CODE)
    assert 1 == len({Format.ONNX, Format("onnx")})


def test_a_format_that_says_nothing_is_taken_for_code() -> None:
    assert Risk.CODE is Format("my-format").risk


@pytest.mark.parametrize(
    ("call", "near"),
    [
        (lambda: OptimizationProfile(max_batch=3), "max_batch_size"),  # type: ignore[call-arg]  # what it is about
        (lambda: Tolerance(1e-3, rtoll=1e-3), "rtol"),  # type: ignore[call-arg]
        (lambda: WeightedStrategy(trhoughput=2), "throughput"),  # type: ignore[call-arg]
    ],
)
def test_an_option_that_does_not_exist_is_told_with_the_nearest_name(call: Callable[[], object], near: str) -> None:
    with pytest.raises(UnknownNameError, match=f"no field of \\w+ named [\\s\\S]*did you mean '{near}'"):
        call()
