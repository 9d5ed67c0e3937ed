"""Converts ONNX to ONNX: constants folded, shapes inferred, what nothing needs dropped; by onnxslim."""

from __future__ import annotations

from pathlib import Path

import attrs

from nav_onnx.clean import MOST_GROWTH_BYTES, clean, missing_onnxslim
from nav_onnx.graph_facts import graph_facts
from nav_onnx.installed import missing_runtime
from nav_onnx.pass_files import finish, input_file
from navcore.contracts import Converter, Model, Stage
from navcore.domain import Signature
from navcore.formats import Format

__all__ = ["TO_TRY_IT", "OnnxSlim"]

TO_TRY_IT = "to try it all the same: custom_configs=[nav.OnnxPassConfig({}=True)]"

_IDLE = ("Dropout", "Identity")


@attrs.frozen(kw_only=True)
class OnnxSlim(Converter):
    """Computes once what does not depend on inputs.

    Attributes:
        always: Whether it is tried although the runtimes here fold constants themselves as they open a file, so that it
            would double the routes for nothing; the passes that lower the precision clean their graph in any case.
        most_growth_bytes: By how much the file may grow; more is refused before it is computed, as far as ONNX can
            infer shapes.
        smallest_share: Of the nodes, that folding must be able to remove; runtimes remove few as they open the file.
    """

    name: str = "onnx-slim"
    imports: tuple[str, ...] = ("onnx", "onnxruntime")
    source: Format = Format.ONNX
    target: Format = Format.ONNX
    stage: Stage | None = Stage.CLEAN
    always: bool = False
    most_growth_bytes: int = attrs.field(default=MOST_GROWTH_BYTES, validator=attrs.validators.ge(0))
    smallest_share: float = attrs.field(default=0.05, validator=attrs.validators.ge(0))

    def unavailable(self) -> str | None:
        if missing := missing_onnxslim() or missing_runtime():
            return missing
        if self.always:
            return None
        return f"runtimes fold constants themselves as they open a file; {TO_TRY_IT.format('slim')}"

    def unsuited(self, model: Model) -> str | None:
        facts = graph_facts(model)
        if facts is None:
            return None
        found = facts.folded + sum(count for name, count in facts.operators if name in _IDLE)
        if found and found >= self.smallest_share * facts.nodes:
            return None
        held = f"{found} of its {facts.nodes} nodes" if found else "none of its nodes"
        return f"{held} can be folded away, and runtimes do that as they open the file"

    def write(self, model: Model, out: Path) -> Signature:
        return finish(clean(input_file(model), self.most_growth_bytes), model, out, self.name)
