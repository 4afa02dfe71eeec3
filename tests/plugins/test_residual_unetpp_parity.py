"""The Residual UNet++ against a second writing in plain functions and against numbers of the code that it is from.

`RECORDED` are outputs of models/model.py of Fantasy98/ResUNet at 34bf59b, with TensorFlow 2.21.0 (tf_keras 2.21.0) in
float64, `deep_supervision=True`, 3 channels, 2 classes, its heads without their sigmoid, its list turned around. Its
weights were those of `filled`, carried over layer by layer. Beside ours it differed by less than 2e-14 of the largest
output, once two of TensorFlow's ways were set that are not PyTorch's: see `as_tensorflow`.
"""

from __future__ import annotations

import pytest
import torch
from plugins.references import filled, outputs
from plugins.test_resnet import randomise
from plugins.test_resnet_torchvision import spread
from torch import nn
from torch.nn import functional as F

from monaiseg import build_network

RECORDED = {
    "evaluation": [[0.0144069317345, 6.180364642205, -5.077695912084, 4.027356299775]],
    "training": [
        [-0.0013060524311, 1.020214156855, -0.4736183317018, 0.3176944455858],
        [-0.0075658941098, 1.688350546188, -2.33693990791, -0.9245438419299],
        [-0.0097862102412, -1.030003639493, -1.102614727009, 1.127062358172],
        [-0.0050893130496, -0.7963630592074, -1.895922509444, -1.455955929556],
    ],
}


class Plain:
    """Figure 1a of Zhou et al. 2018 with units after He et al., Identity Mappings, 2016, figure 4e, and CBAM."""

    def __init__(self, weights: dict[str, torch.Tensor], training: bool) -> None:
        self.weights, self.training = weights, training

    def conv(self, name: str, x: torch.Tensor, stride: int = 1) -> torch.Tensor:
        weight = self.weights[f"{name}.weight"]
        return F.conv2d(x, weight, self.weights.get(f"{name}.bias"), stride, weight.shape[-1] // 2)

    def norm(self, name: str, x: torch.Tensor) -> torch.Tensor:
        mean, var, weight, bias = (
            self.weights[f"{name}.{leaf}"][None, :, None, None]
            for leaf in ("running_mean", "running_var", "weight", "bias")
        )
        if self.training:
            mean, var = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), keepdim=True, correction=0)
        return (x - mean) / (var + 1e-5).sqrt() * weight + bias

    def attention(self, name: str, x: torch.Tensor) -> torch.Tensor:
        scale = 0
        for part, vector in (("of_mean", x.flatten(2).mean(2)), ("of_maximum", x.flatten(2).amax(2))):
            first, second = (self.weights[f"{name}.{part}.{place}.weight"].flatten(1) for place in (0, 2))
            scale = scale + torch.relu(vector @ first.T) @ second.T
        x = x * torch.sigmoid(scale)[..., None, None]
        places = self.conv(f"{name}.places.0", torch.stack([x.mean(1), x.amax(1)], 1))
        return x * torch.sigmoid(self.norm(f"{name}.places.1", places))

    def unit(self, name: str, x: torch.Tensor, stride: int = 1) -> torch.Tensor:
        y = self.conv(f"{name}.branch.2", torch.relu(self.norm(f"{name}.branch.0", x)), stride)
        y = self.conv(f"{name}.branch.5", torch.relu(self.norm(f"{name}.branch.3", y)))
        shortcut = self.norm(f"{name}.shortcut.1", self.conv(f"{name}.shortcut.0", x, stride))
        return self.attention(f"{name}.attention", y) + shortcut

    def __call__(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return the logits of X(0, 4), X(0, 3), ..."""
        rows = []
        for i in range(5):
            x = self.unit(f"encoder.units.{i}", x, 1 if i == 0 else 2)
            rows.append([x])
        for j in range(1, 5):
            for i in range(5 - j):
                below = rows[i + 1][j - 1].repeat_interleave(2, 2).repeat_interleave(2, 3)
                up = torch.relu(self.conv(f"grid.up.x{i}_{j}.1", below))
                rows[i].append(self.unit(f"grid.nodes.x{i}_{j}", torch.cat([up, *rows[i]], 1)))
        heads = [j for j in (4, 3, 2, 1) if f"heads.{j}.weight" in self.weights]
        return [self.conv(f"heads.{j}", rows[0][j]) for j in heads]


@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
@pytest.mark.parametrize("supervised", [False, True], ids=["one head", "four heads"])
def test_it_computes_what_the_second_writing_does(supervised: bool, training: bool) -> None:
    torch.manual_seed(3)
    shapes = dict(spatial_dims=2, in_channels=3, out_channels=2, features=(16, 20, 33, 48, 64))
    network = build_network("residual_unetpp", **shapes, deep_supervision=supervised).double().train(training)
    randomise(network)
    weights = {key: value.clone() for key, value in network.state_dict().items()}
    x = spread(torch.Size((2, 3, 64, 32)), 1000)
    with torch.no_grad():
        ours, theirs = network(x), Plain(weights, training)(x)
    ours = ours if isinstance(ours, list) else [ours]
    assert len(ours) == (4 if supervised and training else 1)
    assert len(theirs) == (4 if supervised else 1)
    for a, b in zip(ours, theirs):
        assert float(b.std()) > 1e-3
        assert float((a - b).abs().max()) <= 1e-9 * float(b.abs().max())


def as_tensorflow(network: nn.Module) -> None:
    """Pad strided 3x3 convolutions of even sizes at the high end alone, and set batch norm's epsilon to 0.001."""
    for unit in network.encoder.units[1:]:
        unit.branch[2].padding = (0, 0)
        unit.branch[2].register_forward_pre_hook(lambda _, inputs: F.pad(inputs[0], (0, 1, 0, 1)))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-3


@pytest.mark.parametrize("mode", RECORDED)
def test_it_gives_what_their_code_gave(mode: str) -> None:
    network = filled("residual_unetpp", deep_supervision=True)
    as_tensorflow(network)
    found, largest = outputs(network, (32, 48), training=mode == "training")
    for ours, theirs in zip(found, RECORDED[mode], strict=True):
        assert ours[0] == pytest.approx(theirs[0], rel=0, abs=1e-9)
        assert ours[1:] == pytest.approx(theirs[1:], rel=0, abs=1e-9 * largest)
