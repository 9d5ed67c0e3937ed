"""Memory for the inputs and outputs of an engine, kept from call to call."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from nav_trt.cuda_runtime import CudaRuntime
from navcore.contracts import Array

__all__ = ["Place", "dtype_of", "output_allocator"]


def dtype_of(name: str) -> Any:
    """Return NumPy's dtype of a name that NumPy or ml_dtypes knows."""
    try:
        return np.dtype(name)
    except TypeError:
        import ml_dtypes

        return np.dtype(getattr(ml_dtypes, name))


class Place:
    """Where one tensor is: memory of the device, and pinned memory of the host to copy from and to. It only grows.

    Never run; see `nav_trt.cuda_runtime`.

    Attributes:
        address: Of the memory on the device; another one once it has grown.
    """

    def __init__(self, cuda: CudaRuntime) -> None:
        self._cuda, self._device_bytes, self._host_bytes = cuda, 0, 0
        self.address = 0
        self._host = 0

    def reserve(self, size_bytes: int) -> int:
        """Return the address of at least as much memory on the device."""
        if not self.address or size_bytes > self._device_bytes:
            if self.address:
                self._cuda.free(self.address)
                self.address = 0
            self.address, self._device_bytes = self._cuda.allocate(size_bytes), size_bytes
        return self.address

    def send(self, array: Array, stream: int) -> None:
        """Begin to copy an array to the device, through pinned memory; the array may change at once."""
        self.reserve(array.nbytes)
        if array.nbytes:
            np.copyto(self._pinned(array.nbytes).view(array.dtype).reshape(array.shape), array)
            self._cuda.copy_to_device(self.address, self._host, array.nbytes, stream)

    def fetch(self, size_bytes: int, stream: int) -> None:
        """Begin to copy to the host; `taken` gives the array once the stream is done."""
        if size_bytes:
            self._pinned(size_bytes)
            self._cuda.copy_to_host(self._host, self.address, size_bytes, stream)

    def taken(self, dtype: Any, shape: tuple[int, ...]) -> Array:
        """Return a new array of what was fetched."""
        size_bytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        if not size_bytes:
            return np.empty(shape, dtype)
        fetched: Array = self._pinned(size_bytes).view(dtype).reshape(shape).copy()
        return fetched

    def close(self) -> None:
        """Release both."""
        if self.address:
            self._cuda.free(self.address)
        if self._host:
            self._cuda.free_pinned(self._host)
        self.address = self._host = self._device_bytes = self._host_bytes = 0

    def _pinned(self, size_bytes: int) -> Any:
        """Return so many bytes of the pinned memory, as an array."""
        if not self._host or size_bytes > self._host_bytes:
            if self._host:
                self._cuda.free_pinned(self._host)
                self._host = 0
            self._host, self._host_bytes = self._cuda.allocate_pinned(size_bytes), size_bytes
        return np.ctypeslib.as_array((ctypes.c_ubyte * size_bytes).from_address(self._host))


def output_allocator(places: dict[str, Place]) -> Any:
    """Return a `tensorrt.IOutputAllocator` for outputs whose size depends on values; `shapes` has what they became."""
    import tensorrt

    class Allocator(tensorrt.IOutputAllocator):  # type: ignore[misc]  # frameworks are Any
        def __init__(self) -> None:
            tensorrt.IOutputAllocator.__init__(self)
            self.shapes: dict[str, tuple[int, ...]] = {}

        def reallocate_output(self, tensor_name: str, memory: int, size: int, alignment: int) -> int:
            return places[tensor_name].reserve(size)

        def reallocate_output_async(self, tensor_name: str, memory: int, size: int, alignment: int, stream: int) -> int:
            return places[tensor_name].reserve(size)

        def notify_shape(self, tensor_name: str, shape: Any) -> None:
            self.shapes[tensor_name] = tuple(shape)

    return Allocator()
