"""Scripts that redo one step of a run without the engine: `reproduce/build-*.py` and `reproduce/check-*.py`."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from navcore.contracts import Model
from navcore.domain import BuildResult, DeviceKind, TrialResult
from navcore.formats import Format
from navcore.store.literals import NotLiteralError, Writer
from navcore.store.script_parts import AS_TYPE, BUILD, CHECK, HEAD, LOAD_FROM, LOAD_YOURSELF, PLAIN_LOAD, VIEW_LOAD
from navcore.store.workspace import Workspace

__all__ = ["write_build_script", "write_trial_script"]

_STANDARD = ("bool", "int", "uint", "float", "complex", "str")


def write_build_script(
    workspace: Workspace,
    result: BuildResult,
    tool: Mapping[str, Any],
    model: Model,
    target: Format,
    *,
    samples: int,
    model_reference: str | None = None,
) -> Path:
    """Write the script that lets an edge write its artifact again, and return its path.

    Args:
        workspace: Written to `reproduce/`; it is found again from the script's own place.
        result: How the step ended.
        tool: The edge, as `navcore.engine.reference.reference_of` describes it.
        model: What it was given; a live object is not written, but loaded by the script.
        target: Format that it makes.
        samples: How many of those that `navcore.store.samples.write_samples` has written are used, the first ones.
        model_reference: Where a live object comes from, `file.py:attribute` or `module:attribute`; None: the user
            fills in a function.
    """
    step = f"build-{result.route}"
    what = f"the edge {result.tool}, which makes {target} of {model.format}"
    return _write(workspace, step, what, result, tool, model, target, samples, model_reference)


def write_trial_script(
    workspace: Workspace,
    result: TrialResult,
    tool: Mapping[str, Any],
    model: Model,
    device: DeviceKind,
    *,
    samples: int,
    model_reference: str | None = None,
) -> Path:
    """Write the script that runs and times an artifact and compares it again, and return its path.

    Args:
        workspace, result, model, samples, model_reference: As for `write_build_script`.
        tool: The runner.
        device: What it was opened on.
    """
    step = f"check-{result.route}-{result.runner}"
    what = f"{result.route} on the runner {result.runner}"
    return _write(workspace, step, what, result, tool, model, device, samples, model_reference)


def _write(
    workspace: Workspace,
    step: str,
    what: str,
    result: BuildResult | TrialResult,
    tool: Mapping[str, Any],
    model: Model,
    goal: Format | DeviceKind,
    samples: int,
    model_reference: str | None,
) -> Path:
    path = workspace.root / "reproduce" / f"{workspace.log(step).stem}.py"
    writer = Writer(imports={"import numpy as np", "from navcore.contracts import Model"})
    values = {
        "title": _paragraph(f"Redoes one step of a run of navcore without its engine: {what}."),
        "script": path.name,
        "ended": _paragraph(_ended(result)),
        "tool": writer.tool(tool),
        "model": textwrap.indent(_model(writer, workspace, model), "    ").lstrip(),
        "signature": writer.value(model.signature),
        "samples": samples,
        "load": VIEW_LOAD if _exotic(model) else PLAIN_LOAD,
        "functions": (AS_TYPE if _exotic(model) else "") + (_load_model(model_reference) if model.format.live else ""),
        "action": _action(writer, goal).strip(),
    }
    text = HEAD.format(imports="\n".join(sorted(writer.imports)), **values)
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
    return path


def _ended(result: BuildResult | TrialResult) -> str:
    if result.failure is None:
        return f"In the run it ended with: {result.status}."
    return f"In the run it ended with: {result.status} ({result.failure.kind}): {result.failure.reason}"


def _paragraph(text: str) -> str:
    """Return a text that stays inside a docstring, whatever a tool has said."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    harmless = printable.replace("\\", "/").replace('"', "'")
    return textwrap.fill(harmless, 100, break_long_words=False, break_on_hyphens=False)


def _model(writer: Writer, workspace: Workspace, model: Model) -> str:
    """Return the call that makes the model; a live one is loaded, what cannot be written down is left to fill in."""
    lines = [f"format={writer.value(model.format)},", "signature=SIGNATURE,"]
    if model.path is None:
        lines.append("object=load_model(),")
    elif model.path.is_relative_to(workspace.root):
        lines.append(f"path=HERE.parent / {writer.value(workspace.relative(model.path))},")
    else:
        lines.append(f"path=Path({writer.value(str(model.path.absolute()))}),")
    try:
        lines += [f"call={writer.value(model.call)},"] if model.format.live else []
    except NotLiteralError as error:
        lines.append(f"call=None,  # fill in how the model is called: {error}")
    lines.append('examples=tuple(load("inputs", sample, SIGNATURE.inputs) for sample in SAMPLES),')
    return "Model(\n" + textwrap.indent("\n".join(lines), "    ") + "\n)"


def _exotic(model: Model) -> bool:
    """Whether there are types that NumPy lacks, such as bfloat16."""
    dtypes = {spec.dtype for spec in (*model.signature.inputs, *model.signature.outputs)}
    return any(dtype.rstrip("0123456789_") not in _STANDARD for dtype in dtypes)


def _action(writer: Writer, goal: Format | DeviceKind) -> str:
    if isinstance(goal, Format):
        return BUILD.format(name=f'"model{goal.suffix}"')
    return CHECK.format(device=writer.value(goal))


def _load_model(reference: str | None) -> str:
    if reference is None:
        return LOAD_YOURSELF
    source, _, attribute = reference.rpartition(":")
    file = Path(source).absolute()
    folder, module = (file.parent, file.stem) if source.endswith(".py") else (Path.cwd(), source)
    texts = {"folder": str(folder), "module": module, "attribute": attribute}
    return LOAD_FROM.format_map({name: Writer().value(text) for name, text in texts.items()})
