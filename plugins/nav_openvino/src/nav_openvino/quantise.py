"""Calls NNCF."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from nav_openvino.tensors import names_of
from nav_openvino.without_telemetry import load_nncf
from navcore.contracts import Tensors

__all__ = ["Quantisation", "has_attention"]

_ATTENTION = ("ScaledDotProductAttention",)
_PLAIN = ("Add", "Convert", "Multiply", "Reshape", "Select", "Transpose", "Squeeze", "Unsqueeze")


@attrs.frozen(kw_only=True, eq=False)
class Quantisation:
    """How a model is quantised.

    Attributes:
        model: An `openvino.Model`; left as it is.
        examples: To calibrate with.
        preset, subset_size, ignored, ignored_types: As for `OpenVINOInt8Converter`.
        transformer: Whether it is quantised as a Transformer.
        full_range: Whether weights take 8 bits, and not 7.
    """

    model: Any
    examples: Sequence[Tensors]
    preset: str | None = None
    transformer: bool = False
    subset_size: int = 300
    full_range: bool = False
    ignored: tuple[str, ...] = ()
    ignored_types: tuple[str, ...] = ()

    def __call__(self, left: tuple[str, ...] = ()) -> Any:
        """Return the model in 8 bits, but for the operators of these names."""
        nncf = load_nncf()
        names = [min(names_of(port) & self.examples[0].keys()) for port in self.model.inputs]

        def feeds(example: Tensors) -> list[Any]:
            return [example[name] for name in names]

        overflow = nncf.OverflowFix.DISABLE if self.full_range else nncf.OverflowFix.ENABLE
        return nncf.quantize(
            self.model,
            nncf.Dataset(list(self.examples), feeds),
            preset=None if self.preset is None else nncf.QuantizationPreset(self.preset),
            model_type=nncf.ModelType.TRANSFORMER if self.transformer else None,
            subset_size=min(self.subset_size, len(self.examples)),
            ignored_scope=nncf.IgnoredScope(
                names=[*self.ignored, *left], types=list(self.ignored_types), validate=not left
            ),
            advanced_parameters=nncf.AdvancedQuantizationParameters(overflow_fix=overflow),
        )


def has_attention(model: Any) -> bool:
    """Return whether a softmax over products of matrices goes into another product, or one operator does all that."""
    operators = model.get_ops()
    if any(operator.get_type_name() in _ATTENTION for operator in operators):
        return True
    softmaxes = (operator for operator in operators if operator.get_type_name() == "Softmax")
    return any(_reaches_product(operator) for operator in softmaxes)


def _reaches_product(softmax: Any) -> bool:
    waiting, seen = [softmax], set()
    while waiting:
        for target in waiting.pop().output(0).get_target_inputs():
            node = target.get_node()
            if node.get_type_name() == "MatMul":
                return True
            if node.get_type_name() in _PLAIN and node.get_friendly_name() not in seen:
                seen.add(node.get_friendly_name())
                waiting.append(node)
    return False
