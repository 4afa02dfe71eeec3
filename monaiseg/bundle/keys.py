"""Whether the plain keys of a bundle's training can be used: by the parts that they are for, on no data."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from monaiseg._registry import registry
from monaiseg.build import build_network
from monaiseg.bundle.data_keys import check_data_keys
from monaiseg.data import CaseShape, ReadCase, build_augmentation
from monaiseg.engine import Settings, WholeOrWindowInferer, build_optimizer, build_scheduler, check_roi
from monaiseg.engine.validation import checked_interval
from monaiseg.instances import instance_plan
from monaiseg.losses import build_loss

SETTINGS = [key for key in inspect.signature(Settings).parameters if key not in ("spatial_dims", "train")]
BUILT = ("arch", "arch_options", "encoder", "freeze", "deep_supervision", "pretrained", "in_channels")
TRAINED = ("lr", "optimizer", "optimizer_options", "scheduler", "scheduler_options", "epochs")

SHAPE = ("spatial_dims", "in_channels", "out_channels")

CHANNELS = {2: 3, 3: 1}
"""What `in_channels: auto` comes to for pictures, and for most volumes."""


def check_keys(config: Mapping[str, Any]) -> None:
    """Raise a monaiseg error for the first key that the part it is for refuses; of the bundle's own code nothing runs.

    Keys that are not there, or hold an expression, are left out. Of the data, where some are given, headers and a case
    are read, and labels where their values tell the classes.
    """
    plain = {key: value for key, value in config.items() if not _is_expression(value)}
    cases = check_data_keys(plain)
    if cases is not None:
        spatial_dims, in_channels, out_channels = (plain.get(key, "auto") for key in SHAPE)
        shape = CaseShape(spatial_dims, in_channels, out_channels, cases)
        read = ReadCase(shape.spatial_dims, shape.in_channels, shape.out_channels, cases.classes)
        read(cases.train[0])  # tells what headers do not
        plain |= shape.record()
    asked = {key: plain[key] for key in SETTINGS if key in plain}
    settings = Settings(spatial_dims=_dims(plain), train=cases.train if cases else (), **asked)
    for keys, check in _checks(settings).items():
        if all(key in plain for key in keys):
            check(*(plain[key] for key in keys))


def _dims(plain: Mapping[str, Any]) -> Any:
    """Return `spatial_dims`; where the data decide, what the sizes are for, or what the network can."""
    if (told := plain.get("spatial_dims", "auto")) != "auto":
        return told
    sizes = (plain.get(key) for key in ("roi_size", "image_size", "spacing"))
    if any(isinstance(size, list | tuple) and len(size) == 3 for size in sizes):
        return 3
    return min(registry().find("network", plain["arch"]).spec.spatial_dims) if "arch" in plain else 2


def _is_expression(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(("$", "@", "%"))


def _checks(settings: Settings) -> dict[tuple[str, ...], Callable[..., Any]]:
    """Return by the keys that each takes what looks at them."""
    return {
        (*BUILT, *TRAINED): partial(_network, settings),
        ("loss", "loss_options", "out_channels"): lambda name, options, classes: build_loss(
            name, options=options, classes=_number(classes, 1)
        ),
        ("augment", "foreground_crops", "in_channels"): lambda augment, share, channels: build_augmentation(
            augment=augment,
            crop=settings.roi_size,
            foreground_crops=share,
            spatial_dims=settings.spatial_dims,
            in_channels=_number(channels, CHANNELS[settings.spatial_dims]),
        ),
        ("val_interval",): checked_interval,
        ("overlap",): partial(WholeOrWindowInferer, settings.roi_size),
        ("instances",): instance_plan,
    }


def _network(
    settings: Settings,
    arch: str,
    arch_options: Any,
    encoder: str,
    freeze: bool,
    deep_supervision: Any,
    pretrained: Any,
    in_channels: Any,
    *trained: Any,
) -> None:
    channels = _number(in_channels, CHANNELS[settings.spatial_dims])
    network = build_network(
        arch,
        spatial_dims=settings.spatial_dims,
        in_channels=channels,
        out_channels=1,
        deep_supervision=deep_supervision,
        encoder=encoder,
        pretrained="none" if pretrained == "imagenet" else pretrained,  # which may have to be fetched
        freeze=freeze,
        arch_options=arch_options,
    )
    check_roi(network, settings, channels)
    lr, optimizer, optimizer_options, scheduler, scheduler_options, epochs = trained
    made = build_optimizer(optimizer, network, lr, optimizer_options)
    build_scheduler(scheduler, made, epochs, 10, settings.accumulate, scheduler_options)


def _number(value: Any, auto: int) -> Any:
    return auto if value == "auto" else value
