"""Is the machine fit to be measured on? What disturbed a measurement, said in sentences."""

from __future__ import annotations

import glob
import time
from collections.abc import Iterable
from pathlib import Path

import attrs

from navcore.cpus import allowed_cpus, visible_cpus

__all__ = ["MachineWatch", "cpu_limit"]

_FOREIGN = 0.1
_STOLEN = 0.02
_LEAST_S = 0.5


@attrs.define
class MachineWatch:
    """Watches the machine while candidates are measured.

    Attributes:
        family: Process ids of the run's own processes, whose load does not count as foreign.
    """

    family: tuple[int, ...] = ()
    _start_s: float = 0.0
    _busy_s: float = 0.0
    _stolen_s: float = 0.0
    _own_s: float = 0.0
    _throttles: int = 0

    @staticmethod
    def begin(family: Iterable[int]) -> MachineWatch:
        """Return a watch that starts now."""
        watch = MachineWatch(tuple(family))
        watch._start_s = time.monotonic()
        watch._busy_s, watch._stolen_s = _cpu_seconds()
        watch._own_s = _own_seconds(watch.family)
        watch._throttles = _throttles()
        return watch

    def warnings(self, family: Iterable[int] = ()) -> tuple[str, ...]:
        """Return what disturbed the measurements since the beginning.

        Args:
            family: The run's own processes by now: a worker that was started meanwhile is among them.
        """
        took_s = time.monotonic() - self._start_s
        if took_s < _LEAST_S:
            return ()
        busy_s, stolen_s = _cpu_seconds()
        foreign = (busy_s - self._busy_s - (_own_seconds({*self.family, *family}) - self._own_s)) / took_s
        stolen = (stolen_s - self._stolen_s) / took_s
        found = []
        if foreign > _FOREIGN:
            found.append(
                f"other processes kept {foreign:.1f} CPUs busy while candidates were measured; measure on an idle "
                "machine for narrower intervals"
            )
        if stolen > _STOLEN:
            found.append(
                f"the host took {stolen:.1%} of a CPU away from this virtual machine while candidates were measured"
            )
        if _throttles() > self._throttles:
            found.append("the processor was throttled because of its temperature while candidates were measured")
        return tuple(found)


def cpu_limit() -> str:
    """Return what is wrong where a control group allows fewer CPUs than threads will be started; else nothing."""
    allowed, usable = allowed_cpus(), visible_cpus()
    if allowed is None or allowed >= usable:
        return ""
    return (
        f"the control group of this process may use {allowed:g} CPUs, but it sees {usable}, and runtimes start as many "
        f"threads: pin it with taskset, or set OMP_NUM_THREADS={max(1, int(allowed))}"
    )


def _cpu_seconds() -> tuple[float, float]:
    """Return the CPU seconds that were used on the whole machine, and those that a host took away."""
    import psutil

    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    stolen: float = getattr(times, "steal", 0.0)
    # Time of guests is part of user time, so it is not added again.
    guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return sum(times) - idle - stolen - guests, stolen


def _own_seconds(family: Iterable[int]) -> float:
    """Return the CPU seconds of some processes, and of those that they have started and that are gone."""
    import psutil

    total = 0.0
    for pid in family:
        try:
            used = psutil.Process(pid).cpu_times()
        except psutil.Error:
            continue
        # Of children that have ended: a worker that crashed was as busy as one that is still there.
        total += used.user + used.system + used.children_user + used.children_system
    return total


def _throttles() -> int:
    total = 0
    for path in glob.glob("/sys/devices/system/cpu/cpu*/thermal_throttle/*_throttle_count"):
        try:
            total += int(Path(path).read_text())
        except (OSError, ValueError):
            continue
    return total
