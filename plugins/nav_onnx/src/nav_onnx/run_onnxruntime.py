"""Runs ONNX with ONNX Runtime, on the execution provider that was asked for and no other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import attrs

from nav_onnx.explain import explained
from nav_onnx.installed import installed
from nav_onnx.placement import check_placement, placement_of, record_placement
from nav_onnx.provider_cache import cache_options
from nav_onnx.provider_library import devices_of, has_library, why_no_device
from nav_onnx.providers import CPU_PROVIDER, Provider, provider_named
from nav_onnx.raw_infer import RawInfer, needs_raw, untakable
from nav_onnx.session_infer import BoundInfer, SessionInfer
from nav_onnx.session_settings import SessionSettings
from navcore.contracts import Infer, Model
from navcore.domain import DeviceKind, Signature
from navcore.keywords import checked_options

__all__ = ["OnnxRuntimeRunner"]


def _check_options(_instance: object, _attribute: object, value: tuple[tuple[str, str], ...]) -> None:
    if not all(
        isinstance(each, tuple) and len(each) == 2 and all(isinstance(text, str) for text in each) for each in value
    ):
        raise ValueError(f"provider_options={value!r}: give pairs of text, for example (('device_id', '1'),)")


@checked_options
@attrs.frozen(kw_only=True)
class OnnxRuntimeRunner(SessionSettings):
    """ONNX Runtime with one execution provider.

    Attributes:
        provider: As ONNX Runtime calls it.
        provider_options: Its options, as pairs of name and value.
        cpu_fallback: Whether the CPU may run those nodes that the provider does not take. They are told about where it
            may; where the CPU runs all of them the runner fails either way.
    """

    provider: str
    provider_options: tuple[tuple[str, str], ...] = attrs.field(default=(), validator=_check_options)
    cpu_fallback: bool = attrs.field(default=True, validator=attrs.validators.instance_of(bool))

    def unavailable(self) -> str | None:
        """Return what is not installed or not there, with the command that helps."""
        found = installed()
        if found.trouble or self.provider == CPU_PROVIDER:
            return found.trouble or None
        try:
            import onnxruntime
        except Exception as error:  # a library of the system that is missing, or one of another version
            told = " ".join(f"{type(error).__name__}: {error}".split())
            return f"onnxruntime cannot be imported: {told}; {found.repair}"
        provider = provider_named(self.provider)
        if has_library(provider):
            return why_no_device(provider)
        available = onnxruntime.get_available_providers()
        if self.provider in available:
            return None
        if found.clash:
            return f"{found.clash}, without {self.provider}; {found.repair}"
        return f"this onnxruntime was built without it (it has: {', '.join(available)}); {provider.fix}"

    def unsuited(self, model: Model) -> str | None:
        """Return which input or output ONNX Runtime cannot be given."""
        return untakable(model.signature)

    @contextmanager
    def open(self, model: Model, device: DeviceKind) -> Iterator[Infer]:
        if model.path is None:
            raise ValueError(f"{self.name} needs an ONNX file, and was given a {model.format} without a path")
        yield self.infer_of(self.session(model.path), model.signature)

    def session(self, path: Path) -> Any:
        """Return an `onnxruntime.InferenceSession` on the provider.

        Raises:
            RuntimeError: ONNX Runtime fell back to another provider, as it silently does where a library is missing.
            PlacementError: It gave the provider nothing to run, or the CPU what it may not run.
        """
        import onnxruntime

        provider, options = provider_named(self.provider), self.session_options()
        options.enable_mem_pattern = provider.memory_patterns
        record_placement(options)
        told = cache_options(provider, path, onnxruntime.__version__) | dict(self.provider_options)
        given: dict[str, Any] = {"providers": _providers(provider, told)}
        if has_library(provider):
            options.add_provider_for_devices(devices_of(provider), told)
            given = {}
        _load_libraries(onnxruntime, provider)
        try:
            # Without its own fall-back, which prints the reason and goes on with another provider.
            session = onnxruntime.InferenceSession(str(path), options, enable_fallback=0, **given)
        except Exception as error:  # ONNX Runtime's own classes, which have no common one
            raise explained(error, path) from error
        if (got := session.get_providers()[0]) != self.provider:
            raise RuntimeError(_fell_back(onnxruntime, path, got, self.provider))
        if self.provider != CPU_PROVIDER:
            placement = placement_of(session)
            check_placement(placement, self.provider, cpu_fallback=self.cpu_fallback, model=path.name)
        return session

    def infer_of(self, session: Any, signature: Signature) -> SessionInfer:
        """Return a session as a callable on named arrays."""
        device = provider_named(self.provider).device
        if needs_raw(signature):
            return RawInfer(session, signature, self.provider)
        if device:
            return BoundInfer(session, signature.output_names, self.provider, device)
        return SessionInfer(session, signature.output_names, self.provider)


def _providers(provider: Provider, options: dict[str, str]) -> list[Any]:
    return [(provider.name, options), *((name, {}) for name in provider.behind)]


def _load_libraries(onnxruntime: Any, provider: Provider) -> None:
    """Load the libraries of NVIDIA that came as wheels, or with torch, where ONNX Runtime would not look for them."""
    if provider.device != "cuda":
        return
    onnxruntime.preload_dlls()
    if provider.name == "TensorrtExecutionProvider" and find_spec("tensorrt") is not None:
        import_module("tensorrt")  # loads libnvinfer from its wheel


def _fell_back(onnxruntime: Any, path: Path, got: str, wanted: str) -> str:
    return (
        f"ONNX Runtime {onnxruntime.__version__} runs {path.name} on {got}: {wanted} could not be started, most "
        "often because the GPU, or a CUDA or cuDNN library of the right version, is missing; "
        "its reason is in the log above, and onnxruntime.print_debug_info() lists the libraries"
    )
