"""Runs ONNX with ONNX Runtime, on the execution provider that was asked for and no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import attrs

from navcore.contracts import Infer, Model, Runner, Tensors
from navcore.domain import DeviceKind, Signature
from navcore.formats import Format

__all__ = ["CPU_PROVIDER", "CUDA_PROVIDER", "OnnxRuntimeRunner", "missing_runtime", "open_session", "session_infer"]

CPU_PROVIDER = "CPUExecutionProvider"
CUDA_PROVIDER = "CUDAExecutionProvider"

_GPU_FIX = "pip uninstall onnxruntime, then pip install 'nav-onnx[gpu]' on a machine with an NVIDIA GPU"
_ERRORS_ONLY = 3


@attrs.frozen(kw_only=True)
class OnnxRuntimeRunner(Runner):
    """ONNX Runtime with one execution provider.

    Attributes:
        provider: As ONNX Runtime calls it.
        threads: Threads inside one operator; None: as many as there are cores.
    """

    imports: tuple[str, ...] = ("onnxruntime",)
    accepts: Format = Format.ONNX
    provider: str
    threads: int | None = attrs.field(default=None, validator=attrs.validators.optional(attrs.validators.ge(1)))

    def unavailable(self) -> str | None:
        if missing := missing_runtime():
            return missing
        if self.provider == CPU_PROVIDER:
            return None
        import onnxruntime

        available = onnxruntime.get_available_providers()
        if self.provider in available:
            return None
        return f"this onnxruntime has no {self.provider} (it has: {', '.join(available)}); {_GPU_FIX}"

    @contextmanager
    def open(self, model: Model, device: DeviceKind) -> Iterator[Infer]:
        if model.path is None:
            raise ValueError(f"{self.name} needs an ONNX file, and was given a {model.format} without a path")
        yield session_infer(open_session(model.path, self.provider, self.threads), model.signature)


def missing_runtime() -> str | None:
    """Return what to do where ONNX Runtime is not installed, as `cause; fix`, or None where it is."""
    if find_spec("onnxruntime") is None:
        return "onnxruntime is not installed; pip install 'nav-onnx[cpu]'"
    return None


def open_session(path: Path, provider: str, threads: int | None = None) -> Any:
    """Return an `onnxruntime.InferenceSession` on the provider.

    Raises:
        RuntimeError: ONNX Runtime fell back to another provider, as it silently does where a library is missing.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    # Threads that spin after a call would take the cores from the neighbour that is timed next.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.intra_op_num_threads = threads or 0
    if provider == CUDA_PROVIDER:
        onnxruntime.preload_dlls()  # finds the CUDA and cuDNN that came as wheels, or with torch
    session = onnxruntime.InferenceSession(str(path), options, providers=[provider])
    if (got := session.get_providers()[0]) != provider:
        raise RuntimeError(
            f"ONNX Runtime {onnxruntime.__version__} runs {path.name} on {got}: {provider} could not be started, most "
            "often because the GPU, or a CUDA or cuDNN library of the right version, is missing; "
            "its reason is in the log above, and onnxruntime.print_debug_info() lists the libraries"
        )
    return session


def session_infer(session: Any, signature: Signature) -> Infer:
    """Return the session as a callable on named arrays; ONNX Runtime makes new arrays for each call."""
    return _SessionInfer(session, list(signature.output_names))


class _SessionInfer:
    """A session as an Infer."""

    def __init__(self, session: Any, names: list[str]) -> None:
        self._run, self._names = session.run, names

    def __call__(self, feeds: Tensors) -> Tensors:
        return dict(zip(self._names, self._run(self._names, feeds), strict=True))

    def bind(self, feeds: Tensors) -> Callable[[], Tensors]:
        """Return a step on these arrays, which ONNX Runtime reads anew at each call; each call makes new outputs."""
        # An IOBinding writes into the outputs of its first run again, whatever their size should be. With its outputs
        # bound anew a call of benchmarks/overhead.py took 6.7 us, and `run` 4.5 us (onnxruntime 1.31, 2 cores).
        run, names, held = self._run, self._names, dict(feeds)

        def step() -> Tensors:
            return dict(zip(names, run(names, held), strict=True))

        return step
