"""The ResNet encoders: exact sizes, parity with a second writing in plain torch, levels, freezing."""

from __future__ import annotations

import pickle

import pytest
import torch
from torch import nn

from monaiseg import build_encoder
from monaiseg._registry import registry
from monaiseg.errors import OptionError

DEPTHS = (18, 34, 50, 101, 152)
RGB = dict(spatial_dims=2, in_channels=3)
VOLUME = dict(spatial_dims=3, in_channels=1)
TINY = dict(widths=(4, 8, 16, 32))
BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


class PlainBlock(nn.Module):
    """A residual block after He et al. 2016, figure 5, the stride on the 3x3 convolution; by torch alone."""

    def __init__(self, dims: int, channels: int, kernels: list[tuple[int, int, int]]) -> None:
        super().__init__()
        conv, norm = getattr(nn, f"Conv{dims}d"), getattr(nn, f"BatchNorm{dims}d")
        self.count, first = len(kernels), channels
        for number, (size, width, stride) in enumerate(kernels, 1):
            setattr(self, f"conv{number}", conv(channels, width, size, stride, size // 2, bias=False))
            setattr(self, f"bn{number}", norm(width))
            channels = width
        stride = max(stride for _, _, stride in kernels)
        self.downsample = None
        if stride > 1 or first != channels:
            self.downsample = nn.Sequential(conv(first, channels, 1, stride, bias=False), norm(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x
        for number in range(1, self.count + 1):
            y = getattr(self, f"bn{number}")(getattr(self, f"conv{number}")(y))
            y = torch.relu(y) if number < self.count else y
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class PlainResNet(nn.Module):
    """The second writing: table 1 of the paper."""

    def __init__(self, depth: int, dims: int, in_channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.conv1 = getattr(nn, f"Conv{dims}d")(in_channels, widths[0], 7, 2, 3, bias=False)
        self.bn1 = getattr(nn, f"BatchNorm{dims}d")(widths[0])
        self.pool = getattr(nn, f"MaxPool{dims}d")(3, 2, 1)
        channels = widths[0]
        for number, (width, count) in enumerate(zip(widths, BLOCKS[depth]), 1):
            stage = nn.Sequential()
            for block in range(count):
                step = 2 if number > 1 and block == 0 else 1
                basic = [(3, width, step), (3, width, 1)]
                kernels = basic if depth < 50 else [(1, width, 1), (3, width, step), (1, 4 * width, 1)]
                stage.append(PlainBlock(dims, channels, kernels))
                channels = kernels[-1][1]
            setattr(self, f"layer{number}", stage)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        maps = [torch.relu(self.bn1(self.conv1(x)))]
        maps.append(self.layer1(self.pool(maps[0])))
        for stage in (self.layer2, self.layer3, self.layer4):
            maps.append(stage(maps[-1]))
        return maps


def randomise(network: nn.Module) -> None:
    """Give batch norm weights and statistics that are far from the initial ones."""
    for key, value in network.state_dict().items():
        if key.endswith(("running_var", "weight")) and value.ndim == 1:
            value.uniform_(0.5, 1.5)
        elif value.ndim == 1:
            value.normal_(0, 0.3)


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(
    ("depth", "picture", "volume"),
    [
        (18, 11_176_512, 33_160_000),
        (34, 21_284_672, 63_469_632),
        (50, 23_508_032, 46_155_072),
        (101, 42_500_160, 85_201_216),
        (152, 58_143_808, 117_359_936),
    ],
)
def test_parameters_are_the_published_ones_without_the_classifier(depth, picture, volume):
    with torch.device("meta"):
        assert parameters(build_encoder(f"resnet{depth}", **RGB)) == picture
        assert parameters(build_encoder(f"resnet{depth}", **VOLUME)) == volume


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    ("depth", "setting", "options", "shape"),
    [
        *((depth, RGB, {}, (2, 3, 64, 64)) for depth in DEPTHS),
        (18, dict(spatial_dims=2, in_channels=1), {}, (2, 1, 45, 70)),
        (34, VOLUME, TINY, (2, 1, 33, 48, 64)),
        (50, VOLUME, TINY, (2, 1, 32, 64, 40)),
    ],
)
def test_features_are_those_of_the_second_writing(depth, setting, options, shape, training):
    torch.manual_seed(depth)
    encoder = build_encoder(f"resnet{depth}", **setting, **options).double().train(training)
    randomise(encoder)
    second = PlainResNet(depth, *setting.values(), options.get("widths", (64, 128, 256, 512))).double().train(training)
    second.load_state_dict(encoder.state_dict(), strict=True)
    x = torch.randn(shape, dtype=torch.float64)
    with torch.no_grad():
        ours, theirs = encoder(x), second(x)
    assert len(ours) == len(theirs) == 5
    for a, b, channels, stride in zip(ours, theirs, encoder.out_channels, encoder.strides, strict=True):
        assert a.shape == b.shape == (2, channels, *(-(-size // stride) for size in shape[2:]))
        assert (a - b).abs().max() <= 1e-9 * b.abs().max()
    for key, value in second.state_dict().items():
        torch.testing.assert_close(encoder.state_dict()[key], value, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("depth", DEPTHS)
def test_levels_are_announced(depth):
    with torch.device("meta"):
        encoder = build_encoder(f"resnet{depth}", **RGB)
    assert encoder.out_channels == ((64, 64, 128, 256, 512) if depth < 50 else (64, 256, 512, 1024, 2048))
    assert encoder.strides == (2, 4, 8, 16, 32)


@pytest.mark.parametrize("setting", [RGB, VOLUME])
@pytest.mark.parametrize("levels", [1, 2, 3, 4, 5])
def test_kept_levels_give_what_they_gave(setting, levels):
    encoder = build_encoder("resnet50", **setting, **TINY).eval()
    randomise(encoder)
    x = torch.randn(1, setting["in_channels"], *[64] * setting["spatial_dims"])
    with torch.no_grad():
        before = encoder(x)
        encoder.keep_levels(levels)
        after = encoder(x)
    assert len(after) == levels
    assert all(torch.equal(a, b) for a, b in zip(before, after))
    assert encoder.out_channels == (4, 16, 32, 64, 128)[:levels]
    assert encoder.strides == (2, 4, 8, 16, 32)[:levels]
    stages = {key.partition(".")[0] for key in encoder.state_dict()} - {"conv1", "bn1"}
    assert stages == {f"layer{number}" for number in range(1, levels)}


def test_levels_can_be_dropped_twice_but_not_regained():
    encoder = build_encoder("resnet18", **RGB, **TINY)
    encoder.keep_levels(3)
    encoder.keep_levels(2)
    assert len(encoder(torch.randn(2, 3, 32, 32))) == 2
    for levels in (0, 3):
        with pytest.raises(ValueError, match="between 1 and 2"):
            encoder.keep_levels(levels)


def test_a_frozen_encoder_neither_learns_nor_drifts():
    encoder = build_encoder("resnet18", **RGB, **TINY, freeze=True)
    randomise(encoder)
    network = nn.Sequential(encoder)
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    x = torch.randn(2, 3, 32, 32)
    as_built = encoder(x)[-1]
    training = network.train()(x.requires_grad_())[-1]
    training.sum().backward()
    assert x.grad is not None and x.grad.any()
    assert all(p.grad is None and not p.requires_grad for p in encoder.parameters())
    assert all(torch.equal(before[key], value) for key, value in encoder.state_dict().items())
    assert torch.equal(as_built, training)
    assert torch.equal(training, network.eval()(x)[-1])


def test_an_encoder_that_is_not_frozen_learns_and_counts():
    encoder = build_encoder("resnet18", **RGB, **TINY)
    assert encoder.eval().training is False
    encoder.train()(torch.randn(2, 3, 32, 32))[-1].sum().backward()
    assert all(p.grad is not None for p in encoder.parameters())
    assert encoder.bn1.num_batches_tracked == 1


@pytest.mark.parametrize(
    ("in_channels", "mean", "std"),
    [
        (3, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        (1, (0.449,), (0.226,)),
        (2, (0.485, 0.456), (0.229, 0.224)),
        (4, (0.485, 0.456, 0.406, 0.485), (0.229, 0.224, 0.225, 0.229)),
    ],
)
def test_the_normalisation_has_a_number_a_channel(in_channels, mean, std):
    encoder = build_encoder("resnet18", spatial_dims=2, in_channels=in_channels, **TINY)
    assert encoder.normalisation == {"mean": mean, "std": std}


@pytest.mark.parametrize("depth", DEPTHS)
def test_the_tiny_options_are_under_a_million(depth):
    spec = registry().find("encoder", f"resnet{depth}").spec
    assert spec.size_divisor == 32
    for setting in (RGB, VOLUME):
        with torch.device("meta"):
            assert 0 < parameters(build_encoder(spec.name, **setting, **spec.tiny)) < 1_000_000


def test_an_encoder_can_be_pickled():
    encoder = build_encoder("resnet18", **RGB, **TINY).eval()
    x = torch.randn(1, 3, 32, 32)
    assert torch.equal(pickle.loads(pickle.dumps(encoder))(x)[-1], encoder(x)[-1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(widths=(4, 8, 16)), "four positive numbers"),
        (dict(widths=(0, 8, 16, 32)), "four positive numbers"),
        (dict(inflate="center"), "mean or centre"),
        (dict(depth=34), "no option 'depth'"),
        (dict(norm="instance"), "no option 'norm'"),
    ],
)
def test_options_that_it_does_not_have_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        build_encoder("resnet18", **RGB, **options)
