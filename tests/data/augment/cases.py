"""Pictures and volumes that the tests of augmentation share."""

from __future__ import annotations

import itertools
from typing import Any

import torch

from monaiseg.data.augment import OPERATIONS, Augmentation, Choice, Levels, Operation

Pair = tuple[torch.Tensor, torch.Tensor]

STILL: dict[str, dict[str, Any]] = {
    "shift_scale_rotate": {"shift": 0, "scale": 1, "rotate": 0},
    "crop_resize": {"margin": 0},
    "grid_distortion": {"limit": 0},
    "elastic": {"magnitude": 0},
    "brightness_contrast": {"brightness": 0, "contrast": 1},
    "hsv": {"hue": 0, "saturation": 1, "value": 1},
    "rgb_shift": {"shift": 0},
    "gamma": {"gamma": 1},
    "gaussian_noise": {"sigma": 0},
    "gaussian_blur": {"sigma": 0},
    "coarse_dropout": {"width": 0},
    "low_resolution": {"zoom": 1},
}
"""The parameters at which an operation does nothing."""

NEEDED: dict[str, dict[str, Any]] = {"crop": {"size": [9, 8]}}
"""What an operation cannot do without."""

IN_3D = [name for name, operation in OPERATIONS.items() if 3 in operation.spatial_dims]


def operation(name: str, **parameters: Any) -> Operation:
    return OPERATIONS[name].from_parameters(NEEDED.get(name, {}) | parameters)


def alone(name: str, **parameters: Any) -> Augmentation:
    """An augmentation that always does this."""
    return Augmentation([Choice(1, (operation(name, **parameters),))])


def blobs(*shape: int, seed: int = 0) -> Pair:
    """Images `[B, C, *S]` in 0..1 of smooth blobs, and the label `[B, 1, *S]` of where the first channel is bright."""
    generator = torch.Generator().manual_seed(seed)
    mode = "bicubic" if len(shape) == 4 else "trilinear"
    coarse = torch.rand(*shape[:2], *(max(3, side // 8) for side in shape[2:]), generator=generator)
    image = torch.nn.functional.interpolate(coarse, shape[2:], mode=mode, align_corners=False).clamp(0, 1)
    return image, (image[:, :1] > 0.5).to(torch.uint8)


def applied(
    augmentation: Augmentation, image: torch.Tensor, label: torch.Tensor, keys: Any = None, bounded: bool = True
) -> Pair:
    """What becomes of copies of a batch; by default the cases have keys of their own."""
    keys = [(0, 0, case) for case in range(len(image))] if keys is None else keys
    levels = Levels.of(image, bounded)
    result, moved = augmentation(image.clone(), label.clone(), keys, levels)
    assert moved is not None
    return result, moved


def turned(values: torch.Tensor) -> list[torch.Tensor]:
    """All flips and quarter turns of `[C, *S]`, of those axes that are equally long."""
    axes = range(1, values.ndim)
    found = []
    for order in itertools.permutations(axes):
        if [values.shape[axis] for axis in order] != list(values.shape[1:]):
            continue
        for flips in itertools.product((False, True), repeat=len(order)):
            backwards = [axis for axis, flip in zip(axes, flips, strict=True) if flip]
            found.append(values.permute(0, *order).flip(backwards))
    return found
