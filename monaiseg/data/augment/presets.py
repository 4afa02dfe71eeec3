"""The named lists of operations, as YAML would have them; docs/data.md explains each."""

from __future__ import annotations

from typing import Any

BLURS = [
    {"name": "blur", "widths": [3, 5, 7]},
    {"name": "motion_blur", "widths": [3, 5, 7]},
    {"name": "median_blur", "widths": [3]},
    {"name": "gaussian_blur", "sigma": [0.5, 1.5]},
]

PRESETS: dict[str, list[dict[str, Any]]] = {
    "none": [],
    "light": [
        {"name": "flip", "p": 0.5},
        {"name": "rot90", "p": 0.5},
        {"name": "brightness_contrast", "p": 0.75, "brightness": [-0.2, 0.2], "contrast": [0.8, 1.2]},
    ],
    "polyp": [
        {"name": "flip", "p": 0.5},
        {"name": "rot90", "p": 0.5},
        {"name": "transpose", "p": 0.2},
        {
            "name": "one_of",
            "p": 0.25,
            "of": [
                {"name": "crop_resize", "margin": [0.0, 0.11], "centre": True},
                {"name": "crop_resize", "margin": [0.0, 0.11], "centre": False},
            ],
        },
        {"name": "shift_scale_rotate", "p": 0.5, "shift": [-0.0625, 0.0625], "scale": [0.9, 1.1], "rotate": [-45, 45]},
        {
            "name": "one_of",
            "p": 0.2,
            "of": [
                {"name": "grid_distortion", "steps": 5, "limit": 0.3},
                {"name": "elastic", "magnitude": [0.004, 0.012], "smoothness": [0.04, 0.06]},
            ],
        },
        {
            "name": "one_of",
            "p": 0.5,
            "of": [
                {"name": "brightness_contrast", "brightness": [-0.4, 0.4], "contrast": [0.8, 1.2]},
                {"name": "gamma", "gamma": [0.7, 1.4]},
                {"name": "hsv", "hue": [-12, 12], "saturation": [0.7, 1.3], "value": [0.85, 1.15]},
                {"name": "rgb_shift", "shift": [-0.25, 0.25]},
                {"name": "clahe", "clip": [1.0, 2.0]},
            ],
        },
        {"name": "one_of", "p": 0.05, "of": [{"name": "grey"}, {"name": "channel_shuffle"}]},
        {"name": "one_of", "p": 0.2, "of": BLURS},
        {"name": "gaussian_noise", "p": 0.15, "sigma": [0.02, 0.15]},
        {"name": "coarse_dropout", "p": 0.15, "holes": 8, "width": 0.11},
    ],
    "nuclei": [
        {"name": "flip", "p": 0.5},
        {"name": "rot90", "p": 0.5},
        {"name": "shift_scale_rotate", "p": 0.3, "shift": [-0.0625, 0.0625], "scale": [0.8, 1.25], "rotate": [-45, 45]},
        {"name": "elastic", "p": 0.15, "magnitude": [0.004, 0.01], "smoothness": [0.04, 0.06]},
        {
            "name": "one_of",
            "p": 0.6,
            "of": [
                {"name": "blur", "widths": [3, 5]},
                {"name": "gamma", "gamma": [0.7, 1.5]},
                {"name": "hsv", "hue": [-20, 20], "saturation": [0.7, 1.3], "value": [0.8, 1.2]},
            ],
        },
        {"name": "one_of", "p": 0.15, "of": [{"name": "grey"}, {"name": "channel_shuffle"}]},
        {"name": "brightness_contrast", "p": 0.3, "brightness": [-0.2, 0.2], "contrast": [0.8, 1.2]},
        {"name": "gaussian_noise", "p": 0.1, "sigma": [0.02, 0.15]},
    ],
    "volume": [
        {"name": "flip", "p": 0.5},
        {"name": "rot90", "p": 0.1},
        {"name": "shift_scale_rotate", "p": 0.2, "shift": 0, "scale": 1, "rotate": [-30, 30]},
        {"name": "shift_scale_rotate", "p": 0.2, "shift": 0, "scale": [0.7, 1.4], "rotate": 0},
        {"name": "gaussian_noise", "p": 0.1, "sigma": [0.0, 0.15]},
        {"name": "gaussian_blur", "p": 0.15, "sigma": [0.5, 1.0]},
        {"name": "brightness_contrast", "p": 0.3, "brightness": [-0.2, 0.2], "contrast": [0.75, 1.25]},
        {"name": "low_resolution", "p": 0.15, "zoom": [0.5, 1.0]},
        {"name": "gamma", "p": 0.3, "gamma": [0.7, 1.5]},
    ],
}
