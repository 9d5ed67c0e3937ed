"""Files of passes: a copy that tools may write beside, and a result that still takes and gives what the source does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nav_onnx.graphs import copied, sort_nodes
from nav_onnx.pass_error import PassError
from navcore.contracts import Model
from navcore.domain import Signature

__all__ = ["PASSES", "finish", "input_file", "load", "passes_of", "scratch_folder", "store"]

PASSES = "navcore.passes"
"""Key of the metadata under which a file names the passes that it came through."""

_LARGEST_INLINE_BYTES = 1_500_000_000  # protobuf ends at 2 GiB, and a graph is more than its weights
_SMALLEST_EXTERNAL_BYTES = 1024
_IR_OF_FREE_WEIGHTS = 4  # the first in which weights need not be inputs
_NEWEST_IR = 10  # that every supported ONNX Runtime reads

Shape = tuple[int | str | None, ...]


def input_file(model: Model) -> Path:
    """Return the path of the model.

    Raises:
        ValueError: It has none.
    """
    if model.path is None:
        raise ValueError(f"a pass needs an ONNX file, and was given a {model.format} without a path")
    return model.path


@contextmanager
def scratch_folder(out: Path) -> Iterator[Path]:
    """Give a folder on the disk of the artifact, which is gone afterwards; tools of ONNX Runtime write into such."""
    with TemporaryDirectory(dir=out.parent, prefix=".scratch-") as folder:
        yield Path(folder)


def load(path: Path, *, weights: bool = True) -> Any:
    """Return the `onnx.ModelProto`, with its external data in memory where `weights` is true.

    Weights that are listed among the inputs too, as IR 3 wanted it, are weights alone, as everywhere in navcore.
    """
    import onnx

    proto = onnx.load(str(path), load_external_data=weights)
    constants = {tensor.name for tensor in proto.graph.initializer}
    fed = [value for value in proto.graph.input if value.name not in constants]
    if len(fed) < len(proto.graph.input):
        del proto.graph.input[:]
        proto.graph.input.extend(fed)
        proto.ir_version = max(proto.ir_version, _IR_OF_FREE_WEIGHTS)
    return proto


def store(proto: Any, path: Path) -> Path:
    """Write the `onnx.ModelProto`, whose weights are in memory; those of a large one go into a file beside it."""
    import onnx

    if _size_bytes(proto) < _LARGEST_INLINE_BYTES:
        onnx.save(proto, str(path))
        return path
    onnx.save(
        copied(proto),  # whose weights are gone afterwards
        str(path),
        save_as_external_data=True,
        location=f"{path.name}.data",
        size_threshold=_SMALLEST_EXTERNAL_BYTES,
        convert_attribute=False,
    )
    return path


def finish(proto: Any, model: Model, out: Path, name: str) -> Signature:
    """Write what a pass has made, checked, and return its signature: that of the source.

    Args:
        proto: The `onnx.ModelProto`, with its weights in memory.
        model: The source.
        out: Where to write.
        name: Of the pass; the file remembers it.

    Raises:
        PassError: Inputs or outputs are others than before, or the checker refuses the file.
    """
    import onnx

    source = load(input_file(model), weights=False)
    for side in ("input", "output"):
        if difference := _difference(_tensors(source, side), _tensors(proto, side)):
            raise PassError(f"{name} changed the {side}s of the graph: {difference}", "report this to its author")
    sort_nodes(proto.graph)
    proto.ir_version = min(proto.ir_version, max(source.ir_version, _NEWEST_IR))
    _remember(proto, (*passes_of(source), name))
    store(proto, out)
    try:
        onnx.checker.check_model(str(out))
    except onnx.checker.ValidationError as error:
        reason = str(error).strip().partition("\n")[0]
        raise PassError(f"what {name} made is no valid ONNX model: {reason}", "report this to its author") from error
    return model.signature


def passes_of(proto: Any) -> tuple[str, ...]:
    """Return the names of the passes that a file came through, in order."""
    found = next((entry.value for entry in proto.metadata_props if entry.key == PASSES), "")
    return tuple(filter(None, found.split(",")))


def _remember(proto: Any, names: tuple[str, ...]) -> None:
    others = [(entry.key, entry.value) for entry in proto.metadata_props if entry.key != PASSES]
    del proto.metadata_props[:]
    for key, value in (*others, (PASSES, ",".join(names))):
        proto.metadata_props.add(key=key, value=value)


def _size_bytes(proto: Any) -> int:
    """Return the size of the weights, which cannot overflow as the size of the whole message can."""
    return sum(len(tensor.raw_data) or tensor.ByteSize() for tensor in proto.graph.initializer)


def _tensors(proto: Any, side: str) -> dict[str, tuple[int, Shape | None]]:
    """Return element type and shape of what is fed or returned, in order."""
    return {value.name: (value.type.tensor_type.elem_type, _shape(value)) for value in getattr(proto.graph, side)}


def _shape(value: Any) -> Shape | None:
    if not value.type.tensor_type.HasField("shape"):
        return None
    return tuple(
        dimension.dim_value if dimension.WhichOneof("value") == "dim_value" else dimension.dim_param or None
        for dimension in value.type.tensor_type.shape.dim
    )


def _difference(before: dict[str, tuple[int, Shape | None]], after: dict[str, tuple[int, Shape | None]]) -> str:
    """Return what is different, or nothing; a dimension may be told where it was unknown, but not fixed."""
    if list(before) != list(after):
        return f"they were {', '.join(before) or 'none'}, and are {', '.join(after) or 'none'}"
    for name, (element, shape) in before.items():
        if element != after[name][0]:
            return f"the element type of {name!r} was {element}, and is {after[name][0]}"
        if not _keeps(shape, after[name][1]):
            return f"the shape of {name!r} was {shape}, and is {after[name][1]}"
    return ""


def _keeps(before: Shape | None, after: Shape | None) -> bool:
    if before is None or after is None:
        return True
    return len(before) == len(after) and all(
        new == old or not isinstance(new, int) for old, new in zip(before, after, strict=True)
    )
