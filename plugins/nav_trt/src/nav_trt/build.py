"""Builds an engine from an ONNX file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from nav_trt.gpu import missing_gpu
from nav_trt.parse import network_of
from nav_trt.profile import FrozenProfile
from nav_trt.shapes import profile_at, sizes_of, value_profile
from nav_trt.timing_cache import load_timings, store_timings
from nav_trt.trt_error import EngineError
from nav_trt.trt_logger import trt_logger
from nav_trt.trt_progress import trt_progress
from navcore.contracts import Model
from navcore.errors import UnknownNameError

__all__ = ["BuildOptions", "add_profile", "build_engine"]


@attrs.frozen(kw_only=True)
class BuildOptions:
    """How an engine is built.

    Attributes:
        strongly_typed: Whether each tensor keeps the type that the graph says.
        builder_flags: Names of `tensorrt.BuilderFlag`; TensorFloat-32 is off unless it is among them.
        max_batch_size: As `sizes_of` has it.
        profiles: Further ones.
        workspace_bytes: Memory that kernels may use; None: all.
        optimization_level: 0 to 5; None: TensorRT's own.
        compatibility_level: Name of `tensorrt.HardwareCompatibilityLevel`, in lower case; None: this kind of GPU only.
        parser_flags: Values of `tensorrt.OnnxParserFlag`.
        timing_cache: File for timings.
        attributes: Further attributes of `tensorrt.IBuilderConfig`.
    """

    strongly_typed: bool = True
    builder_flags: tuple[str, ...] = ()
    max_batch_size: int = 64
    profiles: tuple[FrozenProfile, ...] = ()
    workspace_bytes: int | None = None
    optimization_level: int | None = None
    compatibility_level: str | None = None
    parser_flags: tuple[int, ...] = ()
    timing_cache: Path
    attributes: tuple[tuple[str, Any], ...] = ()


def build_engine(path: Path, model: Model, out: Path, options: BuildOptions) -> tuple[FrozenProfile, ...]:
    """Write the engine, and return its profiles: that of the samples, then the further ones.

    Args:
        path: The ONNX file to build from.
        model: Whose samples and signature count.
        out: Where to write.
        options: How.

    Raises:
        EngineError: TensorRT refuses the graph, a profile or an option, or finds no way to run it.
    """
    import tensorrt

    logger = trt_logger()
    logger.errors.clear()
    builder = tensorrt.Builder(logger)
    network, parser = network_of(
        builder, path, model.signature, options.parser_flags, strongly_typed=options.strongly_typed
    )
    config = _config(builder, options)
    profiles = _profiles(model, network, options)
    values = value_profile(model.signature, model.examples)
    for place, profile in enumerate(profiles):
        add_profile(builder, config, profile, values, place)
    timed = missing_gpu() is None  # else nothing is, and TensorRT complains about old timings
    if timed:
        load_timings(config, options.timing_cache)
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        reason = logger.errors[-1] if logger.errors else "no reason given"
        raise EngineError(
            f"TensorRT cannot build the engine: {' '.join(reason.split())}",
            "read the whole log; a larger max_workspace_size, or smaller profiles, help where memory is short",
        ) from RuntimeError(reason)
    out.write_bytes(engine)
    if timed:
        store_timings(config, options.timing_cache)
    del parser  # until here: the network holds weights that belong to it
    return profiles


def _config(builder: Any, options: BuildOptions) -> Any:
    import tensorrt

    config = builder.create_builder_config()
    # On by default, and a lower precision than the name of a tool says.
    config.clear_flag(tensorrt.BuilderFlag.TF32)
    for name in options.builder_flags:
        config.set_flag(getattr(tensorrt.BuilderFlag, name))
    if options.workspace_bytes is not None:
        config.set_memory_pool_limit(tensorrt.MemoryPoolType.WORKSPACE, options.workspace_bytes)
    if options.optimization_level is not None:
        config.builder_optimization_level = options.optimization_level
    if options.compatibility_level is not None:
        level = getattr(tensorrt.HardwareCompatibilityLevel, options.compatibility_level.upper())
        config.hardware_compatibility_level = level
    config.progress_monitor = trt_progress()
    known = [name for name, value in vars(type(config)).items() if isinstance(value, property)]
    for name, value in options.attributes:
        if name not in known:
            raise UnknownNameError("attribute of tensorrt.IBuilderConfig", name, known, "see TensorRT's documentation")
        setattr(config, name, value)
    return config


def _profiles(model: Model, network: Any, options: BuildOptions) -> tuple[FrozenProfile, ...]:
    shapes = {tensor.name: tuple(tensor.shape) for tensor in map(network.get_input, range(network.num_inputs))}
    sizes = sizes_of(model.signature, model.examples, options.max_batch_size)
    own = profile_at(model.signature, sizes, shapes)
    further = []
    for place, profile in enumerate(options.profiles):
        given = {name: shapes for name, *shapes in profile}
        _check_profile(given, shapes, place)
        # Inputs of one shape only need not be named.
        further.append(tuple((name, *given.get(name, (low, best, high))) for name, low, best, high in own))
    return (own, *further)


def _check_profile(given: Mapping[str, Any], shapes: Mapping[str, Sequence[int]], place: int) -> None:
    for name in given:
        if name not in shapes:
            raise UnknownNameError(f"input in trt_profiles[{place}]", name, shapes, "name inputs of the model")
        ranks = (len(given[name][0]), len(shapes[name]))
        if ranks[0] != ranks[1]:
            raise EngineError(
                f"trt_profiles[{place}] has {ranks[0]} axes for {name!r}, and the model {ranks[1]}",
                f"give shapes like {tuple(shapes[name])}, where -1 stands for any size",
            )
    missing = [name for name, shape in shapes.items() if -1 in shape and name not in given]
    if missing:
        raise EngineError(
            f"trt_profiles[{place}] has no shapes for {missing[0]!r}",
            f".add({missing[0]!r}, min=..., opt=..., max=...)",
        )


def add_profile(builder: Any, config: Any, profile: FrozenProfile, values: FrozenProfile, place: int) -> Any:
    """Return the `tensorrt.IOptimizationProfile` that was added to the config.

    Raises:
        EngineError: TensorRT refuses it.
    """
    made = builder.create_optimization_profile()
    for name, *shapes in profile:
        made.set_shape(name, *shapes)
    for name, *shapes in values:
        made.set_shape_input(name, *shapes)
    if config.add_optimization_profile(made) < 0:
        told = "; ".join(f"{name} {low} to {high}" for name, low, _, high in profile)
        raise EngineError(f"TensorRT refuses profile {place} ({told})", "give shapes that the model can take")
    return made
