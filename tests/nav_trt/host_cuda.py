"""A stand-in for a GPU: CUDA's calls on memory of the host, and an engine that computes with NumPy.

It shows what runners do with memory, streams, profiles and graphs; not that TensorRT and CUDA take it so.
"""

import ctypes
import math

import numpy as np

DTYPES = {"FLOAT": np.float32, "INT64": np.int64}


class Named:
    def __init__(self, name):
        self.name = name


class HostCuda:
    """Does at once what a stream would do later, or records it."""

    def __init__(self):
        self.memory, self.calls, self.recording, self.graphs = {}, [], None, {}

    def allocate(self, size_bytes):
        buffer = ctypes.create_string_buffer(max(size_bytes, 1))
        self.memory[ctypes.addressof(buffer)] = buffer
        self.calls.append("allocate")
        return ctypes.addressof(buffer)

    allocate_pinned = allocate

    def free(self, address):
        del self.memory[address]

    free_pinned = free

    def copy_to_device(self, target, source, size_bytes, stream):
        ctypes.memmove(target, source, size_bytes)

    copy_to_host = copy_to_device

    def new_stream(self):
        return 5

    def end_stream(self, stream):
        self.calls.append("end")

    def wait(self, stream):
        pass

    def begin_capture(self, stream):
        self.recording = []

    def end_capture(self, stream):
        number = len(self.graphs) + 1
        self.graphs[number], self.recording = self.recording, None
        return number

    def launch(self, graph, stream):
        self.calls.append("launch")
        for step in self.graphs[graph]:
            step()

    def end_graph(self, graph):
        del self.graphs[graph]


class HostEngine:
    """y = 2 * x for x of (batch, 4), in two profiles; with `values`, those of x that are positive instead."""

    num_optimization_profiles = 2

    def __init__(self, cuda, *, values=False):
        self.cuda, self.values, self.contexts = cuda, values, []

    def get_tensor_profile_shape(self, name, place):
        return [((1, 4), (2, 4), (8, 4)), ((1, 4), (1, 4), (1, 4))][place]

    def get_tensor_dtype(self, name):
        return Named("FLOAT")

    def is_shape_inference_io(self, name):
        return False

    def create_execution_context(self):
        self.contexts.append(HostContext(self))
        return self.contexts[-1]


class HostContext:
    def __init__(self, engine):
        self.engine, self.profile, self.addresses, self.runs = engine, 0, {}, 0

    def set_optimization_profile_async(self, place, stream):
        self.profile = place
        return True

    def set_input_shape(self, name, shape):
        self.shape = tuple(shape)
        return True

    def get_tensor_shape(self, name):
        return (-1,) if self.engine.values else self.shape

    def set_tensor_address(self, name, address):
        self.addresses[name] = address
        return True

    def set_output_allocator(self, name, allocator):
        self.allocator = allocator
        return True

    def execute_async_v3(self, stream):
        self.runs += 1
        addresses, shape = dict(self.addresses), self.shape

        def step():
            x = array_at(addresses["x"], shape)
            if self.engine.values:
                found = x[x > 0]
                address = self.allocator.reallocate_output_async("y", 0, found.nbytes, 256, stream)
                array_at(address, found.shape)[...] = found
                self.allocator.notify_shape("y", found.shape)
            else:
                array_at(addresses["y"], shape)[...] = 2 * x

        if self.engine.cuda.recording is not None:
            self.engine.cuda.recording.append(step)
        else:
            step()
        return True


def array_at(address, shape):
    count = math.prod(shape)
    return np.ctypeslib.as_array((ctypes.c_float * count).from_address(address)).reshape(shape)
