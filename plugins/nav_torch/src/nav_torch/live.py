"""LiveRunner: what runners of live modules share: lower precision, and the channels-last layout."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import attrs

from nav_torch.capability import missing_precision
from nav_torch.converted import converted, is_lowerable
from nav_torch.device import missing_device
from nav_torch.hand_over import stays_here
from nav_torch.infer import LiveInfer, Passage, infer_live
from nav_torch.kept import Kept
from nav_torch.modes import DTYPES, torch_dtype, under
from nav_torch.tensors import device_of
from nav_torch.untouched import in_use
from nav_torch.weights import is_large
from navcore.contracts import Model, Runner
from navcore.domain import DeviceKind
from navcore.formats import Format

__all__ = ["LiveRunner"]


@attrs.frozen(kw_only=True)
class LiveRunner(Runner):
    """Runs a live module.

    With `precision` and without `autocast` the parameters, the buffers and the inputs are cast. Outputs always come in
    the dtypes that the user's module gives.

    Attributes:
        channels_last: Whether weights and inputs of four dimensions are stored with the channels innermost.
        autocast: Whether it is torch.autocast that lowers the precision, one operator at a time.
    """

    accepts: Format = Format.TORCH
    channels_last: bool = False
    autocast: bool = False

    def __attrs_post_init__(self) -> None:
        if self.precision not in (None, *DTYPES):
            raise ValueError(f"runner {self.name!r}: precision={self.precision!r}; torch lowers to bf16 and fp16 only")
        if self.autocast and self.precision is None:
            raise ValueError(f"runner {self.name!r}: autocast=True needs precision='bf16' or 'fp16'")
        if self.plain and (self.channels_last or self.precision is not None):
            raise ValueError(f"runner {self.name!r}: plain=True is the module as it is; leave out the other options")

    def unavailable(self) -> str | None:
        return missing_device(self.devices) or missing_precision(self.precision, self.devices)

    def unsuited(self, model: Model) -> str | None:
        if self.channels_last and not any(map(_is_convolution, model.object.modules())):
            return "the model has no two-dimensional convolutions, which channels-last is for"
        nothing = _nothing_to_lower(model.object, self.precision, self.autocast) if self.precision else None
        return nothing or (_no_room(model.object) if self.apart(model) else None)

    def apart(self, model: Model) -> bool:
        return self._copies and DeviceKind.CPU in self.devices and is_large(model.object)

    @property
    def _copies(self) -> bool:
        """Whether it holds the weights a second time."""
        return self._converts

    @property
    def _converts(self) -> bool:
        """Whether it runs a converted copy of the module."""
        return self._cast is not None or self.channels_last

    @property
    def _cast(self) -> Any:
        """The torch.dtype that the whole module is cast to; None where it is not."""
        return None if self.autocast else torch_dtype(self.precision)

    @contextmanager
    def module_on(self, module: Any, device: DeviceKind) -> Iterator[tuple[Any, Kept]]:
        """Give the user's module in eval mode where it already is what it should be, or else a copy that is.

        With it goes what it held at first, to put that back meanwhile.
        """
        import torch

        if device_of(module).type == device.value and not self._converts:
            made = module
        else:
            made = converted(module, torch.device(device.value), self._cast, channels_last=self.channels_last)
        with in_use(made) as kept:
            yield made, kept

    def infer(
        self, function: Callable[..., Any], model: Model, device: Any, kept: Kept, *, inference_mode: bool = False
    ) -> LiveInfer:
        """Return an Infer that calls the function as the user calls the module, and can put back what it changes."""
        autocast = torch_dtype(self.precision) if self.autocast else None
        called = under(function, device, autocast=autocast, inference_mode=inference_mode)
        lowers = self.precision is not None
        passage = Passage(
            dtype=self._cast,
            channels_last=self.channels_last,
            outputs={spec.name: spec.dtype for spec in model.signature.outputs} if lowers else {},
        )
        put_back = None if model.call.watch.found_nothing else kept.put_back  # which reads every buffer
        return LiveInfer(infer_live(called, model.call, device, passage), put_back)


def _is_convolution(part: Any) -> bool:
    import torch

    scripted = str(getattr(part, "original_name", ""))  # TorchScript hides the class
    if not isinstance(part, torch.nn.modules.conv._ConvNd) and "conv" not in scripted.lower():
        return False
    return any(tensor.dim() == 4 for tensor in part.parameters())


def _no_room(module: Any) -> str | None:
    """Return that a large module cannot be copied where it should be, in a worker, or None if it can."""
    reason = stays_here(module)
    if reason is None:
        return None
    return f"it copies the model, which is too large for two in this process, and no worker can have it: {reason}"


def _nothing_to_lower(module: Any, precision: str, autocast: bool) -> str | None:
    """Return that a module has nothing that lowering would change, or None if it has."""
    dtypes = {str(tensor.dtype).removeprefix("torch.") for tensor in module.parameters() if is_lowerable(tensor)}
    if not dtypes:
        return f"the model has no floating-point parameters that could be lowered to {precision}"
    if dtypes == {DTYPES[precision]}:
        return f"the model is in {precision} already"
    if autocast and "float32" not in dtypes:
        return f"autocast lowers float32 only, and the parameters are in {' and '.join(sorted(dtypes))}"
    return None
