from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from nav_torch.device import missing_compiler
from nav_torch.run_compile import TorchCompileRunner, forwarder
from navcore.contracts import Model
from navcore.domain import DeviceKind

CPU = (DeviceKind.CPU,)
needs_compiler = pytest.mark.skipif(bool(missing_compiler(CPU)), reason=str(missing_compiler(CPU)))


@needs_compiler
def test_the_compiled_module_gives_what_the_module_gives(dict_mlp: nn.Module, model_of: Callable[..., Model]) -> None:
    model = model_of(dict_mlp, [({"dense": torch.rand(2, 4), "ids": torch.tensor([0, 1])}, {"scale": 2.0})])
    attributes = [sorted(vars(part)) for part in dict_mlp.modules()]
    with TorchCompileRunner(name="TorchCompileCPU", devices=CPU).open(model, DeviceKind.CPU) as infer:
        outputs = infer(model.examples[0])
    with torch.no_grad():
        expected = dict_mlp({name: torch.from_numpy(array) for name, array in model.examples[0].items()}, scale=2.0)

    assert ["score", "parts__0", "parts__1__passed", "again"] == list(outputs)
    np.testing.assert_allclose(outputs["score"], expected["score"], rtol=1e-5, atol=1e-6)
    assert attributes == [sorted(vars(part)) for part in dict_mlp.modules()]


def test_every_opened_model_is_compiled_anew() -> None:
    # torch compiles one code object eight times at most: with one for all models, the fourth would run eager.
    compiled = []
    for width in range(1, 6):
        graphs = []

        def backend(graph, _inputs, graphs=graphs):
            graphs.append(graph)
            return graph.forward

        run = torch.compile(forwarder(nn.Linear(4, width).eval()), backend=backend)
        for size in (2, 3, 1):
            run(torch.ones(size, 4))
        compiled.append(len(graphs))

    assert min(compiled) >= 2


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'mode' must be in \(None, 'default', 'reduce-overhead'"):
        TorchCompileRunner(name="TorchCompileCPU", devices=CPU, mode="fastest")
