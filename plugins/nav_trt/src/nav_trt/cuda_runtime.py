"""The few calls of the CUDA runtime that running an engine needs: memory, copies, streams and graphs.

Through ctypes, so that neither cuda-python nor torch is needed; memory of all three is interchangeable, because they
share the primary context of the device. Never run, but for finding the library and for its answer where there is no
driver: where this was written there was no GPU.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from nav_trt.trt_error import EngineError

__all__ = ["CudaRuntime", "cuda_runtime", "missing_runtime"]

_NAMES = ("libcudart.so.13", "libcudart.so.12", "libcudart.so")
_FOLDERS = ("nvidia.cu13", "nvidia.cuda_runtime", "onnxruntime_ep_nv_tensorrt_rtx")
"""Packages that bring the library as a wheel."""

_TO_DEVICE, _TO_HOST = 1, 2  # cudaMemcpyKind
_NON_BLOCKING = 1  # cudaStreamNonBlocking
_RELAXED = 2  # cudaStreamCaptureModeRelaxed

_FIX = "look at nvidia-smi: the driver has to be as new as this CUDA, and the GPU free"


class CudaRuntime:
    """Calls by their meaning; each raises an EngineError where CUDA says no.

    Addresses, streams and graphs are plain numbers.
    """

    def __init__(self, library: Any) -> None:
        self._library = library
        library.cudaGetErrorString.restype = ctypes.c_char_p

    def device_count(self) -> int:
        """Return how many GPUs CUDA sees."""
        count = ctypes.c_int()
        self._call("cudaGetDeviceCount", ctypes.byref(count))
        return count.value

    def allocate(self, size_bytes: int) -> int:
        """Return the address of new memory on the device."""
        address = ctypes.c_void_p()
        self._call("cudaMalloc", ctypes.byref(address), ctypes.c_size_t(max(size_bytes, 1)), wanted_bytes=size_bytes)
        return address.value or 0

    def free(self, address: int) -> None:
        """Release memory of the device."""
        self._call("cudaFree", ctypes.c_void_p(address))

    def allocate_pinned(self, size_bytes: int) -> int:
        """Return the address of new memory of the host that the device copies from and to directly."""
        address = ctypes.c_void_p()
        self._call("cudaMallocHost", ctypes.byref(address), ctypes.c_size_t(max(size_bytes, 1)))
        return address.value or 0

    def free_pinned(self, address: int) -> None:
        """Release memory of the host."""
        self._call("cudaFreeHost", ctypes.c_void_p(address))

    def copy_to_device(self, target: int, source: int, size_bytes: int, stream: int) -> None:
        """Begin to copy to the device."""
        self._copy(target, source, size_bytes, _TO_DEVICE, stream)

    def copy_to_host(self, target: int, source: int, size_bytes: int, stream: int) -> None:
        """Begin to copy to the host."""
        self._copy(target, source, size_bytes, _TO_HOST, stream)

    def new_stream(self) -> int:
        """Return a stream that waits for no other."""
        stream = ctypes.c_void_p()
        self._call("cudaStreamCreateWithFlags", ctypes.byref(stream), ctypes.c_uint(_NON_BLOCKING))
        return stream.value or 0

    def wait(self, stream: int) -> None:
        """Return once everything in the stream is done."""
        self._call("cudaStreamSynchronize", ctypes.c_void_p(stream))

    def end_stream(self, stream: int) -> None:
        """Destroy a stream."""
        self._call("cudaStreamDestroy", ctypes.c_void_p(stream))

    def begin_capture(self, stream: int) -> None:
        """Record what is put into the stream from here on, in place of doing it."""
        self._call("cudaStreamBeginCapture", ctypes.c_void_p(stream), ctypes.c_int(_RELAXED))

    def end_capture(self, stream: int) -> int:
        """Return what was recorded, ready to be launched."""
        graph, ready = ctypes.c_void_p(), ctypes.c_void_p()
        self._call("cudaStreamEndCapture", ctypes.c_void_p(stream), ctypes.byref(graph))
        try:
            self._call("cudaGraphInstantiate", ctypes.byref(ready), graph, ctypes.c_ulonglong(0))
        finally:
            self._call("cudaGraphDestroy", graph)
        return ready.value or 0

    def launch(self, graph: int, stream: int) -> None:
        """Put what was recorded into a stream."""
        self._call("cudaGraphLaunch", ctypes.c_void_p(graph), ctypes.c_void_p(stream))

    def end_graph(self, graph: int) -> None:
        """Destroy what was recorded."""
        self._call("cudaGraphExecDestroy", ctypes.c_void_p(graph))

    def _copy(self, target: int, source: int, size_bytes: int, kind: int, stream: int) -> None:
        self._call(
            "cudaMemcpyAsync",
            ctypes.c_void_p(target),
            ctypes.c_void_p(source),
            ctypes.c_size_t(size_bytes),
            ctypes.c_int(kind),
            ctypes.c_void_p(stream),
        )

    def _call(self, name: str, *arguments: Any, wanted_bytes: int = 0) -> None:
        if status := getattr(self._library, name)(*arguments):
            self._library.cudaGetLastError()  # else the next call of anyone gives it again
            told = self._library.cudaGetErrorString(status).decode(errors="replace")
            # In torch's words, by which navcore knows that memory ran out.
            size = f". Tried to allocate {wanted_bytes / 2**20:.2f} MiB" if wanted_bytes else ""
            raise EngineError(f"{name}: {told} (CUDA error {status})", _FIX) from RuntimeError(f"CUDA {told}{size}")


def missing_runtime() -> str | None:
    """Return that there is no CUDA runtime, as `cause; fix`, or None."""
    if _library() is not None:
        return None
    return f"no CUDA runtime is installed ({_NAMES[0]}, {_NAMES[1]}); pip install nvidia-cuda-runtime-cu12"


@functools.lru_cache(maxsize=1)
def cuda_runtime() -> CudaRuntime:
    """Return the CUDA runtime of this process.

    Raises:
        EngineError: There is none.
    """
    if (library := _library()) is None:
        cause, _, fix = str(missing_runtime()).partition("; ")
        raise EngineError(cause, fix)
    return CudaRuntime(library)


@functools.lru_cache(maxsize=1)
def _library() -> Any:
    for name in (*_NAMES, *map(str, _from_wheels())):
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None


def _from_wheels() -> Iterator[Path]:
    for package in _FOLDERS:
        try:
            spec = find_spec(package)
        except ModuleNotFoundError:  # its parent is missing
            continue
        for folder in spec.submodule_search_locations or () if spec else ():
            yield from sorted((*Path(folder).glob("libcudart.so.*"), *Path(folder).glob("lib/libcudart.so.*")))
