"""Runs what jax.export wrote."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs

from nav_jax.device import device_of, missing_jax
from nav_jax.infer import JaxInfer
from navcore.contracts import Infer, Model, Runner
from navcore.domain import DeviceKind
from navcore.formats import Format

__all__ = ["ExportedRunner"]


@attrs.frozen(kw_only=True)
class ExportedRunner(Runner):
    """StableHLO, compiled by XLA for each shape at the first call with it."""

    accepts: Format = Format.JAX_STABLEHLO
    imports: tuple[str, ...] = ("jax", "jax.export")

    def unavailable(self) -> str | None:
        return missing_jax(self.devices[0])

    @contextmanager
    def open(self, model: Model, device: DeviceKind) -> Iterator[Infer]:
        import jax
        from jax import export

        if model.path is None:
            raise ValueError(f"{self.name} needs a file, and was given a {model.format} without a path")
        exported = export.deserialize(bytearray(model.path.read_bytes()))
        where = device_of(device)
        if where.platform not in _same(exported.platforms):
            raise RuntimeError(
                f"it was exported for {', '.join(exported.platforms)}, and this is {where.platform}; export it again "
                f"with JaxExportConfig(platforms=[...])"
            )
        names, compiled = model.signature.output_names, jax.jit(exported.call)

        def call(*arrays: Any) -> dict[str, Any]:
            return dict(zip(names, compiled(*arrays), strict=True))

        with jax.default_device(where):
            yield JaxInfer(call, model.signature.input_names, where, compiles=True)


def _same(platforms: tuple[str, ...]) -> set[str]:
    """Return the platforms as devices are called: those of CUDA and ROCm are `gpu`."""
    return {*platforms, *("gpu" for each in platforms if each in ("cuda", "rocm"))}
