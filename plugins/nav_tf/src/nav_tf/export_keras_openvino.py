"""OpenVINO IR by Keras's own export."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from nav_tf.framework import load_tensorflow
from nav_tf.keras_export import graph_name, input_signature, unexportable
from nav_tf.needs import missing_openvino
from navcore.contracts import Exporter, Model
from navcore.domain import Signature
from navcore.errors import NavError
from navcore.formats import Format

__all__ = ["KerasExportError", "KerasOpenVINOExporter"]


class KerasExportError(NavError):
    """Keras has exported something else than the model."""


@attrs.frozen(kw_only=True)
class KerasOpenVINOExporter(Exporter):
    """Stands in for the way through a SavedModel, which converts more models, in a worker."""

    name: str = "keras-openvino"
    source: Format = Format.TENSORFLOW
    target: Format = Format.OPENVINO_IR
    fallback: bool = True

    def unavailable(self) -> str | None:
        return missing_openvino()

    def unsuited(self, model: Model) -> str | None:
        return unexportable(model)

    def write(self, model: Model, out: Path) -> Signature:
        load_tensorflow()
        draft = out.with_name("draft.xml")
        with _without_traces():
            import openvino

            model.object.export(str(draft), format="openvino", input_signature=input_signature(model), verbose=False)
        made = openvino.Core().read_model(str(draft))
        _name_ports(made, model.signature)
        openvino.save_model(made, str(out), compress_to_fp16=False)
        del made  # it has the draft's weights mapped
        for path in (draft, draft.with_suffix(".bin")):
            path.unlink()
        return model.signature


@contextmanager
def _without_traces() -> Iterator[None]:
    """Keep OpenVINO from reporting its import and each conversion over the network, and from changing the root logger.

    The variable is its own switch (openvino 2026.4, openvino/tools/ovc/telemetry_utils.py). A conversion sets the level
    of the root logger to ERROR (openvino/tools/ovc/logger.py).
    """
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    before = os.environ.get("CI")
    os.environ["CI"] = "true"
    try:
        yield
    finally:
        root.setLevel(level)
        root.handlers[:] = handlers
        if before is None:
            del os.environ["CI"]
        else:
            os.environ["CI"] = before


def _name_ports(made: Any, signature: Signature) -> None:
    """Give the outputs that are in no dict the signature's names, and drop what the model does not return.

    Keras's export leaves results of layers among the outputs (keras 3.15, openvino 2026.4).
    """
    missing = set(signature.input_names) - {name for port in made.inputs for name in port.get_names()}
    if missing:
        raise _lost("input", missing, made.inputs)
    kept = set()
    for place, name in enumerate(signature.output_names):
        found = {each: port for port in made.outputs for each in port.get_names()}
        port = found.get(name, found.get(graph_name(place)))
        if port is None:
            raise _lost("output", {name}, made.outputs)
        port.get_tensor().add_names({name})
        kept.add(port.get_node().get_friendly_name())
    for result in made.get_results():
        if result.get_friendly_name() not in kept:
            made.remove_result(result)


def _lost(side: str, names: set[str], ports: Any) -> KerasExportError:
    there = sorted({name for port in ports for name in port.get_names()})
    return KerasExportError(
        f"Keras's export has no {side} {', '.join(sorted(names))}, only {', '.join(there)}",
        "give inputs of the model names, or take the route through a SavedModel",
    )
