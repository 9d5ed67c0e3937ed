"""Makes a package of a small convolutional network where PyTorch, ONNX and OpenVINO are: `make_package.py FOLDER`.

Writes model.nav, and an input that the run has not seen with what the network gives for it: sample.npz, expected.npz.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

import navcore as nav

FORMATS = ("onnx", "openvino-ir", "torchscript")


class Net(torch.nn.Module):
    """A few convolutions with a residual, a pooling and two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Conv2d(3, 16, 3, padding=1)
        self.second = torch.nn.Conv2d(16, 16, 3, padding=1)
        self.norm = torch.nn.BatchNorm2d(16)
        self.classes = torch.nn.Linear(16, 10)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        first = torch.relu(self.first(image))
        features = torch.relu(self.norm(self.second(first))) + first
        pooled = features.mean(dim=(2, 3))
        return self.classes(pooled), pooled


def main(folder: Path) -> None:
    torch.manual_seed(0)
    net = Net().eval()
    samples = [torch.randn(size, 3, 32, 32) for size in (2, 2, 3)]
    package = nav.optimize(
        net,
        samples,
        workspace=folder / "workspace",
        target_device="cpu",
        target_formats=FORMATS,
        optimization_profile=nav.OptimizationProfile(batch_sizes=(1, 4), max_trials=5),
    )
    works = {trial.route for trial in package.status.trials if trial.status is nav.domain.Status.OK}
    assert {"torch", "onnx", "onnx/openvino-ir", "torchscript-trace"} <= works, works
    print(nav.package.save(package, folder / "model.nav"))

    unseen = torch.randn(5, 3, 32, 32)
    with torch.no_grad():
        outputs = net(unseen)
    names = package.status.signature
    np.savez(folder / "sample.npz", **dict(zip(names.input_names, [unseen.numpy()], strict=True)))
    arrays = (output.numpy() for output in outputs)
    np.savez(folder / "expected.npz", **dict(zip(names.output_names, arrays, strict=True)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
