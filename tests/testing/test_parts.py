"""Broken encoders and blocks, each of which fails its own check and no other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from strangers import entry_module, on_path, spec, write_distribution

from monaiseg.testing import Suite

PARTS = """
import torch
from torch import nn


class Encoder(nn.Module):
    out_channels, strides = (4, 8), (1, 2)

    def __init__(self, *, spatial_dims, in_channels, pretrained=None, freeze=False):
        super().__init__()
        conv, norm = (nn.Conv2d, nn.BatchNorm2d) if spatial_dims == 2 else (nn.Conv3d, nn.BatchNorm3d)
        self.fine = nn.Sequential(conv(in_channels, 4, 3, padding=1), norm(4), nn.ReLU())
        self.coarse = nn.Sequential(conv(4, 8, 3, stride=2, padding=1), norm(8), nn.ReLU())
        self.freeze = freeze
        self.requires_grad_(not freeze)

    def train(self, mode=True):
        return super().train(mode and not self.freeze)

    def forward(self, x):
        fine = self.fine(x)
        return [fine, self.coarse(fine)]


class WrongStrides(Encoder):
    strides = (1, 4)


class CoarsestFirst(Encoder):
    out_channels, strides = (8, 4), (2, 1)

    def forward(self, x):
        return super().forward(x)[::-1]


class Thaws(Encoder):
    def train(self, mode=True):
        return nn.Module.train(self, mode)


class NothingWide(Encoder):
    def forward(self, x):
        if x.shape[3] > x.shape[2]:
            raise ValueError("too wide")
        return super().forward(x)


class Unit(nn.Module):
    def __init__(self, *, spatial_dims, in_channels, out_channels, stride=1):
        super().__init__()
        conv = nn.Conv2d if spatial_dims == 2 else nn.Conv3d
        self.conv = conv(in_channels, out_channels, 3, padding=1, stride=self.used(stride))

    def used(self, stride):
        return stride

    def forward(self, x):
        return self.conv(x)


class StrideIgnored(Unit):
    def used(self, stride):
        return 1


class NoWeights(nn.Module):
    def __init__(self, *, spatial_dims, channels):
        super().__init__()

    def forward(self, x):
        return x * torch.sigmoid(x.mean(1, keepdim=True))


class ChangesChannels(NoWeights):
    def forward(self, x):
        return super().forward(x)[:, :1]


class Gate(nn.Module):
    def __init__(self, *, spatial_dims, skip_channels, x_channels):
        super().__init__()
        conv, self.pool = (nn.Conv2d, nn.MaxPool2d(2)) if spatial_dims == 2 else (nn.Conv3d, nn.MaxPool3d(2))
        self.conv = conv(skip_channels, x_channels, 1)

    def forward(self, skip, x):
        return x * torch.sigmoid(self.conv(self.pool(skip)))


class GivesTheSkip(Gate):
    def forward(self, skip, x):
        return skip * super().forward(skip, x).mean()


class Context(Unit):
    def __init__(self, *, spatial_dims, in_channels, out_channels):
        super().__init__(spatial_dims=spatial_dims, in_channels=in_channels, out_channels=out_channels)
"""
BUILT = {
    "good_encoder": ("Encoder", "Encoder", "size_divisor=2, min_size=2", set()),
    "wrong_strides": ("Encoder", "WrongStrides", "size_divisor=2, min_size=2", {"levels-2d", "levels-3d"}),
    "coarsest_first": ("Encoder", "CoarsestFirst", "size_divisor=2, min_size=2", {"levels-2d", "levels-3d"}),
    "thaws": ("Encoder", "Thaws", "size_divisor=2, min_size=2", {"frozen-2d", "frozen-3d"}),
    "nothing_wide": (
        "Encoder",
        "NothingWide",
        "size_divisor=2, min_size=2",
        {"divisible_sizes-2d", "divisible_sizes-3d"},
    ),
    "good_unit": ("Block", "Unit", "role='unit'", set()),
    "stride_ignored": ("Block", "StrideIgnored", "role='unit'", {"role-2d", "role-3d"}),
    "good_attention": ("Block", "NoWeights", "role='attention'", set()),
    "changes_channels": ("Block", "ChangesChannels", "role='attention'", {"role-2d", "role-3d"}),
    "good_gate": ("Block", "Gate", "role='gate'", set()),
    "gives_the_skip": ("Block", "GivesTheSkip", "role='gate'", {"role-2d", "role-3d"}),
    "good_context": ("Block", "Context", "role='context'", set()),
    "no_context": ("Block", "Gate", "role='context'", {"options", "builds-2d", "builds-3d"}),
}


@pytest.fixture(scope="module")
def strangers(tmp_path_factory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("parts")
    specs = [spec(kind, name, f"parts:{builder}", fields) for name, (kind, builder, fields, _) in BUILT.items()]
    modules = {"parts.py": PARTS, "parts_entry.py": entry_module(*specs)}
    write_distribution(folder, "parts-dist", entry_points={"parts": "parts_entry"}, modules=modules)
    with on_path(folder):
        yield


@pytest.mark.usefixtures("strangers")
@pytest.mark.parametrize("name", BUILT)
def test_parts(name):
    suite = Suite(name, skip=["entry_point", "entry_without_torch", "quiet", "self_contained"])
    assert {result.id for result in suite if result.status == "failed"} == BUILT[name][-1]
