"""ExportError: what torch.export says at length, as one sentence with a fix."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from navcore.errors import NavError

__all__ = ["ExportError", "explained"]

_FIXES = (
    ("data-dependent", "replace branches on values of tensors in forward by torch.where or torch.cond"),
    ("constraint", "the model fixes a dimension that differs between the samples: give samples that agree in it"),
    ("specialize", "the model fixes a dimension that differs between the samples: give samples that agree in it"),
    ("no onnx function", "there is no ONNX operator for this: use another operation in forward, or another route"),
)
_OTHERWISE = "read the log for the place in forward, and write it so that torch.export can follow"


class ExportError(NavError):
    """The module cannot be exported this way; other ways may work."""


@contextmanager
def explained(exporter: str, module: Any) -> Iterator[None]:
    """Run the block, and turn what torch raises into an ExportError with the first cause of all.

    Args:
        exporter: Name of the torch function, for the message.
        module: The user's.

    Raises:
        ExportError: torch could not export.
    """
    try:
        yield
    except NavError:
        raise
    except Exception as error:  # torch.export raises many classes, most of them private
        first = _first_cause(error)
        lines = [line.strip() for line in str(first).splitlines() if line.strip()]
        headline = lines[0] if lines else "no message"
        scripted = _scripted(module)
        fix = next((fix for sign, fix in _FIXES if sign in f"{type(first).__name__} {first}".lower()), _OTHERWISE)
        if scripted is not None:
            raise ExportError(
                f"{exporter} cannot follow {scripted}, which is TorchScript: {type(first).__name__}: {headline}",
                "give the nn.Module that it was scripted or traced from; or keep to target_formats=['torchscript']",
            ) from error
        raise ExportError(f"{exporter} failed: {type(first).__name__}: {headline}", fix) from error


def _scripted(module: Any) -> str | None:
    """Return the class that a part in TorchScript was made from; torch.export follows some of those, most not."""
    import torch

    scripts = (part for part in module.modules() if isinstance(part, torch.jit.ScriptModule))
    return next((str(part.original_name) for part in scripts), None)


def _first_cause(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error
