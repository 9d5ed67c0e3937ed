"""How many threads a session starts unless it is told."""

from __future__ import annotations

import os
from pathlib import Path

from navcore.cpus import usable_cpus

__all__ = ["default_threads"]

_CPUS = "/sys/devices/system/cpu"


def default_threads(folder: str = _CPUS) -> int:
    """Return the physical cores that this process may use, by affinity and by its control group; at least one.

    Left to itself ONNX Runtime starts one for every core of the machine, whatever a container may use of them: in a
    process that was pinned to one of two cores, two (onnxruntime 1.32).

    Args:
        folder: Where the system tells which CPUs are threads of one core.
    """
    return max(1, min(_cores(Path(folder)), usable_cpus()))


def _cores(folder: Path) -> int:
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    return len({_siblings(folder / f"cpu{cpu}" / "topology", cpu) for cpu in os.sched_getaffinity(0)})


def _siblings(topology: Path, cpu: int) -> str:
    """Return the CPUs that share a core with this one, as the system lists them; itself where it does not tell."""
    try:
        return (topology / "thread_siblings_list").read_text("ascii").strip()
    except OSError:
        return str(cpu)
