"""Second writings of UNets and UNet++ in plain torch, from the papers, and how a network is held against one.

Their parts have the names that two projects give them, so that the functions that read those layouts carry them over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from plugins.test_resnet import PlainResNet, randomise
from plugins.test_resnet_torchvision import signature, spread, weights
from torch import nn
from torch.nn import functional as F

from monaiseg import build_network
from monaiseg.weights import import_weights, layout_owner, resolve_layout

NESTED_UNET = "pytorch-nested-unet"
SMP = "segmentation-models-pytorch"
UNET_NODES = ((3, 1), (2, 2), (1, 3), (0, 4))
ALL_NODES = ((0, 1), (1, 1), (2, 1), (3, 1), (0, 2), (1, 2), (2, 2), (0, 3), (1, 3), (0, 4))
PLACES = (0, 1234, -1)
Row = list[list[float]]


class PlainUnit(nn.Module):
    """Twice: 3x3 convolution with bias, norm, ReLU; named as pytorch-nested-unet does, which has batch norm in 2D."""

    def __init__(self, a: int, b: int, norm: str = "BatchNorm2d") -> None:
        super().__init__()
        conv, layer = getattr(nn, f"Conv{norm[-2:]}"), getattr(nn, norm)
        self.conv1, self.bn1 = conv(a, b, 3, padding=1), layer(b, affine=True)
        self.conv2, self.bn2 = conv(b, b, 3, padding=1), layer(b, affine=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))))


class PlainNested(nn.Module):
    """Figure 1a of Zhou et al. 2018 with bilinear up-sampling, or with `UNET_NODES` the UNet; pytorch-nested-unet.

    A node is joined to all nodes before it at its level and then to the one below, raised.
    """

    def __init__(
        self,
        widths: Sequence[int],
        nodes: Sequence[tuple[int, int]],
        heads: Mapping[str, int],
        classes: int = 2,
        norm: str = "BatchNorm2d",
    ) -> None:
        super().__init__()
        self.nodes, self.heads, self.dims = nodes, heads, norm[-2:]
        for i, (a, b) in enumerate(zip((3, *widths), widths)):
            setattr(self, f"conv{i}_0", PlainUnit(a, b, norm))
        for i, j in nodes:
            skips = 1 + sum((i, k) in nodes for k in range(j))
            setattr(self, f"conv{i}_{j}", PlainUnit(skips * widths[i] + widths[i + 1], widths[i], norm))
        for head in heads:
            setattr(self, head, getattr(nn, f"Conv{self.dims}")(widths[0], classes, 1))

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        maps = {(0, 0): self.conv0_0(x)}
        pool, mode = (F.max_pool2d, "bilinear") if self.dims == "2d" else (F.max_pool3d, "trilinear")
        for i in range(4):
            maps[i + 1, 0] = getattr(self, f"conv{i + 1}_0")(pool(maps[i, 0], 2))
        for i, j in self.nodes:
            up = F.interpolate(maps[i + 1, j - 1], scale_factor=2, mode=mode, align_corners=True)
            skips = [maps[i, k] for k in range(j) if (i, k) in maps]
            maps[i, j] = getattr(self, f"conv{i}_{j}")(torch.cat([*skips, up], 1))
        return [getattr(self, head)(maps[0, j]) for head, j in self.heads.items()]


def double(x: torch.Tensor) -> torch.Tensor:
    """Return each pixel as four."""
    return F.interpolate(x, scale_factor=2, mode="nearest")


class PlainSmpUnit(nn.Module):
    """Twice: 3x3 convolution without bias, batch norm, ReLU; named as segmentation_models.pytorch does."""

    def __init__(self, a: int, b: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU())
        self.conv2 = nn.Sequential(nn.Conv2d(b, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv2(self.conv1(x))


class PlainSmp(nn.Module):
    """A ResNet and a head of 3x3; the decoder between them is the subclass's."""

    def __init__(self, depth: int, widths: tuple[int, ...], last: int, classes: int = 2) -> None:
        super().__init__()
        self.encoder = PlainResNet(depth, 2, 3, widths)
        self.widths = [widths[0], *(width * (1 if depth < 50 else 4) for width in widths)]
        self.segmentation_head = nn.Sequential(nn.Conv2d(last, classes, 3, padding=1))

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [self.segmentation_head(self.decode(self.encoder(x)))]


class PlainSmpUnet(PlainSmp):
    """The Unet of segmentation_models.pytorch: from 1/32 of the image's size in five steps, the last without skip."""

    def __init__(self, depth: int, widths: tuple[int, ...], decoder: Sequence[int], classes: int = 2) -> None:
        super().__init__(depth, widths, decoder[-1], classes)
        inputs = zip((self.widths[4], *decoder), (*self.widths[3::-1], 0))
        blocks = [PlainSmpUnit(below + skip, width) for (below, skip), width in zip(inputs, decoder)]
        self.decoder = nn.ModuleDict({"blocks": nn.ModuleList(blocks)})

    def decode(self, maps: list[torch.Tensor]) -> torch.Tensor:
        blocks = self.decoder["blocks"]
        x = maps[4]
        for block, skip in zip(blocks, maps[3::-1]):
            x = block(torch.cat([double(x), skip], 1))
        return blocks[4](double(x))


class PlainSmpNested(PlainSmp):
    """The UnetPlusPlus of segmentation_models.pytorch: the grid on the encoder's maps, then a step without skip.

    The last node of a level has 256 channels at 1/16 of the image's size and half as many each level up; all others
    have the encoder's. X(i, j) is called x_{4 - i - j}_{3 - i}.
    """

    def __init__(self, depth: int, widths: tuple[int, ...], classes: int = 2) -> None:
        super().__init__(depth, widths, 16, classes)
        blocks = nn.ModuleDict({"x_0_4": PlainSmpUnit(32, 16)})
        for i, j in ALL_NODES:
            joined = self.width(i + 1, j - 1) + sum(self.width(i, k) for k in range(j))
            blocks[f"x_{4 - i - j}_{3 - i}"] = PlainSmpUnit(joined, self.width(i, j))
        self.decoder = nn.ModuleDict({"blocks": blocks})

    def width(self, i: int, j: int) -> int:
        return (32, 64, 128, 256)[i] if j and i + j == 4 else self.widths[i]

    def decode(self, maps: list[torch.Tensor]) -> torch.Tensor:
        rows = [[x] for x in maps]
        for i, j in ALL_NODES:
            joined = [double(rows[i + 1][j - 1]), *reversed(rows[i])]
            rows[i].append(self.decoder["blocks"][f"x_{4 - i - j}_{3 - i}"](torch.cat(joined, 1)))
        return self.decoder["blocks"]["x_0_4"](double(rows[0][4]))


def assert_equals(second: nn.Module, arch: str, layout: str, folder: Path, training: bool, **options: Any) -> None:
    """Import the second writing's weights from a file and compare outputs and, after training, the statistics."""
    randomise(second)
    torch.save(second.state_dict(), folder / "theirs.pt")
    shapes = dict(spatial_dims=2, in_channels=3, out_channels=2)
    network, match = import_weights(folder / "theirs.pt", layout, arch, **shapes, **options)
    assert match.complete and not match.untouched
    x = spread(torch.Size((2, 3, 64, 32)), 1000)
    with torch.no_grad():
        ours, theirs = network.double().train(training)(x), second.double().train(training)(x)
    ours, theirs = (ours, theirs[::-1]) if isinstance(ours, list) else ([ours], theirs[-1:])
    for a, b in zip(ours, theirs, strict=True):
        assert float(b.std()) > 1e-3
        assert float((a - b).abs().max()) <= 1e-9 * float(b.abs().max())
    convert = resolve_layout(layout_owner(layout, arch), layout)
    torch.testing.assert_close(network.state_dict(), dict(convert(second.state_dict())), rtol=1e-9, atol=1e-9)


def filled(arch: str, **options: Any) -> nn.Module:
    """Return our network for pictures of 3 channels and 2 classes with weights from a formula over its sorted keys."""
    network = build_network(arch, spatial_dims=2, in_channels=3, out_channels=2, **options).double()
    network.load_state_dict(weights(network.state_dict()))
    return network


def outputs(network: nn.Module, size: tuple[int, int], training: bool) -> tuple[Row, float]:
    """Return a number of each output as a whole and three of its elements, deepest first, and the largest of all."""
    with torch.no_grad():
        found = network.train(training)(spread(torch.Size((2, 3, *size)), 1000))
    found = found if isinstance(found, list) else [found]
    rows = [[signature(x), *(float(x.flatten()[place]) for place in PLACES)] for x in found]
    return rows, max(float(x.abs().max()) for x in found)
