"""Finds the fastest way to run a model on the machine at hand.

    import navcore as nav
    package = nav.optimize(model, dataloader=[batch, ...])
    with package.get_runner(strategy=nav.MinLatencyStrategy()) as runner:
        outputs = runner.infer({"input__0": array})
"""

from navcore.domain import DeviceKind, OptimizationProfile, Tolerance
from navcore.formats import Format
from navcore.front_door import lend as __getattr__
from navcore.hookspecs import hookimpl
from navcore.plugins import load_plugins
from navcore.strategies import (
    MaxThroughputAndMinLatencyStrategy,
    MaxThroughputStrategy,
    MaxThroughputWithLatencyBudgetStrategy,
    MinLatencyStrategy,
    SelectedRuntimeStrategy,
)
