"""LoadedRunner: what runners of artifacts share that torch runs operator by operator: autocast, and inference mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from nav_torch.capability import missing_precision
from nav_torch.device import missing_device
from nav_torch.infer import Passage, infer_artifact
from nav_torch.modes import DTYPES, torch_dtype, under
from navcore.contracts import Infer, Model, Runner

__all__ = ["LoadedRunner"]


@attrs.frozen(kw_only=True)
class LoadedRunner(Runner):
    """Runs an artifact; with `precision` under autocast, and then outputs come in the dtypes of the signature.

    Attributes:
        inference_mode: Whether it is called under torch.inference_mode, and not only without gradients.
    """

    imports: tuple[str, ...] = ("torch",)
    inference_mode: bool = False

    def __attrs_post_init__(self) -> None:
        if self.precision not in (None, *DTYPES):
            raise ValueError(f"runner {self.name!r}: precision={self.precision!r}; autocast takes bf16 and fp16 only")

    def unavailable(self) -> str | None:
        return missing_device(self.devices) or missing_precision(self.precision, self.devices)

    def infer(self, function: Callable[..., Any], model: Model, device: Any, *, only_reads: bool = False) -> Infer:
        """Return an Infer that calls the loaded artifact; `only_reads` as for `infer_artifact`."""
        called = under(function, device, autocast=torch_dtype(self.precision), inference_mode=self.inference_mode)
        lowers = self.precision is not None
        dtypes = {spec.name: spec.dtype for spec in model.signature.outputs} if lowers else {}
        return infer_artifact(called, model, device, Passage(outputs=dtypes), only_reads=only_reads)
