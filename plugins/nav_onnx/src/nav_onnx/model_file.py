"""Reads ONNX files: checks one, and returns the signature that it declares."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

from nav_onnx.declare import declare, read_tensors
from nav_onnx.explain import checker_reason
from nav_onnx.raw_infer import untakable
from navcore.domain import Signature
from navcore.errors import ModelFileError

__all__ = ["read_signature"]

_NEWER = re.compile(r"Your model ir_version (?P<version>\d+) is higher than the checker's \((?P<most>\d+)\)")
_NOT_WHOLE = "export it again, or copy it again: `onnx.checker.check_model(path)` must accept it"


def read_signature(path: Path) -> Signature:
    """Return the signature that an ONNX file declares.

    Raises:
        ModelFileError: The file is missing, unreadable, truncated or invalid, its external data is missing, or it takes
            or gives something other than numeric tensors.
    """
    try:
        facts = path.stat()
    except FileNotFoundError as error:
        raise ModelFileError(f"{path} cannot be opened: {error.strerror}", "pass the path of an ONNX file") from error
    except OSError as error:
        raise _unreadable(path, error) from error
    if path.is_dir():
        raise ModelFileError(f"{path} is a folder, not an ONNX file", "pass the path of the .onnx file inside it")
    if facts.st_size == 0:
        raise ModelFileError(f"{path} is empty", _NOT_WHOLE)
    return _read(path, facts.st_mtime_ns, facts.st_size)


# Every sample of a dataloader is described, and checking a large file takes seconds: so remember the last one read.
@functools.lru_cache(maxsize=1)
def _read(path: Path, _modified_ns: int, _size_bytes: int) -> Signature:
    import onnx

    trouble = _checked(path)  # before the file is read: both at once take three times its size
    try:
        proto = onnx.load(path, format="protobuf", load_external_data=False)
    except OSError as error:
        raise _unreadable(path, error) from error
    except Exception as error:  # protobuf's exceptions differ between its implementations
        raise ModelFileError(f"{path} is not an ONNX file, or truncated: {_first_line(error)}", _NOT_WHOLE) from error
    inputs, outputs = read_tensors(proto, path)
    _check_external_data(path, proto)
    if trouble is not None:
        raise _invalid(path, proto, trouble) from trouble
    signature = declare(proto, inputs, outputs)
    if reason := untakable(signature):
        raise ModelFileError(f"{path} cannot be run: {reason}", "export it with int8 or float16 in its place")
    return signature


def _checked(path: Path) -> Exception | None:
    """Return what is wrong with a model, as ONNX tells it."""
    import onnx

    try:
        onnx.checker.check_model(str(path))  # by path: files beyond 2 GB and external data are checked only so
    except Exception as error:  # most often checker.ValidationError, which is no subclass of anything more telling
        return error
    return None


def _unreadable(path: Path, error: OSError) -> ModelFileError:
    fix = f"make it and its folders readable for yourself, for example: chmod u+r {path}"
    return ModelFileError(f"{path} cannot be read: {error.strerror or error}", fix)


def _invalid(path: Path, proto: Any, error: Exception) -> ModelFileError:
    reason = checker_reason(error, proto)
    if newer := _NEWER.search(reason):
        return ModelFileError(
            f"{path} has ONNX IR version {newer['version']}, and the installed onnx reads up to {newer['most']}",
            f"pip install --upgrade onnx, or export with ir_version={newer['most']} or lower",
        )
    return ModelFileError(f"{path} is no valid ONNX model: {reason}", _NOT_WHOLE)


def _check_external_data(path: Path, proto: Any) -> None:
    from onnx.external_data_helper import ExternalDataInfo, uses_external_data

    for tensor in proto.graph.initializer:
        if not uses_external_data(tensor):
            continue
        location = ExternalDataInfo(tensor).location
        if not (path.parent / location).is_file():
            raise ModelFileError(
                f"{path} keeps the weight {tensor.name!r} in the file {location!r}, which is not beside it",
                f"copy {location} into {path.parent.resolve()}",
            )
        if (path.parent / location).is_symlink():
            raise ModelFileError(
                f"{path} keeps the weight {tensor.name!r} in {location!r}, which is a symbolic link, as caches of "
                "downloads make them; ONNX follows none",
                f"copy what they point to: cp -rL {path.parent} another-folder",
            )


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0].strip() if text else type(error).__name__
