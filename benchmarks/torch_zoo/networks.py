"""Convolutional networks of the zoo: a ResNet-18 and a UNet."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from torch_zoo import Loaded

__all__ = ["resnet18", "unet"]


class Block(nn.Module):
    """Two convolutions beside a short cut."""

    def __init__(self, width: int, out: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, out, 3, stride, 1, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU(),
            nn.Conv2d(out, out, 3, 1, 1, bias=False),
            nn.BatchNorm2d(out),
        )
        self.skip: nn.Module = nn.Identity()
        if stride != 1 or width != out:
            self.skip = nn.Sequential(nn.Conv2d(width, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.body(x) + self.skip(x))


def resnet18(tiny: bool) -> Loaded:
    """Return the layers of ResNet-18, by hand: torchvision has no build for a PyTorch without CUDA."""
    widths, depth, side, classes = ((8, 16), 1, 32, 10) if tiny else ((64, 128, 256, 512), 2, 224, 1000)
    blocks = [
        Block(width if inner else widths[max(stage - 1, 0)], width, 2 if stage and not inner else 1)
        for stage, width in enumerate(widths)
        for inner in range(depth)
    ]
    module = nn.Sequential(
        nn.Conv2d(3, widths[0], 7, 2, 3, bias=False),
        nn.BatchNorm2d(widths[0]),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
        *blocks,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(widths[-1], classes),
    )
    told = f"{len(blocks)} residual blocks of convolutions with batch normalisation, images of {side} x {side}"
    return Loaded(module=module, samples=[torch.randn(batch, 3, side, side) for batch in (2, 3)], told=told)


class SmallUNet(nn.Module):
    """One step down, one up, with a skip connection and an embedded time step: the shape of a UNet."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.time = nn.Sequential(nn.Linear(1, width), nn.SiLU(), nn.Linear(width, 2 * width))
        self.enter = nn.Conv2d(3, width, 3, padding=1)
        self.down = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.norm = nn.GroupNorm(4, 2 * width)
        self.up = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.leave = nn.Conv2d(2 * width, 3, 3, padding=1)

    def forward(self, sample: Tensor, timestep: Tensor) -> Tensor:
        first = torch.nn.functional.silu(self.enter(sample))
        time = self.time(timestep[:, None].float() / 1000)
        low = torch.nn.functional.silu(self.norm(self.down(first)) + time[:, :, None, None])
        return self.leave(torch.cat([self.up(low), first], dim=1))


def unet(tiny: bool) -> Loaded:
    """Return the UNet2DModel of diffusers with random weights; tiny: a hand-written one that needs no diffusers."""
    if tiny:
        module: Any = SmallUNet(8)
        side, told = 16, "a hand-written UNet with one step down and up, images of 16 x 16"
    else:
        from diffusers import UNet2DModel

        module = UNet2DModel(
            sample_size=32,
            layers_per_block=1,
            block_out_channels=(64, 128, 128),
            down_block_types=("DownBlock2D", "AttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
        )
        side, told = 32, "UNet2DModel of diffusers with attention, three resolutions, images of 32 x 32"
    samples = [
        {"sample": torch.randn(batch, 3, side, side), "timestep": torch.randint(0, 1000, (batch,))} for batch in (2, 3)
    ]
    return Loaded(module=module, samples=samples, told=told)
