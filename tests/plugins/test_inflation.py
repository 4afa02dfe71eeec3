"""A 2D UNet on a ResNet, as a 3D one with its kernels in the middle slice, is the 2D one on each slice."""

import pytest
import torch
from segplug_resnet.weights import fit

from monaiseg import build_network


@pytest.mark.parametrize("depth", [18, 50])
def test_centre_inflation_of_a_resnet_unet_on_a_volume_constant_along_depth(depth):
    options = dict(in_channels=3, out_channels=2, encoder=f"resnet{depth}", norm="batch")
    flat = build_network("unet", spatial_dims=2, **options)
    flat.train()(torch.randn(4, 3, 64, 96))  # moves the statistics of the norms away from 0 and 1
    flat.eval()
    volume = build_network("unet", spatial_dims=3, **options).eval()
    volume.load_state_dict(fit(flat.state_dict(), volume.state_dict(), "centre"))
    picture = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        slices = volume(picture.unsqueeze(-1).expand(-1, -1, -1, -1, 32))
        expected = flat(picture).unsqueeze(-1)
    assert expected.std() > 100 * 1e-4, "a network that gives nothing would pass"
    assert slices.shape == (1, 2, 64, 96, 32)
    assert float((slices - expected).abs().max()) <= 1e-4
