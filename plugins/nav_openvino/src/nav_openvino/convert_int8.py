"""Quantises OpenVINO IR to 8 bits, calibrated with the user's samples."""

from __future__ import annotations

import re
from pathlib import Path

import attrs

from nav_openvino.quantise import Quantisation, has_attention
from nav_openvino.sensitivity import OutputError, search
from nav_openvino.without_telemetry import load_openvino, missing_nncf, missing_openvino, without_torch
from navcore.contracts import Converter, Model, Stage
from navcore.domain import Signature
from navcore.errors import DataloaderError
from navcore.formats import Format
from navcore.keywords import checked_options

__all__ = ["OpenVINOInt8Converter"]

_FEW_SAMPLES = 30
_LAYERS = re.compile(
    r'\btype="(Convolution|ConvolutionBackpropData|GroupConvolution|GroupConvolutionBackpropData|MatMul'
    r'|LSTMCell|LSTMSequence|GRUCell|GRUSequence|ScaledDotProductAttention)"'
)
"""What int8 makes faster, as the IR has it."""

_QUANTISED = 'type="FakeQuantize"'
"""A tensor that is quantised, as the IR has it."""


@checked_options
@attrs.frozen(kw_only=True)
class OpenVINOInt8Converter(Converter):
    """Post-training quantisation by NNCF: weights per channel, activations per tensor.

    Where the outputs on the samples are too far off, the layers that hurt most are left in floating point.

    Attributes:
        preset: `performance` quantises activations symmetrically, `mixed` asymmetrically where they have both signs;
            None: the latter for Transformers.
        transformer: Whether the model is quantised as a Transformer; None: where it has attention.
        subset_size: Most samples to calibrate with.
        weight_bits: 7 or 8. With 8, CPUs without VNNI overflow, which may cost more accuracy than the bit is worth.
        ignored: Names of operators that stay in floating point, as the IR has them.
        ignored_types: Kinds of operators that do, such as `MatMul`.
        max_error: Largest difference of an output, relative to the largest value of that output, above which layers
            are left in floating point.
        search_s: Time to look for those layers; 0: none are left.
    """

    name: str = "openvino-int8"
    source: Format = Format.OPENVINO_IR
    target: Format = Format.OPENVINO_IR
    stage: Stage | None = Stage.PRECISION
    precision: str | None = attrs.field(default="int8", validator=attrs.validators.in_(("int8",)))
    preset: str | None = attrs.field(default=None, validator=attrs.validators.in_((None, "performance", "mixed")))
    transformer: bool | None = None
    subset_size: int = attrs.field(default=300, validator=attrs.validators.ge(1))
    weight_bits: int = attrs.field(default=7, validator=attrs.validators.in_((7, 8)))
    ignored: tuple[str, ...] = ()
    ignored_types: tuple[str, ...] = ()
    max_error: float = attrs.field(default=0.1, validator=attrs.validators.ge(0))
    search_s: float = attrs.field(default=120.0, validator=attrs.validators.ge(0))

    def unavailable(self) -> str | None:
        return missing_openvino() or missing_nncf()

    def unsuited(self, model: Model) -> str | None:
        if model.path is None:
            return None
        text = model.path.read_text("utf-8")
        if _QUANTISED in text:
            return "the model is quantised already"
        return None if _LAYERS.search(text) else "the model has no convolutions and no matrix products"

    def write(self, model: Model, out: Path) -> Signature:
        if not model.examples:
            raise DataloaderError("there are no samples to calibrate int8 with", "pass dataloader=[...]")
        if len(model.examples) < _FEW_SAMPLES:
            print(f"calibrated with {len(model.examples)} samples; a few hundred usually give better ranges")
        openvino = load_openvino()
        original = openvino.Core().read_model(str(model.path))
        quantise = Quantisation(
            model=original,
            examples=model.examples,
            preset=self.preset,
            transformer=has_attention(original) if self.transformer is None else self.transformer,
            subset_size=self.subset_size,
            full_range=self.weight_bits == 8,
            ignored=self.ignored,
            ignored_types=self.ignored_types,
        )
        with without_torch():
            error = OutputError.of(original, model.examples)
            found = search(quantise, error, max_error=self.max_error, search_s=self.search_s)
        print(found)
        openvino.save_model(found.model, str(out), compress_to_fp16=False)
        return model.signature
