"""Converts ONNX to ONNX: parts of Transformers become single operators of ONNX Runtime."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import attrs

from nav_onnx.clean import cleaned_or_as_it_is
from nav_onnx.graph_facts import GraphFacts, graph_facts
from nav_onnx.graphs import all_nodes, copied
from nav_onnx.installed import missing_runtime
from nav_onnx.opset import with_opset
from nav_onnx.pass_error import PassError
from nav_onnx.pass_files import finish, input_file
from nav_onnx.pass_slim import TO_TRY_IT
from navcore.contracts import Converter, Model, Stage
from navcore.domain import Signature
from navcore.formats import Format

__all__ = ["MODEL_TYPES", "OnnxFuse"]

MODEL_TYPES = ("bert", "gpt2", "bart", "clip", "conformer", "mmdit", "phi", "sam2", "swin", "t5", "unet", "vae", "vit")
"""What `onnxruntime.transformers.optimizer` knows of models that PyTorch exported."""

_CONVOLUTIONAL = ("unet", "vae")
_USUAL = ("bert", "gpt2")
_GPUS = {"CUDAExecutionProvider", "DmlExecutionProvider", "MIGraphXExecutionProvider", "ROCMExecutionProvider"}
_RUNTIME_DOMAIN = "com.microsoft"
_LAYER_NORMALIZATION = 17  # the opset that has it, which is what ONNX Runtime makes of its parts


@attrs.frozen(kw_only=True)
class OnnxFuse(Converter):
    """Writes operators that ONNX Runtime alone has, so other runtimes may refuse the file.

    Attributes:
        always: Whether it is tried where ONNX Runtime has no GPU to run on: on a CPU it fuses most of it itself as it
            opens a file, and MiniLM was as fast without (onnxruntime 1.31).
        model_type: Whose patterns are looked for; empty: all that suit the operators are tried, and the graph with the
            fewest nodes is taken.
    """

    name: str = "onnx-fuse"
    imports: tuple[str, ...] = ("onnx", "onnxruntime")
    source: Format = Format.ONNX
    target: Format = Format.ONNX
    stage: Stage | None = Stage.FUSE
    always: bool = False
    model_type: str = attrs.field(default="", validator=attrs.validators.in_(("", *MODEL_TYPES)))

    def unavailable(self) -> str | None:
        if missing := missing_runtime():
            return missing
        import onnxruntime

        if self.always or _GPUS & set(onnxruntime.get_available_providers()):
            return None
        return f"on a CPU ONNX Runtime fuses by itself as it opens a file; {TO_TRY_IT.format('fuse')}"

    def unsuited(self, model: Model) -> str | None:
        facts = graph_facts(model)
        if facts is None:
            return None
        if "onnx-slim" in facts.passes:
            return "it cleans the graph itself, so that it would give what it gives without onnx-slim"
        if facts.passes or _RUNTIME_DOMAIN in facts.domains:
            return "its operators are fused already"
        return None if _is_transformer(facts) else "there is no attention and no layer normalisation to fuse"

    def write(self, model: Model, out: Path) -> Signature:
        facts = graph_facts(model)
        graph = with_opset(cleaned_or_as_it_is(input_file(model)), _LAYER_NORMALIZATION)
        tried = [self._fused(graph, name) for name in self._types(facts)]
        fused, name = min(tried, key=lambda pair: len(pair[0].graph.node))
        found = _operators(fused) - _operators(graph)
        if not found or len(fused.graph.node) >= len(graph.graph.node):
            types = ", ".join(name for _, name in tried)
            raise PassError(
                "ONNX Runtime has no operator that takes the place of several in this graph; "
                f"patterns of these were looked for: {types}",
                f"name another model_type for {self.name}, of {', '.join(MODEL_TYPES)}",
            )
        told = ", ".join(f"{count} {operator}" for operator, count in sorted(found.items()))
        print(f"patterns of {name}: {len(graph.graph.node)} nodes became {len(fused.graph.node)}, with {told}")
        return finish(fused, model, out, self.name)

    def _types(self, facts: GraphFacts | None) -> tuple[str, ...]:
        if self.model_type:
            return (self.model_type,)
        import onnxruntime

        # What those fuse, group normalisation and convolutions with channels last, has kernels for CUDA alone.
        cuda = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
        grouped = facts is not None and facts.has("GroupNormalization", "InstanceNormalization")
        return (*_USUAL, *_CONVOLUTIONAL) if cuda and grouped else _USUAL

    def _fused(self, graph: Any, name: str) -> tuple[Any, str]:
        import onnx
        from onnxruntime.transformers.optimizer import optimize_by_fusion

        fused = optimize_by_fusion(_with_fast_gelu(graph), model_type=name).model
        if all(opset.domain != _RUNTIME_DOMAIN for opset in fused.opset_import):
            fused.opset_import.append(onnx.helper.make_opsetid(_RUNTIME_DOMAIN, 1))
        return fused, name


def _with_fast_gelu(graph: Any) -> Any:
    """Return a copy in which the `Gelu` that goes by tanh is the runtime's operator for that.

    With a bias before it, ONNX Runtime 1.32 takes every `Gelu` for the exact one.
    """
    copy = copied(graph)
    for node in all_nodes(copy.graph):
        by_tanh = any(each.name == "approximate" and each.s == b"tanh" for each in node.attribute)
        if node.op_type == "Gelu" and node.domain in ("", "ai.onnx") and by_tanh:
            node.op_type, node.domain = "FastGelu", _RUNTIME_DOMAIN
            del node.attribute[:]
    return copy


def _operators(proto: Any) -> Counter[str]:
    return Counter(node.op_type for node in all_nodes(proto.graph))


def _is_transformer(facts: GraphFacts) -> bool:
    normalised = facts.has("LayerNormalization", "InstanceNormalization", "GroupNormalization")
    by_hand = facts.has("ReduceMean") and facts.has("Sqrt", "Pow")
    attends = facts.has("Attention") or (facts.has("Softmax") and facts.has("MatMul"))
    return normalised or by_hand or attends
