"""Converts ONNX to ONNX in half precision, fp16 or bf16; parts that do not stand it stay in fp32."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import attrs

from nav_onnx.graph_facts import graph_facts
from nav_onnx.graphs import copied
from nav_onnx.half import lowered
from nav_onnx.installed import missing_runtime
from nav_onnx.pass_error import PassError
from nav_onnx.pass_files import finish, input_file, scratch_folder, store
from nav_onnx.pass_measure import error_of, run_file
from nav_onnx.pass_search import smallest_block_list
from nav_onnx.prepared import prepared
from nav_onnx.ranges import largest_values
from navcore.contracts import Converter, Model, Stage, Tensors
from navcore.domain import Signature
from navcore.errors import first_line
from navcore.formats import Format

__all__ = ["OnnxHalf"]

_ELEMENTS = {"fp16": "FLOAT16", "bf16": "BFLOAT16"}
_BOUNDS = {"fp16": 5e-3, "bf16": 4e-2}  # as navcore compares candidates of these precisions
_LARGEST = {"fp16": 65504.0, "bf16": 3.38e38}
_CUDA, _CPU = "CUDAExecutionProvider", "CPUExecutionProvider"


@attrs.frozen(kw_only=True)
class OnnxHalf(Converter):
    """Inputs and outputs keep their types.

    Nodes around values that float16 cannot hold stay in fp32: without a GPU, values are looked at on samples, because
    ONNX Runtime on a CPU computes float16 in float32 and would not show it. Where outputs are off all the same, the
    fewest operators, and then nodes, are sought that have to stay in fp32.

    Attributes:
        precision: `fp16` or `bf16`.
        max_error: How far outputs may be off, in parts of the largest value; None: as the precision allows.
        most_runs: How often a lowered graph is tried; 0: it is lowered without a look at any value.
        check_samples: How many samples it is tried on.
    """

    imports: tuple[str, ...] = ("onnx", "onnxruntime")
    source: Format = Format.ONNX
    target: Format = Format.ONNX
    stage: Stage | None = Stage.PRECISION
    precision: str | None = attrs.field(default="fp16", validator=attrs.validators.in_(tuple(_ELEMENTS)))
    max_error: float | None = attrs.field(default=None, validator=attrs.validators.optional(attrs.validators.gt(0)))
    most_runs: int = attrs.field(default=24, validator=attrs.validators.ge(0))
    check_samples: int = attrs.field(default=8, validator=attrs.validators.ge(1))

    def unavailable(self) -> str | None:
        if missing := missing_runtime():
            return missing
        if self.precision == "bf16" and _CUDA not in _providers():
            has = ", ".join(_providers())
            return (
                f"this onnxruntime (with {has}) has no kernels that multiply in bfloat16; "
                "pip install 'nav-onnx[gpu]', or nav-openvino, which lowers to bf16 by itself where the CPU has it"
            )
        return None

    def unsuited(self, model: Model) -> str | None:
        facts = graph_facts(model)
        if facts is None:
            return None
        if "onnx-slim" in facts.passes:
            return "it cleans the graph itself, so that it would give what it gives without onnx-slim"
        if facts.has("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"):
            return "the model is quantised already"
        return None if "FLOAT" in facts.elements else "nothing in the model is float32"

    def write(self, model: Model, out: Path) -> Signature:
        with scratch_folder(out) as folder:
            graph = prepared(input_file(model))
            blocked = self._blocked(graph, model, folder)
            total = len(_float_nodes(graph))
            if total == len(blocked):
                raise PassError(
                    f"no operator of the model can be lowered to {self.precision}: outputs are off by more than "
                    f"{self._bound:g} of their largest value, or values on the way are beyond {self._largest:g}",
                    f"keep fp32, or allow more: max_error of {self.name}",
                )
            stay = ", ".join(blocked) or "none"
            print(f"{total - len(blocked)} of {total} nodes are lowered to {self.precision}; in fp32 stay: {stay}")
            return finish(lowered(graph, self._element, blocked), model, out, self.name)

    @property
    def _element(self) -> str:
        return _ELEMENTS[str(self.precision)]

    @property
    def _bound(self) -> float:
        return _BOUNDS[str(self.precision)] if self.max_error is None else self.max_error

    @property
    def _largest(self) -> float:
        return _LARGEST[str(self.precision)]

    def _blocked(self, graph: Any, model: Model, folder: Path) -> tuple[str, ...]:
        """Return the nodes that have to stay in float32."""
        samples = model.examples[: self.check_samples]
        if self.most_runs == 0 or not samples:
            return ()
        trials = _Trials(graph, self._element, self._bound, model, samples, folder)
        nodes = {node.name: node.op_type for node in _float_nodes(graph)}
        if _CUDA in _providers() and trials.good(()):
            return ()
        first = self._beyond(graph, samples, folder)
        if trials.good(first):
            return first
        rest = sorted({operator for name, operator in nodes.items() if name not in first})
        operators = smallest_block_list(
            rest, lambda some: trials.good((*first, *_of(nodes, some))), self.most_runs - trials.count
        )
        left = [name for name in _of(nodes, operators) if name not in first]
        left = list(smallest_block_list(left, lambda some: trials.good((*first, *some)), self.most_runs - trials.count))
        chosen = {*first, *left}
        return tuple(name for name in nodes if name in chosen)

    def _beyond(self, graph: Any, samples: Sequence[Tensors], folder: Path) -> tuple[str, ...]:
        """Return the nodes that take or give values beyond the range of the precision."""
        path = store(copied(graph), folder / "ranges.onnx")
        values = largest_values(graph, path, samples)
        beyond = {name for name, largest in values.items() if largest > self._largest}
        return tuple(node.name for node in _float_nodes(graph) if beyond & {*node.input, *node.output})


@attrs.define
class _Trials:
    """Lowers the graph with different nodes left out, and compares."""

    graph: Any
    element: str
    bound: float
    model: Model
    samples: Sequence[Tensors]
    folder: Path
    count: int = 0
    expected: list[Tensors] | None = None

    def good(self, blocked: Collection[str]) -> bool:
        """Return whether outputs stay within the bound with these nodes in float32."""
        self.count += 1
        providers = (_CUDA, _CPU) if _CUDA in _providers() else (_CPU,)
        if self.expected is None:
            self.expected = run_file(input_file(self.model), self.samples)
        try:
            path = store(lowered(self.graph, self.element, blocked), self.folder / "lowered.onnx")
            # As it is: what ONNX Runtime makes of a bidirectional LSTM in float16 takes the process down as it is
            # loaded (1.32, all optimisations, the CPU; with the extended ones it is right).
            error = error_of(self.expected, run_file(path, self.samples, providers, optimised=False))
        except Exception as reason:  # the runtime may have no kernel for an operator in this precision
            print(f"with {len(blocked)} nodes in fp32: {first_line(reason)}")
            return False
        print(f"with {len(blocked)} nodes in fp32: off by {error:.3g}")
        return error <= self.bound


def _float_nodes(graph: Any) -> list[Any]:
    """Return the nodes of the main graph that take or give a tensor of float32."""
    import onnx

    values = (*graph.graph.input, *graph.graph.output, *graph.graph.value_info)
    floats = {value.name for value in values if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT}
    floats |= {each.name for each in graph.graph.initializer if each.data_type == onnx.TensorProto.FLOAT}
    return [node for node in graph.graph.node if floats & {*node.input, *node.output}]


def _of(nodes: dict[str, str], operators: Collection[str]) -> list[str]:
    return [name for name, operator in nodes.items() if operator in operators]


def _providers() -> list[str]:
    import onnxruntime

    return list(onnxruntime.get_available_providers())
