"""ProfilingResults: what nav.package.profile found, as a table, as plain data, and as a YAML file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from navcore.domain import DeviceKind, Measurement, Status
from navcore.errors import UsageError
from navcore.keywords import checked_keywords
from navcore.store.yaml_text import to_yaml

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["ProfiledRuntime", "ProfiledSample", "ProfilingResults"]


@attrs.frozen
class ProfiledSample:
    """What one sample gave.

    Attributes:
        sample: Its place in the dataloader.
        measurements: By ascending batch size.
        notes: Why there are no more of them.
    """

    sample: int
    measurements: tuple[Measurement, ...]
    notes: tuple[str, ...] = ()


@attrs.frozen
class ProfiledRuntime:
    """One model on one runner.

    Attributes:
        route: Id of the model's route.
        format: Name of its format.
        runner: Name of the runner.
        status: SKIPPED where it was not opened, FAILED where nothing could be measured.
        samples: By place in the dataloader.
        reason, fix: Why the status is not OK, and what to do about it.
    """

    route: str
    format: str
    runner: str
    status: Status = Status.OK
    samples: tuple[ProfiledSample, ...] = ()
    reason: str = ""
    fix: str = ""


@attrs.frozen
class ProfilingResults:
    """What `navcore.package.profile` returns; printed, it is a table.

    Attributes:
        title: What was profiled, for people.
        created: When it was done, ISO 8601 in UTC.
        device: Where it ran.
        samples: Input shapes by name, of every sample.
        runtimes: Every model on every runner: those that were measured, then the others.
    """

    title: str
    created: str
    device: DeviceKind
    samples: tuple[tuple[tuple[str, tuple[int, ...]], ...], ...]
    runtimes: tuple[ProfiledRuntime, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data: `["models"][route]["runners"][runner]["samples"][sample]`."""
        models: dict[str, Any] = {}
        for runtime in self.runtimes:
            model = models.setdefault(runtime.route, {"format": runtime.format, "runners": {}})
            model["runners"][runtime.runner] = _runtime_data(runtime)
        return {
            "title": self.title,
            "created": self.created,
            "device": self.device.value,
            "samples": [{name: list(shape) for name, shape in sample} for sample in self.samples],
            "models": models,
        }

    @checked_keywords
    def to_file(self, path: Path | str) -> None:
        """Write `to_dict()` as YAML.

        Raises:
            UsageError: The file cannot be written.
        """
        try:
            Path(path).write_text(to_yaml(self.to_dict()), encoding="utf-8")
        except OSError as error:
            raise UsageError(
                f"{path} cannot be written: {error.strerror or error}", "pass a path in a folder that you own"
            ) from error

    def table(self) -> Table:
        """Return the table: one row per model, runner, sample and batch size."""
        from rich.box import SIMPLE_HEAD
        from rich.table import Table
        from rich.text import Text

        table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for header in ("route", "runner", "sample", "batch", "p50 ms", "p99 ms", "inf/s"):
            table.add_column(header, justify="left" if header in ("route", "runner") else "right", overflow="fold")
        for row in self._rows():
            table.add_row(*map(Text, row))
        return table

    def _rows(self) -> Iterator[tuple[str, ...]]:
        for runtime in self.runtimes:
            if runtime.status is not Status.OK:
                yield runtime.route, f"{runtime.runner}: {runtime.status}: {runtime.reason}", "", "", "", "", ""
            for profiled in runtime.samples:
                for found in profiled.measurements:
                    numbers = (f"{value:.3g}" for value in (found.p50_ms, found.p99_ms))
                    size = str(found.batch_size or "-")
                    yield (
                        runtime.route,
                        runtime.runner,
                        str(profiled.sample),
                        size,
                        *numbers,
                        f"{found.throughput:.4g}",
                    )

    def __str__(self) -> str:
        from io import StringIO

        from rich.console import Console

        text = StringIO()
        console = Console(file=text, width=120, color_system=None)
        console.print(f"{self.title} on {self.device}, {len(self.samples)} samples", markup=False, highlight=False)
        console.print(self.table())
        return text.getvalue().rstrip()


def _runtime_data(runtime: ProfiledRuntime) -> dict[str, Any]:
    data: dict[str, Any] = {"status": runtime.status.value}
    if runtime.reason:
        data |= {"reason": runtime.reason, "fix": runtime.fix}
    data["samples"] = [
        {
            "sample": profiled.sample,
            "measurements": [attrs.asdict(found) for found in profiled.measurements],
            "notes": list(profiled.notes),
        }
        for profiled in runtime.samples
    ]
    return data
