"""What a candidate costs beside time: memory, and CPU time while it is timed."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import attrs

from navcore.contracts import Infer
from navcore.cpus import visible_cpus

__all__ = ["Meter", "Usage", "runtime_notes"]

_RESET_PEAK = "5"  # see proc(5), clear_refs


@attrs.frozen
class Usage:
    """What one candidate took from its process.

    Attributes:
        memory_bytes: Peak of what was added to the resident memory; None where the system does not tell (Linux does).
        device_memory_bytes: Likewise on the GPU; None without one, and where the driver does not list this process.
        device_clock_mhz: Mean clock of the GPUs that this process uses, at the ends of timed blocks; None without one.
        cpu_use: CPU seconds per second while it was timed; None if it was not.
        cpus: Number of CPUs that the process may use.
        notes: What the runtime tells about itself.
    """

    memory_bytes: int | None = None
    device_memory_bytes: int | None = None
    device_clock_mhz: float | None = None
    cpu_use: float | None = None
    cpus: int | None = None
    notes: tuple[str, ...] = ()


def runtime_notes(infer: Infer) -> tuple[str, ...]:
    """Return what an Infer tells about its runtime, where it does."""
    notes: Callable[[], Iterable[str]] | None = getattr(infer, "notes", None)
    try:
        return tuple(map(str, notes())) if notes is not None else ()
    except Exception:  # a stranger's runtime may raise anything, and its words are no result
        return ()


@attrs.define
class Meter:
    """Watches one candidate in the process that it runs in.

    Only what happens between `start()` and `stop()` counts as its memory, so it is stopped before another one is
    opened in the same process.
    """

    memory_bytes: int | None = None
    device_memory_bytes: int | None = None
    _before: int | None = None
    _peak_before: int = 0
    _device_before: int | None = None
    _cpu_s: float = 0.0
    _wall_s: float = 0.0
    _clocks_mhz: list[float] = attrs.field(factory=list)

    def start(self) -> None:
        """Begin to watch memory."""
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text(_RESET_PEAK)
        self._before = _status_bytes("VmRSS")
        self._peak_before = _status_bytes("VmHWM") or 0
        self._device_before = _device_bytes() or 0  # not listed before its first use of a GPU

    def stop(self) -> None:
        """Note the peak since the start; a second call changes nothing."""
        peak, before = _status_bytes("VmHWM"), self._before
        if before is not None and peak is not None:
            # Where a kernel cannot reset the peak, one that has not grown is that of an earlier candidate.
            now = _status_bytes("VmRSS") or 0
            self.memory_bytes = max((peak if peak > self._peak_before else now) - before, 0)
        device, self._device_before = _device_bytes(), self._device_before
        if device is not None and self._device_before is not None:
            self.device_memory_bytes = max(device - self._device_before, 0)
        self._before = self._device_before = None

    @contextlib.contextmanager
    def timed(self) -> Any:
        """Count the CPU time of a block."""
        cpu, wall = time.process_time(), time.perf_counter()
        yield
        self._cpu_s += time.process_time() - cpu
        self._wall_s += time.perf_counter() - wall
        if self.device_memory_bytes:  # it uses a GPU; the clock is looked at once the block is over
            self._clocks_mhz += _asked(_clocks) or []

    def usage(self) -> Usage:
        """Return what was found."""
        return Usage(
            memory_bytes=self.memory_bytes,
            device_memory_bytes=self.device_memory_bytes,
            device_clock_mhz=sum(self._clocks_mhz) / len(self._clocks_mhz) if self._clocks_mhz else None,
            cpu_use=self._cpu_s / self._wall_s if self._wall_s else None,
            cpus=visible_cpus(),
        )


def _status_bytes(name: str) -> int | None:
    """Return a figure of /proc/self/status, which gives kB; None where there is none."""
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            line = next(line for line in file if line.startswith(f"{name}:"))
    except (OSError, StopIteration):
        return None
    return int(line.split()[1]) * 1024


def _device_bytes() -> int | None:
    """Return the GPU memory that this process holds; None without nvidia-ml-py, a driver or a GPU.

    None also where the driver lists no figure for this process: in a container it goes by other process ids.
    Frameworks keep freed memory for themselves, so a candidate opened after a larger one may show less than it needs.
    """
    return _asked(lambda driver: sum(held.values()) if (held := _held(driver)) else None)


def _clocks(driver: Any) -> list[float]:
    """Return the clock of the streaming multiprocessors, in MHz, of each GPU that this process uses."""
    handles = (driver.nvmlDeviceGetHandleByIndex(index) for index in _held(driver))
    return [float(driver.nvmlDeviceGetClockInfo(handle, driver.NVML_CLOCK_SM)) for handle in handles]


def _held(driver: Any) -> dict[int, int]:
    """Return the bytes that this process holds by the index of the GPU."""
    held: dict[int, int] = {}
    for index in range(driver.nvmlDeviceGetCount()):
        handle = driver.nvmlDeviceGetHandleByIndex(index)
        for process in driver.nvmlDeviceGetComputeRunningProcesses(handle):
            if process.pid == os.getpid() and process.usedGpuMemory is not None:
                held[index] = held.get(index, 0) + int(process.usedGpuMemory)
    return held


Answer = TypeVar("Answer")


def _asked(question: Callable[[Any], Answer]) -> Answer | None:
    """Return what the driver answers; None without nvidia-ml-py, a driver or a GPU."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    try:
        return question(pynvml)
    except pynvml.NVMLError:
        return None
    finally:
        pynvml.nvmlShutdown()
