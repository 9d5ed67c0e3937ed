"""How ONNX Runtime is to run a model, as fields of a runner: threads, spinning, order, optimisation, memory."""

from __future__ import annotations

from typing import Any

import attrs

from nav_onnx.threads import default_threads
from navcore.contracts import Runner
from navcore.formats import Format

__all__ = ["EXECUTIONS", "OPTIMIZATIONS", "SessionSettings"]

EXECUTIONS = {"sequential": "ORT_SEQUENTIAL", "parallel": "ORT_PARALLEL"}
OPTIMIZATIONS = {
    "none": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "all": "ORT_ENABLE_ALL",
}
_ERRORS_ONLY = 3
_BETWEEN_TIMED_CALLS_US = "1000"
_SPIN_DURATION_SINCE = (1, 26)
_COUNT = attrs.validators.optional(attrs.validators.and_(attrs.validators.instance_of(int), attrs.validators.ge(1)))
_FLAG = attrs.validators.instance_of(bool)


@attrs.frozen(kw_only=True)
class SessionSettings(Runner):
    """A runner on ONNX Runtime, with what its documentation calls session options.

    Attributes:
        threads: Threads inside one operator; None: as many physical cores as affinity and control group allow.
        inter_threads: Threads for several operators at once, with `execution="parallel"`; None: as for `threads`.
        execution: `sequential`, one operator after the other, or `parallel`, those at once that do not wait for each
            other.
        spinning: Whether threads wait for the next operator of a call busily, which is faster, and takes the cores
            from everything else meanwhile.
        awake: Whether they also do between calls for as long as ONNX Runtime has it by default, some 40 ms, which
            spares the next call that it wakes them. Sessions of the user's do. While candidates are timed in turn they
            do for 1 ms, so that calls one after the other take what they take in a session, and the next candidate
            finds the cores free; before ONNX Runtime 1.26, which cannot be told so, not at all.
        optimization: `none`, `basic`, `extended` or `all`: how far the graph is rewritten when it is loaded.
        arena: Whether memory of the CPU that was freed is kept for the next call.
    """

    imports: tuple[str, ...] = ("onnxruntime",)
    accepts: Format = Format.ONNX
    threads: int | None = attrs.field(default=None, validator=_COUNT)
    inter_threads: int | None = attrs.field(default=None, validator=_COUNT)
    execution: str = attrs.field(default="sequential", validator=attrs.validators.in_(tuple(EXECUTIONS)))
    spinning: bool = attrs.field(default=True, validator=_FLAG)
    awake: bool = attrs.field(default=False, validator=_FLAG)
    optimization: str = attrs.field(default="all", validator=attrs.validators.in_(tuple(OPTIMIZATIONS)))
    arena: bool = attrs.field(default=True, validator=_FLAG)

    def __attrs_post_init__(self) -> None:
        if self.inter_threads is not None and self.execution == "sequential":
            raise ValueError(
                f"{self.name}: inter_threads={self.inter_threads} has no effect with execution='sequential'; "
                "say execution='parallel', or leave it out"
            )

    def alone(self) -> SessionSettings:
        """Return the runner with threads that stay awake between calls, unless they do not spin at all."""
        return attrs.evolve(self, awake=True) if self.spinning else self

    def session_options(self) -> Any:
        """Return the settings as an `onnxruntime.SessionOptions`."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = _ERRORS_ONLY
        options.intra_op_num_threads = self.threads or default_threads()
        options.inter_op_num_threads = self._inter_op_threads()
        options.execution_mode = getattr(onnxruntime.ExecutionMode, EXECUTIONS[self.execution])
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, OPTIMIZATIONS[self.optimization])
        options.enable_cpu_mem_arena = self.arena
        briefly = self.spinning and not self.awake and _has_spin_duration()
        for pool in ("intra_op", "inter_op"):
            options.add_session_config_entry(f"session.{pool}.allow_spinning", str(int(self.spinning)))
            if briefly:
                options.add_session_config_entry(f"session.{pool}.spin_duration_us", _BETWEEN_TIMED_CALLS_US)
        options.add_session_config_entry("session.force_spinning_stop", str(int(not self.awake and not briefly)))
        return options

    def _inter_op_threads(self) -> int:
        if self.execution == "sequential":
            return 1
        return self.inter_threads or self.threads or default_threads()


def _has_spin_duration() -> bool:
    """Return whether this ONNX Runtime can be told for how long threads spin; an older one passes over it."""
    import onnxruntime

    return tuple(int(part) for part in onnxruntime.__version__.split(".")[:2]) >= _SPIN_DURATION_SINCE
