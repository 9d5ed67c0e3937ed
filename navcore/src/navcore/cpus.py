"""How many CPUs this process may use: what it sees, and what its control group allows."""

from __future__ import annotations

import functools
import os
from pathlib import Path

__all__ = ["allowed_cpus", "thread_counts", "usable_cpus", "visible_cpus"]

_CGROUP = "/sys/fs/cgroup"


def visible_cpus() -> int:
    """Return the number of CPUs that this process may be scheduled on; as many threads do runtimes start."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@functools.cache  # the files are read once: a run is not moved between control groups
def allowed_cpus(root: str = _CGROUP) -> float | None:
    """Return how many CPUs the control group allows, by version 2 or 1 of its files; None for no limit."""
    try:
        quota, _, period = Path(root, "cpu.max").read_text().partition(" ")
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        pass
    try:
        limit = int(Path(root, "cpu/cpu.cfs_quota_us").read_text())
        return None if limit < 0 else limit / int(Path(root, "cpu/cpu.cfs_period_us").read_text())
    except (OSError, ValueError, ZeroDivisionError):
        return None


def usable_cpus() -> int:
    """Return how many threads there is room for: no more than there are CPUs in sight, nor than the group allows."""
    allowed = allowed_cpus()
    return visible_cpus() if allowed is None else max(1, min(visible_cpus(), int(allowed)))


def thread_counts() -> tuple[int, ...]:
    """Return the numbers of threads inside one call that are worth trying beside all of them: one, and half."""
    usable = usable_cpus()
    return tuple(sorted({1, usable // 2} - {0, usable}))
