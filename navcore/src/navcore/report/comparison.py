"""What `nav compare` says: what changed from one run to another, and the verdict in one line."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import attrs
from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from navcore.domain import Choice, TrialResult
from navcore.engine.regression import ChoiceChange, Comparison, TrialChange, told
from navcore.engine.speed_change import SpeedChange, Trend
from navcore.report import figures

__all__ = ["comparison_json", "comparison_page", "verdict"]

_STYLES = {Trend.SLOWER: "red", Trend.FASTER: "green", Trend.UNSURE: "yellow", Trend.SAME: ""}


@attrs.frozen
class _Row:
    """One line of the table, as text."""

    mark: str
    name: str
    size: str
    before: str
    after: str
    ratio: str
    says: str
    style: str = ""


def comparison_page(comparison: Comparison) -> RenderableType:
    """Return the table, every reason, and the verdict as the last line."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    table.add_column("route on runner", overflow="fold")
    for header in ("batch\nsize", "ms\nbefore", "ms\nafter", "time after /\ntime before"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("")
    for row in _rows(comparison):
        cells = (row.mark, row.name, row.size, row.before, row.after, row.ratio, row.says)
        table.add_row(*map(Text, cells), style=row.style)
    return Group(
        table,
        Text(),
        Text(_legend(comparison), style="dim"),
        *_told(comparison),
        Text(),
        Text(verdict(comparison), style="bold"),
    )


def verdict(comparison: Comparison) -> str:
    """Return the answer and the first reason for it, in one line."""
    reasons = [reason for reason in comparison.reasons if reason.answer is comparison.answer]
    if reasons:
        more = f"; and {len(reasons) - 1} more" if len(reasons) > 1 else ""
        return f"{comparison.answer}: {reasons[0]}{more}"
    compared = [(choice, change) for choice in comparison.choices for change in choice.changes]
    if not compared:
        return f"{comparison.answer}: something works now, and nothing did before"
    choice, worst = max(compared, key=lambda each: each[1].ratio)
    among = " at worst" if len(compared) > 1 else ""
    return f"{comparison.answer}: {_name(choice.after)} takes {told(worst)}{among}"


def comparison_json(comparison: Comparison, exit_code: int) -> str:
    """Return everything as JSON text; what has no number is null."""
    data = {
        "answer": str(comparison.answer),
        "exit_code": exit_code,
        "verdict": verdict(comparison),
        "tolerance_percent": comparison.tolerance * 100,
        "reasons": [
            {"answer": str(reason.answer), "subject": reason.subject, "text": reason.text}
            for reason in comparison.reasons
        ],
        "choices": [_choice_data(choice) for choice in comparison.choices],
        "trials": [_trial_data(trial) for trial in comparison.trials],
    }
    return json.dumps(data, indent=1, allow_nan=False) + "\n"


def _told(comparison: Comparison) -> Iterator[RenderableType]:
    """Yield the reasons; none where the verdict says it all."""
    if len(comparison.reasons) > 1 or any(reason.answer is not comparison.answer for reason in comparison.reasons):
        yield Text()
        yield from (Text(f"{reason.answer}: {reason}") for reason in comparison.reasons)


def _legend(comparison: Comparison) -> str:
    return (
        "★ chosen, at every batch size; the others at the one where they were quickest. ms: the median block. The two "
        "were not measured side by side: the interval in brackets holds the noise within each run, and a difference of "
        f"up to {comparison.tolerance * 100:.3g} % is taken for what the machine did between them."
    )


def _rows(comparison: Comparison) -> Iterator[_Row]:
    chosen = set()
    for choice in comparison.choices:
        if choice.before is not None and choice.after is not None:
            name = _name(choice.after)
            if _key(choice.before) == _key(choice.after):
                chosen.add(_key(choice.after))
            else:
                name = f"{_name(choice.before)}, now {name}"
            yield from (_change_row("★", name, change) for change in choice.changes)
    for trial in comparison.trials:
        if (trial.route, trial.runner) not in chosen:
            yield _trial_row(trial)


def _trial_row(trial: TrialChange) -> _Row:
    name = f"{trial.route} on {trial.runner}"
    if trial.changes and trial.before is not None:
        quickest = trial.before.quickest.batch_size
        change = next((each for each in trial.changes if each.batch_size == quickest), trial.changes[0])
        return _change_row("", name, change)
    before, after = _status(trial.before), _status(trial.after)
    return _Row("", name, "", before, after, "", "", "red" if (before, after) == ("ok", "failed") else "dim")


def _change_row(mark: str, name: str, change: SpeedChange) -> _Row:
    ratio = f"{change.ratio:.2f}x"
    if change.low > 0:
        ratio += f" [{change.low:.2f}, {change.high:.2f}]"
    size = "" if change.batch_size is None else str(change.batch_size)
    before, after = figures.number(change.before_ms), figures.number(change.after_ms)
    return _Row(mark, name, size, before, after, ratio, str(change.trend), _STYLES[change.trend])


def _status(trial: TrialResult | None) -> str:
    return "not tried" if trial is None else str(trial.status)


def _key(choice: Choice) -> tuple[str, str]:
    return choice.trial.route, choice.trial.runner


def _name(choice: Choice | None) -> str:
    return "nothing" if choice is None else " on ".join(_key(choice))


def _choice_data(choice: ChoiceChange) -> dict[str, Any]:
    return {
        "strategies": list(choice.strategies),
        "before": _pick_data(choice.before),
        "after": _pick_data(choice.after),
        "changes": [_change_data(change) for change in choice.changes],
    }


def _pick_data(pick: Choice | None) -> dict[str, str] | None:
    return None if pick is None else {"route": pick.trial.route, "runner": pick.trial.runner}


def _trial_data(trial: TrialChange) -> dict[str, Any]:
    return {
        "route": trial.route,
        "runner": trial.runner,
        "before": _status(trial.before),
        "after": _status(trial.after),
        "changes": [_change_data(change) for change in trial.changes],
    }


def _change_data(change: SpeedChange) -> dict[str, Any]:
    data = attrs.asdict(change) | {"trend": str(change.trend)}
    if not math.isfinite(change.high):
        data |= {"low": None, "high": None}
    return data | {name: None for name, value in data.items() if isinstance(value, float) and not math.isfinite(value)}
