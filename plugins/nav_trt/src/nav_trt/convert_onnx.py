"""Converts ONNX to engines of TensorRT."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs

from nav_trt.build import BuildOptions, build_engine
from nav_trt.gpu import missing_gpu
from nav_trt.half import write_half
from nav_trt.installed import installed, missing_modules, missing_tensorrt
from nav_trt.onnx_facts import OnnxFacts, onnx_facts
from nav_trt.profile import FrozenProfile
from nav_trt.quantise import MODELOPT_FIX, has_modelopt, write_quantised
from nav_trt.shapes import ranges_of
from nav_trt.timing_cache import timing_cache_file
from nav_trt.trt_error import EngineError
from navcore.configs import Arguments, thawed_arguments
from navcore.contracts import Converter, Model
from navcore.domain import Signature
from navcore.formats import Format
from navcore.keywords import checked_options

__all__ = ["TensorRTConverter"]

_HALF = {"fp16": "FLOAT16", "bf16": "BFLOAT16"}
_QUANTISED = {"int8": ("INT8", "UINT8"), "fp8": ("FLOAT8E4M3FN", "FLOAT8E5M2"), "nvfp4": ("FLOAT4E2M1",)}
_LEVELS = attrs.validators.optional(attrs.validators.in_(range(6)))
_WHOLE = attrs.validators.optional(attrs.validators.ge(0))


@checked_options
@attrs.frozen(kw_only=True)
class TensorRTConverter(Converter):
    """Builds an engine for the shapes of the samples, and a batch up to a limit.

    Attributes:
        precision: None keeps the types of the graph, Q/DQ pairs included.
        mode: `hierarchy`: what loses most stays in a higher precision; `single`: nothing does. For fp16 and bf16.
        tf32: Whether float32 may be computed in TensorFloat-32, with 10 bits of mantissa.
        max_batch_size: Largest batch that the engine is built for, where the model takes it.
        profiles: Further ones, after that of the samples.
        max_workspace_size: Bytes that kernels may use; None: all that there are.
        optimization_level: How long TensorRT looks for better kernels, 0 to 5; None: as it likes.
        compatibility_level: `ampere_plus`: the engine runs on other GPUs too, from Ampere on; None: on this kind only.
        parser_flags: Values of `tensorrt.OnnxParserFlag`.
        timing_cache_dir: Folder for timings of kernels, or a file ending in `.cache`; None: navcore's own.
        custom_args: Further attributes of `tensorrt.IBuilderConfig`.
    """

    name: str = "trt"
    imports: tuple[str, ...] = ("onnx", "tensorrt")
    source: Format = Format.ONNX
    target: Format = Format.TENSORRT
    bound_to: tuple[str, ...] = ("tensorrt.gpu", "tensorrt.version")
    precision: str | None = attrs.field(default=None, validator=attrs.validators.in_((None, *_HALF, *_QUANTISED)))
    mode: str = attrs.field(default="hierarchy", validator=attrs.validators.in_(("hierarchy", "single")))
    tf32: bool = attrs.field(default=False, validator=attrs.validators.instance_of(bool))
    max_batch_size: int = attrs.field(default=64, validator=attrs.validators.ge(1))
    profiles: tuple[FrozenProfile, ...] = ()
    max_workspace_size: int | None = attrs.field(default=None, validator=_WHOLE)
    optimization_level: int | None = attrs.field(default=None, validator=_LEVELS)
    compatibility_level: str | None = attrs.field(
        default=None, validator=attrs.validators.in_((None, "none", "ampere_plus", "same_compute_capability"))
    )
    parser_flags: tuple[int, ...] = ()
    timing_cache_dir: str | None = None
    custom_args: Arguments = ()

    def unavailable(self) -> str | None:
        if missing := missing_tensorrt():
            return missing
        if not _portable() and (missing := missing_gpu()):
            return f"TensorRT builds engines on the GPU that they are for: {missing}"
        if self.precision in _HALF and not self._by_flags:
            return missing_modules(("onnx", "onnxruntime"), "pip install nav-trt")
        if self.precision == "int8" and not has_modelopt():
            return missing_modules(("onnxruntime", "onnxslim"), f"pip install nav-trt, or {MODELOPT_FIX}")
        return None

    def unsuited(self, model: Model) -> str | None:
        facts = onnx_facts(model)
        if facts is None:
            return None
        if self.precision is None:
            asymmetric = facts.lowered_by.startswith("onnx-int8") and "UINT8" in facts.quantised
            what = "is quantised to uint8, and TensorRT takes int8; trt-int8 quantises for it"
            return f"what {facts.lowered_by} gives {what}" if asymmetric else None
        if facts.lowered_by:
            return f"{facts.lowered_by} has lowered the model already, and trt builds it as it is"
        if self.precision in _HALF and facts.quantised:
            return "the model is quantised, and trt builds it as it is"
        return None if "FLOAT" in facts.elements or facts.quantised else "nothing in the model is float32"

    def write(self, model: Model, out: Path) -> Signature:
        if model.path is None:
            raise ValueError(f"{self.name} needs an ONNX file, and was given a {model.format} without a path")
        options = BuildOptions(
            strongly_typed=not self._by_flags,
            builder_flags=(*(("TF32",) if self.tf32 else ()), *self._flags),
            max_batch_size=self.max_batch_size,
            profiles=self.profiles,
            workspace_bytes=self.max_workspace_size,
            optimization_level=self.optimization_level,
            compatibility_level=self.compatibility_level,
            parser_flags=self.parser_flags,
            timing_cache=timing_cache_file(self.timing_cache_dir),
            attributes=tuple(thawed_arguments(self.custom_args).items()),
        )
        with TemporaryDirectory(dir=out.parent, prefix=".scratch-") as folder:
            profiles = build_engine(self._lowered(model, model.path, Path(folder)), model, out, options)
        print(f"profiles: {'; '.join(map(_told, profiles))}")
        return attrs.evolve(model.signature, ranges=ranges_of(model.signature, profiles))

    @property
    def _by_flags(self) -> bool:
        """Whether TensorRT itself chooses what is lowered: before version 11 it can, of a graph in float32."""
        found = installed()
        return self.precision in _HALF and self.mode == "hierarchy" and found is not None and found.major < 11

    @property
    def _flags(self) -> tuple[str, ...]:
        return (str(self.precision).upper(),) if self._by_flags else ()

    def _lowered(self, model: Model, path: Path, folder: Path) -> Path:
        """Return the file to build from: the model's own, or one with the precision in its graph."""
        if self.precision is None or self._by_flags:
            return path
        if self.precision in _HALF:
            return write_half(path, folder / "half.onnx", _HALF[self.precision], whole=self.mode == "single")
        facts = onnx_facts(model)
        if facts is not None and facts.quantised:
            self._check_quantised(facts)
            return path
        if self.precision == "nvfp4" or (self.precision == "fp8" and not has_modelopt()):
            quantiser = "modelopt.torch.quantization" if self.precision == "nvfp4" else "nvidia-modelopt"
            fix = "export it with Q/DQ, as modelopt does" if self.precision == "nvfp4" else MODELOPT_FIX
            raise EngineError(
                f"TensorRT takes {self.precision} from a graph with Q/DQ pairs of it, which this one lacks; they are "
                f"made by {quantiser}",
                fix,
            )
        return write_quantised(path, folder / "quantised.onnx", self.precision, model.examples)

    def _check_quantised(self, facts: OnnxFacts) -> None:
        wanted = _QUANTISED[str(self.precision)]
        if not facts.quantised & set(wanted):
            held = ", ".join(sorted(facts.quantised)).lower()
            raise EngineError(
                f"the model is quantised to {held} already, and {self.precision} was asked for",
                "give the model as it was before, or leave the precision out: trt builds it as it is",
            )


def _portable() -> bool:
    """Whether engines are built without a GPU, for any: TensorRT-RTX ends its work where it is run."""
    found = installed()
    return found is not None and bool(found.rtx)


def _told(profile: Any) -> str:
    return ", ".join(f"{name} {low} to {high}, best {best}" for name, low, best, high in profile)
