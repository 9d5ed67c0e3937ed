"""ExportError: what torch's exporters say at length, as one sentence with a fix."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from navcore.domain import Signature
from navcore.errors import NavError

__all__ = ["ExportError", "explained", "headline"]

_BRANCH_FIX = "replace branches on values of tensors in forward by torch.where or torch.cond"
_FIXED_SIZE_FIX = "the model fixes a dimension that differs between the samples: give samples that agree in it"
_FIXED_AXIS_FIX = "leave it out of dynamic_axes, or take the size from tensor.shape in forward"
_ANNOTATE = "to torch.jit.script an argument without annotation is a Tensor: annotate it in forward as what it is, "

_FIXES = (
    ("data-dependent", _BRANCH_FIX),
    ("data dependent", _BRANCH_FIX),
    ("constraint", _FIXED_SIZE_FIX),
    ("specialize", _FIXED_SIZE_FIX),
    ("no onnx function", "there is no ONNX operator for this: use another operation in forward, or another route"),
    ("onnx opset", "the older exporter has no such operator: use another operation in forward, or another opset"),
    ("get source", "torch.jit.script needs the source of every function that it meets: use torchscript-trace"),
    ("index type 'str'", f"{_ANNOTATE}for example dict[str, torch.Tensor]; or use torchscript-trace"),
    ("undefined tensor", f"{_ANNOTATE}for example torch.Tensor | None; or use torchscript-trace"),
    ("expected a value of type", f"{_ANNOTATE}for example float; or use torchscript-trace"),
    ("variable number of arguments", "name every argument of forward; or use torchscript-trace"),
    ("keyword-arg expansion", "name every argument of forward; or use torchscript-trace"),
    ("multiple values for", "leave it out of custom_args: the exporter itself gives it, or a field of the config"),
    ("unexpected keyword argument", "leave it out of custom_args, or give it to the exporter that takes it"),
    ("can't redefine", "torch.jit.script failed on this class before, and keeps half of it: start a new process"),
    ("on inference tensor", "make the model, or load its weights, outside of torch.inference_mode()"),
)
_SCRIPT = "torch.jit.script"
_OTHERWISE_SCRIPT = "torch.jit.script knows a part of Python only: use torchscript-trace, or torch-exportedprogram"

_FIXED_AXES = (
    re.compile(r"L\['tensor_(?P<place>\d+)'\]\.size\(\)\[(?P<axis>\d+)\].*?constant \((?P<size>\d+)\)", re.DOTALL),
    re.compile(
        r"static shape of (?P<size>\d+) for dimension inputs\['tensor_(?P<place>\d+)'\]\.shape\[(?P<axis>\d+)\]"
    ),
)
"""How torch.export 2.13 names an axis of the flat module that is no longer dynamic, and how torch.onnx does."""

_EMPTY_HEADLINE = "The following operation failed in the TorchScript interpreter."


class ExportError(NavError):
    """The module cannot be exported this way; other ways may work."""


@contextmanager
def explained(exporter: str, module: Any = None, signature: Signature | None = None) -> Iterator[None]:
    """Run the block, and turn what torch raises into an ExportError with the first cause of all.

    Args:
        exporter: Name of the torch function, for the message.
        module: The user's; None where it is not at hand.
        signature: Of the flat module that is exported, to name its dimensions.

    Raises:
        ExportError: torch could not export.
    """
    try:
        yield
    except NavError:
        raise
    except Exception as error:  # torch.export raises many classes, most of them private
        first = _first_cause(error)
        scripted = _scripted(module) if module is not None else None
        reason = f"{type(first).__name__}: {headline(first)}"
        if scripted is not None and not exporter.startswith("torch.jit"):
            raise ExportError(
                f"{exporter} cannot follow {scripted}, which is TorchScript: {reason}",
                "give the nn.Module that it was scripted or traced from; or keep to target_formats=['torchscript']",
            ) from error
        if (fixed := _fixed_axis(str(first), signature)) is not None:
            # torch's own message names no dimension, and says nothing else.
            what, fix = fixed
            raise ExportError(f"{what}: {exporter} found that forward makes it a constant", fix) from None
        raise ExportError(f"{exporter} failed: {reason}", _fix(exporter, first)) from error


def _fix(exporter: str, error: BaseException) -> str:
    text = f"{type(error).__name__} {error}".lower()
    known = next((fix for sign, fix in _FIXES if sign in text), None)
    if known is None and exporter == _SCRIPT:
        return _OTHERWISE_SCRIPT
    return known or f"read the log for the place in forward, and write it so that {exporter} can follow"


def headline(error: BaseException) -> str:
    """Return the line of the message that says what is wrong; TorchScript's come with listings."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    expected = next((line for line in lines if line.startswith("Expected a value of type")), None)
    if expected is not None or not lines:
        return expected or "no message"
    return lines[-1].removeprefix("RuntimeError: ") if lines[0] == _EMPTY_HEADLINE else lines[0]


def _fixed_axis(text: str, signature: Signature | None) -> tuple[str, str] | None:
    """Return which dimension the model fixes, and at what, with the fix."""
    found = next((match for pattern in _FIXED_AXES if (match := pattern.search(text))), None)
    if found is None or signature is None:
        return None
    spec = signature.inputs[int(found["place"])]
    dimension = spec.shape[int(found["axis"])]
    if isinstance(dimension, str):
        return f"{dimension} size {found['size']} was baked in", _FIXED_SIZE_FIX
    return f"axis {found['axis']} of {spec.name}, size {dimension}, was baked in", _FIXED_AXIS_FIX


def _scripted(module: Any) -> str | None:
    """Return the class that a part in TorchScript was made from; torch.export follows some of those, most not."""
    import torch

    scripts = (part for part in module.modules() if isinstance(part, torch.jit.ScriptModule))
    return next((str(part.original_name) for part in scripts), None)


def _first_cause(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error
