"""Finds the fastest way to run a model on the machine at hand.

    import navcore as nav
    package = nav.optimize(model, dataloader=[batch, ...])
    with package.get_runner(strategy=nav.MinLatencyStrategy()) as runner:
        outputs = runner.infer({"input__0": array})

Names that plugins lend, such as `nav.torch`, are found on first use; `dir(navcore)` lists them.
"""

from navcore import errors, package, python
from navcore.domain import DeviceKind, OptimizationProfile, Tolerance
from navcore.findings import Package
from navcore.formats import Format
from navcore.front_door import lend as __getattr__  # noqa: F401  # the hook of PEP 562
from navcore.front_door import list_names as __dir__  # noqa: F401  # likewise
from navcore.hookspecs import hookimpl
from navcore.onnx_config import OnnxConfig, OnnxDynamoExportConfig, OnnxTraceExportConfig
from navcore.optimize import optimize
from navcore.plugins import load_plugins
from navcore.profile import profile
from navcore.profiling_results import ProfilingResults
from navcore.strategies import (
    MaxThroughputAndMinLatencyStrategy,
    MaxThroughputStrategy,
    MaxThroughputWithLatencyBudgetStrategy,
    MinLatencyStrategy,
    MinMemoryStrategy,
    SelectedRuntimeStrategy,
    WeightedStrategy,
)

__all__ = [
    "DeviceKind",
    "Format",
    "MaxThroughputAndMinLatencyStrategy",
    "MaxThroughputStrategy",
    "MaxThroughputWithLatencyBudgetStrategy",
    "MinLatencyStrategy",
    "MinMemoryStrategy",
    "OnnxConfig",
    "OnnxDynamoExportConfig",
    "OnnxTraceExportConfig",
    "OptimizationProfile",
    "Package",
    "ProfilingResults",
    "SelectedRuntimeStrategy",
    "Tolerance",
    "WeightedStrategy",
    "errors",
    "hookimpl",
    "load_plugins",
    "optimize",
    "package",
    "profile",
    "python",
]
