"""OnnxFileExporter: an ONNX file of the user's in place of an export."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

import attrs

from nav_torch.export_error import ExportError
from navcore.contracts import Exporter, Model
from navcore.domain import Signature
from navcore.errors import ModelFileError, first_line
from navcore.formats import Format

__all__ = ["OnnxFileExporter"]


@attrs.frozen(kw_only=True)
class OnnxFileExporter(Exporter):
    """Copies a file, with the files that its weights are in.

    Attributes:
        path: The file.
        digest: SHA-256 of it and of those beside it, so that artifacts of another content are not taken for its own.

    Raises:
        ModelFileError: It is no ONNX file, or a file beside it is missing or lies elsewhere.
    """

    name: str = "onnx"
    source: Format = Format.TORCH
    target: Format = Format.ONNX
    path: str
    digest: str = attrs.field()

    @digest.default
    def _of_contents(self) -> str:
        digest = hashlib.sha256()
        for file in _files(Path(self.path)):
            with file.open("rb") as stream:
                while block := stream.read(2**20):
                    digest.update(block)
        return digest.hexdigest()

    def write(self, model: Model, out: Path) -> Signature:
        import onnx

        graph = _read(Path(self.path)).graph
        constants = {each.name for each in graph.initializer}
        inputs = [each.name for each in graph.input if each.name not in constants]
        _check_names(self.path, "inputs", inputs, model.signature.input_names)
        _check_names(self.path, "outputs", [each.name for each in graph.output], model.signature.output_names)
        main = Path(self.path)
        for file in _files(main):
            target = out if file == main else out.parent / file.relative_to(main.parent)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        onnx.checker.check_model(str(out))
        return model.signature


def _check_names(path: str, side: str, found: Iterable[str], wanted: Iterable[str]) -> None:
    theirs, ours = (", ".join(names) or "none" for names in (found, wanted))
    if sorted(found) != sorted(wanted):
        raise ExportError(
            f"the {side} of {path} are {theirs}; those of the model are {ours}",
            f"rename them in the file, or call optimize with {side[:-1]}_names=({', '.join(map(repr, found))},)",
        )


def _read(path: Path) -> Any:
    import onnx

    try:
        return onnx.load(path, load_external_data=False)
    except Exception as error:  # protobuf raises classes of its own
        raise ModelFileError(f"{path} is no ONNX file: {first_line(error)}", "give the path of one") from error


def _files(path: Path) -> list[Path]:
    """Return the file, and those that hold its weights, in its own folder or below."""
    from onnx.external_data_helper import ExternalDataInfo, uses_external_data

    tensors = _tensors(_read(path).graph)
    locations = sorted({ExternalDataInfo(each).location for each in tensors if uses_external_data(each)})
    for location in locations:
        inside = not PurePosixPath(location).is_absolute() and ".." not in PurePosixPath(location).parts
        if not inside or not (path.parent / location).is_file():
            where = "is not there" if inside else "lies outside of its folder"
            raise ModelFileError(f"{path} keeps weights in {location}, which {where}", "put the file beside it")
    return [path, *(path.parent / location for location in locations)]


def _tensors(graph: Any) -> Iterable[Any]:
    """Yield every tensor that may lie outside: initializers, and attributes of nodes, in subgraphs as well."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for each in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from _tensors(each)
