"""What a runner on ONNX Runtime can be told, and what reaches the session."""

import time

import attrs
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from nav_onnx.runners import ONNX_CPU
from nav_onnx.threads import default_threads


def _options(affine, **settings):
    return attrs.evolve(ONNX_CPU, **settings).session(affine).get_session_options()


def test_without_settings_it_has_a_thread_per_core_that_it_may_use_and_one_operator_at_a_time(affine):
    options = _options(affine)

    assert (default_threads(), 1) == (options.intra_op_num_threads, options.inter_op_num_threads)
    assert onnxruntime.ExecutionMode.ORT_SEQUENTIAL == options.execution_mode
    assert onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL == options.graph_optimization_level
    assert options.enable_cpu_mem_arena


NO_ENTRY = "none"


def _entry(options, key):
    try:
        return options.get_session_config_entry(key)
    except RuntimeError:  # ONNX Runtime's way to say that there is none
        return NO_ENTRY


@pytest.mark.parametrize(
    ("version", "timed"), [("1.25.1", ("1", NO_ENTRY)), ("1.26.0", ("0", "1000")), ("1.32.0", ("0", "1000"))]
)
def test_threads_stay_awake_for_short_while_others_are_timed_and_in_a_session_of_the_users_as_by_default(
    affine, version, timed, monkeypatch
):
    monkeypatch.setattr(onnxruntime, "__version__", version)
    idle = attrs.evolve(ONNX_CPU, spinning=False)

    def told(runner):
        options = runner.session(affine).get_session_options()
        return tuple(
            _entry(options, key) for key in ("session.force_spinning_stop", "session.intra_op.spin_duration_us")
        )

    assert [timed, ("0", NO_ENTRY)] == [told(runner) for runner in (ONNX_CPU, ONNX_CPU.alone())]
    assert ("1", NO_ENTRY) == told(idle)
    assert idle is idle.alone()


@pytest.mark.alone
def test_what_was_timed_leaves_the_cores_to_the_next(tmp_path):
    side, rows = 256, np.ones((64, 256), np.float32)
    weight = numpy_helper.from_array(np.ones((side, side), np.float32), "w")
    shape = ["n", side]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in "xy")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "wide", [x], [y], [weight])
    path = tmp_path / "wide.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)

    def seconds_after(runner):
        session = runner.session(path)
        spent = []
        for _ in range(5):
            for _ in range(20):
                session.run(None, {"x": rows})
            before = time.process_time()
            time.sleep(0.1)
            spent.append(time.process_time() - before)
        return min(spent)

    two = attrs.evolve(ONNX_CPU, threads=2)

    assert seconds_after(two) < seconds_after(two.alone()) / 2


@pytest.mark.parametrize(("spinning", "entry"), [(True, "1"), (False, "0")])
def test_spinning_within_a_call_is_a_setting_of_both_pools(affine, spinning, entry):
    options = _options(affine, spinning=spinning)

    assert [entry, entry] == [
        options.get_session_config_entry(f"session.{pool}.allow_spinning") for pool in ("intra_op", "inter_op")
    ]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"threads": 3}, (3, 1)),
        ({"threads": 3, "execution": "parallel"}, (3, 3)),
        ({"threads": 1, "inter_threads": 2, "execution": "parallel"}, (1, 2)),
    ],
)
def test_threads_are_as_told(affine, settings, expected):
    options = _options(affine, **settings)

    assert expected == (options.intra_op_num_threads, options.inter_op_num_threads)


@pytest.mark.parametrize(
    ("optimization", "level"),
    [("none", "ORT_DISABLE_ALL"), ("basic", "ORT_ENABLE_BASIC"), ("extended", "ORT_ENABLE_EXTENDED")],
)
def test_the_graph_is_optimised_as_far_as_told(affine, optimization, level):
    options = _options(affine, optimization=optimization)

    assert getattr(onnxruntime.GraphOptimizationLevel, level) == options.graph_optimization_level


def test_operators_run_at_once_and_freed_memory_goes_back_where_told(affine):
    options = _options(affine, execution="parallel", arena=False)

    assert onnxruntime.ExecutionMode.ORT_PARALLEL == options.execution_mode
    assert not options.enable_cpu_mem_arena


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"threads": 0}, "'threads' must be >= 1: 0"),
        ({"threads": 1.5}, "'threads' must be <class 'int'>"),
        ({"execution": "both"}, r"'execution' must be in \('sequential', 'parallel'\) \(got 'both'\)"),
        ({"optimization": "most"}, r"'optimization' must be in \('none', 'basic', 'extended', 'all'\) \(got 'most'\)"),
        ({"spinning": "no"}, "'spinning' must be <class 'bool'>"),
        ({"arena": 1}, "'arena' must be <class 'bool'>"),
        (
            {"inter_threads": 2},
            r"OnnxCPU: inter_threads=2 has no effect with execution='sequential'; say execution='parallel', or leave",
        ),
        ({"provider_options": {"a": "b"}}, r"provider_options=\{'a': 'b'\}: give pairs of text, for example \(\("),
        ({"provider_options": (("device_id", 1),)}, r"give pairs of text"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_value(settings, message):
    with pytest.raises((ValueError, TypeError), match=message):
        attrs.evolve(ONNX_CPU, **settings)
