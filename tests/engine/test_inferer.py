"""Whole where it fits, MONAI's window where it does not."""

import torch
from torch import nn

from monaiseg.engine import WholeOrWindowInferer


def test_small_images_are_predicted_whole():
    seen = []
    WholeOrWindowInferer((16, 16), whole=40 * 50)(torch.zeros(1, 1, 40, 50), lambda x: seen.append(x.shape) or x)
    assert seen == [(1, 1, 40, 50)]


def test_large_ones_by_windows_that_blend_to_the_same():
    seen = []

    def network(x):
        seen.append(tuple(x.shape[2:]))
        return 2 * x + 1

    x = torch.randn(1, 1, 40, 51)
    y = WholeOrWindowInferer((16, 16), whole=40 * 51 - 1)(x, network)
    assert set(seen) == {(16, 16)}
    assert torch.allclose(y, 2 * x + 1, atol=1e-5)


def test_volumes():
    x = torch.randn(1, 1, 20, 20, 20)
    y = WholeOrWindowInferer((8, 8, 8), whole=100)(x, nn.Identity())
    assert torch.allclose(y, x, atol=1e-5)
