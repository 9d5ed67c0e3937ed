"""An engine as a callable on named arrays. Never run: where this was written there was no GPU."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nav_trt.cuda_graphs import CudaGraphs
from nav_trt.cuda_runtime import CudaRuntime
from nav_trt.device_memory import Place, dtype_of, output_allocator
from nav_trt.engine_file import DTYPES
from nav_trt.profile import FrozenProfile
from nav_trt.shapes import holds
from nav_trt.trt_error import EngineError
from navcore.contracts import Array, Tensors
from navcore.domain import Signature

__all__ = ["EngineInfer", "profile_for", "profiles_of"]


class EngineInfer:
    """One stream, and for each profile one context; calls from several threads wait for each other.

    Args:
        engine: A `tensorrt.ICudaEngine`.
        signature: What it takes and gives.
        cuda: The runtime.
        graphs: Whether launches are recorded as CUDA graphs.
    """

    def __init__(self, engine: Any, signature: Signature, cuda: CudaRuntime, *, graphs: bool) -> None:
        self._engine, self._cuda, self._signature = engine, cuda, signature
        self._profiles = profiles_of(engine, signature.input_names)
        self._dtypes = {name: DTYPES[engine.get_tensor_dtype(name).name] for name in _names(signature)}
        self._host_inputs = frozenset(name for name in signature.input_names if engine.is_shape_inference_io(name))
        self._stream = cuda.new_stream()
        self._places = {name: Place(cuda) for name in _names(signature)}
        self._contexts: dict[int, Any] = {}
        self._allocator = output_allocator(self._places)
        self._graphs = CudaGraphs(cuda, self._stream) if graphs and not self._host_inputs else None
        self._last: int | None = None  # the stream of the last call
        self._held: dict[str, Array] = {}  # arrays that TensorRT reads on the host
        self._lock = threading.Lock()

    def __call__(self, feeds: Tensors) -> Tensors:
        with self._lock:
            self._settle(self._stream)
            arrays = {name: self._array(name, feeds[name]) for name in self._signature.input_names}
            place = profile_for(self._profiles, {name: array.shape for name, array in arrays.items()})
            context = self._context(place)
            for name, array in arrays.items():
                self._feed(context, name, array)
            shapes = self._outputs(context)
            self._launch(context, (place, tuple(array.shape for array in arrays.values())), shapes)
            return self._taken(shapes)

    def native(self, *tensors: Any) -> dict[str, Any]:
        """Run on tensors of torch on the GPU, or on what DLPack can make such, in the order of the inputs.

        Nothing is copied but what is not contiguous; the outputs are new tensors, by name, on torch's current stream.
        """
        import torch

        given = [each if isinstance(each, torch.Tensor) else torch.from_dlpack(each) for each in tensors]
        with self._lock:
            arrays = dict(zip(self._signature.input_names, (each.contiguous() for each in given), strict=True))
            place = profile_for(self._profiles, {name: tuple(each.shape) for name, each in arrays.items()})
            context, stream = self._context(place), torch.cuda.current_stream().cuda_stream
            self._settle(stream)
            for name, each in arrays.items():
                if name in self._host_inputs:
                    self._feed(context, name, each.cpu().numpy())
                else:
                    _check(context.set_input_shape(name, tuple(each.shape)), f"take {name!r} of {tuple(each.shape)}")
                    context.set_tensor_address(name, each.data_ptr())
            outputs = {}
            for name in self._signature.output_names:
                shape = tuple(context.get_tensor_shape(name))
                if -1 in shape:
                    raise EngineError(f"the shape of {name!r} depends on values", "call it with NumPy arrays")
                outputs[name] = torch.empty(shape, dtype=getattr(torch, self._dtypes[name]), device="cuda")
                context.set_tensor_address(name, outputs[name].data_ptr())
            _check(context.execute_async_v3(stream), "run")
            return outputs

    def synchronize(self) -> None:
        """Return once everything is done."""
        self._cuda.wait(self._stream)

    def notes(self) -> tuple[str, ...]:
        """Return which profiles were used, and how many graphs were recorded."""
        used = ", ".join(map(str, sorted(self._contexts))) or "none"
        recorded = () if self._graphs is None else (f"CUDA graphs recorded: {self._graphs.recorded}",)
        return (f"profiles used: {used} of {len(self._profiles)}", *recorded)

    def close(self) -> None:
        """Release everything; the engine itself belongs to the caller."""
        with contextlib.suppress(EngineError):  # what failed before has told already
            self._settle(self._stream)
            self._cuda.wait(self._stream)
        if self._graphs is not None:
            self._graphs.close()
        self._contexts.clear()
        for place in self._places.values():
            place.close()
        self._cuda.end_stream(self._stream)

    def _settle(self, stream: int) -> None:
        """Wait for what another stream computes in the memory of the contexts."""
        if self._last is not None and self._last != stream:
            self._cuda.wait(self._last)
        self._last = stream

    def _array(self, name: str, array: Array) -> Array:
        return np.asarray(array, dtype=dtype_of(self._dtypes[name]), order="C")

    def _context(self, place: int) -> Any:
        if place not in self._contexts:
            context = self._engine.create_execution_context()
            if context is None:
                raise EngineError("TensorRT makes no context for the engine", "free memory of the GPU: see nvidia-smi")
            if place:
                _check(context.set_optimization_profile_async(place, self._stream), f"take profile {place}")
            self._cuda.wait(self._stream)
            self._contexts[place] = context
        return self._contexts[place]

    def _feed(self, context: Any, name: str, array: Array) -> None:
        _check(context.set_input_shape(name, array.shape), f"take {name!r} of the shape {array.shape}")
        if name in self._host_inputs:  # read on the host, now and while it runs: the Place has no part in it
            self._held[name] = array
            context.set_tensor_address(name, array.ctypes.data)
        else:
            self._places[name].send(array, self._stream)
            context.set_tensor_address(name, self._places[name].address)

    def _outputs(self, context: Any) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the outputs, -1 where they depend on values; each has its memory."""
        shapes = {}
        for name in self._signature.output_names:
            shape = tuple(context.get_tensor_shape(name))
            shapes[name] = shape
            if -1 in shape:
                context.set_output_allocator(name, self._allocator)
            else:
                context.set_tensor_address(name, self._places[name].reserve(self._size_bytes(name, shape)))
        return shapes

    def _launch(self, context: Any, key: tuple[Any, ...], shapes: Mapping[str, tuple[int, ...]]) -> None:
        def enqueue() -> None:
            _check(context.execute_async_v3(self._stream), "run")

        if self._graphs is None or any(-1 in shape for shape in shapes.values()):
            enqueue()
        else:
            addresses = tuple(place.address for place in self._places.values())
            self._graphs.launch((*key, addresses), enqueue)

    def _taken(self, shapes: Mapping[str, tuple[int, ...]]) -> Tensors:
        if any(-1 in shape for shape in shapes.values()):
            self._cuda.wait(self._stream)  # only then the allocator was told
        final = {name: self._allocator.shapes[name] if -1 in shape else shape for name, shape in shapes.items()}
        for name, shape in final.items():
            self._places[name].fetch(self._size_bytes(name, shape), self._stream)
        self._cuda.wait(self._stream)
        return {name: self._places[name].taken(dtype_of(self._dtypes[name]), shape) for name, shape in final.items()}

    def _size_bytes(self, name: str, shape: Sequence[int]) -> int:
        return int(np.prod(shape, dtype=np.int64)) * int(dtype_of(self._dtypes[name]).itemsize)


def profiles_of(engine: Any, names: Sequence[str]) -> tuple[FrozenProfile, ...]:
    """Return the shapes of each input in every profile of an engine."""
    count = engine.num_optimization_profiles
    return tuple(tuple(_shapes(engine, name, place) for name in names) for place in range(count))


def _shapes(engine: Any, name: str, place: int) -> tuple[str, tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    low, best, high = (tuple(shape) for shape in engine.get_tensor_profile_shape(name, place))
    return name, low, best, high


def profile_for(profiles: Sequence[FrozenProfile], shapes: Mapping[str, tuple[int, ...]]) -> int:
    """Return the number of the last profile that holds these shapes: further ones are there for special cases.

    Raises:
        EngineError: None does.
    """
    fit = [place for place, profile in enumerate(profiles) if holds(profile, shapes)]
    if fit:
        return fit[-1]
    given = ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())
    known = "; ".join(
        ", ".join(f"{name} {list(low)} to {list(high)}" for name, low, _, high in each) for each in profiles
    )
    raise EngineError(
        f"no profile of the engine holds {given}; it has: {known}", "build it with max_batch_size or trt_profiles"
    )


def _names(signature: Signature) -> tuple[str, ...]:
    return (*signature.input_names, *signature.output_names)


def _check(done: Any, what: str) -> None:
    if not done:
        from nav_trt.trt_logger import trt_logger

        told = " ".join(" ".join(trt_logger().errors[-1:]).split()) or "no reason given"
        raise EngineError(f"TensorRT does not {what}: {told}", "see the log") from RuntimeError(told)
