"""A text that changes whenever an ONNX file, or a file that holds its weights, changes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

__all__ = ["fingerprint"]


def fingerprint(model: Any) -> str | None:
    """Return the SHA-256 over the file and all files of external data.

    None for a model in memory, and for a file that cannot be read: whoever describes the model says that better.
    """
    if not isinstance(model, str | os.PathLike):
        return None
    import onnx

    path = Path(os.fsdecode(model))
    try:
        return _digest(path, onnx.load_model_from_string)
    except Exception:  # protobuf's own classes, beside OSError
        return None


def _digest(path: Path, parse: Callable[[bytes], Any]) -> str:
    content = path.read_bytes()
    proto = parse(content)
    digest = hashlib.sha256(hashlib.sha256(content).digest())
    for name in sorted(set(_external_files(proto))):
        digest.update(f"{len(name)} {name}".encode())
        digest.update(_sha256(path.parent / name))
    return digest.hexdigest()


def _external_files(proto: Any) -> Iterator[str]:
    from onnx.external_data_helper import ExternalDataInfo, uses_external_data

    functions = (node for function in proto.functions for node in function.node)
    for tensor in (*_tensors(proto.graph), *_node_tensors(functions)):
        if uses_external_data(tensor):
            yield ExternalDataInfo(tensor).location


def _tensors(graph: Any) -> Iterator[Any]:
    """Return every tensor of a graph, also those in attributes and in graphs below it."""
    yield from graph.initializer
    yield from _node_tensors(graph.node)


def _node_tensors(nodes: Iterable[Any]) -> Iterator[Any]:
    for attribute in (attribute for node in nodes for attribute in node.attribute):
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors
        for graph in (*attribute.graphs, *((attribute.g,) if attribute.HasField("g") else ())):
            yield from _tensors(graph)


def _sha256(path: Path) -> bytes:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.digest()
