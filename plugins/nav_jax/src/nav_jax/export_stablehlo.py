"""jax.export: StableHLO, with sizes that vary, for several platforms in one file."""

from __future__ import annotations

from pathlib import Path

import attrs

from nav_jax.device import missing_jax
from nav_jax.run_jax import flat_function
from nav_jax.shapes import check_outputs, explained, symbolic_inputs
from navcore.contracts import Exporter, Model
from navcore.domain import Signature
from navcore.formats import Format

__all__ = ["PLATFORMS", "StableHLOExporter"]

PLATFORMS = ("cpu", "cuda", "rocm", "tpu")
"""Those that jax.export knows (jax 0.10)."""


def _check_platforms(_instance: object, _attribute: object, value: tuple[str, ...]) -> None:
    unknown = [each for each in value if each not in PLATFORMS]
    if not value or unknown:
        raise ValueError(f"platforms={value!r}: give some of {', '.join(PLATFORMS)}")


@attrs.frozen(kw_only=True)
class StableHLOExporter(Exporter):
    """Writes the function with its parameters inside, as `jax.export` serialises it.

    Attributes:
        platforms: Where it is to run; a GPU is not needed to export for one.
    """

    name: str = "jax-stablehlo"
    source: Format = Format.JAX
    target: Format = Format.JAX_STABLEHLO
    platforms: tuple[str, ...] = attrs.field(default=("cpu", "cuda"), validator=_check_platforms)

    def unavailable(self) -> str | None:
        return missing_jax()

    def write(self, model: Model, out: Path) -> Signature:
        import jax
        from jax import export

        flat = jax.jit(flat_function(model))
        with explained(model.signature):
            exported = export.export(flat, platforms=self.platforms)(*symbolic_inputs(model.signature))
        check_outputs(model.signature, exported.out_avals)
        out.write_bytes(exported.serialize())
        return model.signature
