"""A whole plugin: ONNX files on the CPU with the reference evaluator of the onnx package. Slow, and easy to read."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import attrs

from navcore import DeviceKind, Format, hookimpl
from navcore.contracts import Infer, Model, Runner


@attrs.frozen(kw_only=True)
class OnnxReferenceRunner(Runner):
    """Evaluates node by node in NumPy."""

    name: str = "OnnxReference"
    accepts: Format = Format.ONNX
    devices: tuple[DeviceKind, ...] = (DeviceKind.CPU,)

    @contextmanager
    def open(self, model: Model, device: DeviceKind) -> Iterator[Infer]:
        from onnx.reference import ReferenceEvaluator  # here, so that loading the plugin costs nothing

        evaluator, names = ReferenceEvaluator(str(model.path)), list(model.signature.output_names)
        yield lambda feeds: dict(zip(names, evaluator.run(names, dict(feeds)), strict=True))


@hookimpl
def nav_runners() -> Iterable[Runner]:
    """Return what this plugin adds."""
    return (OnnxReferenceRunner(),)
