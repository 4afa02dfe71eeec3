"""Whether the plain keys of a bundle's training can be used: by the parts that they are for, on no data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from monaiseg._registry import registry
from monaiseg.build import build_network
from monaiseg.data import build_augmentation
from monaiseg.data.generated.writing import generated_kind
from monaiseg.data.readable import unreadable_cases
from monaiseg.data.split_files import read_split_file
from monaiseg.engine import Settings, WholeOrWindowInferer, build_optimizer, build_scheduler, check_roi
from monaiseg.engine.validation import checked_interval
from monaiseg.errors import DataError
from monaiseg.instances import instance_plan
from monaiseg.losses import build_loss

SETTINGS = (
    *("device", "amp", "channels_last", "compile", "batch_size", "image_size", "spacing", "roi_size", "accumulate"),
    *("clip", "seed", "early_stopping", "checkpoint_minutes"),
)
TRAINED = ("lr", "optimizer", "optimizer_options", "scheduler", "scheduler_options", "epochs")

CHANNELS = {2: 3, 3: 1}
"""What `in_channels: auto` comes to for pictures, and for most volumes."""


def check_keys(config: Mapping[str, Any]) -> None:
    """Raise a monaiseg error for the first key that the part it is for refuses; of the bundle's own code nothing runs.

    Keys that are not there, or hold an expression, are left out, and so is what only the data can tell.
    """
    plain = {key: value for key, value in config.items() if not _is_expression(value)}
    settings = Settings(spatial_dims=_dims(plain), **{key: plain[key] for key in SETTINGS if key in plain})
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
        ("arch", "arch_options", "encoder", "freeze", "deep_supervision", "in_channels", *TRAINED): partial(
            _network, settings
        ),
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
        ("generated",): generated_kind,
        ("unreadable",): partial(unreadable_cases, ()),
        ("split",): lambda split: None if split == "none" else read_split_file(split),
        ("data_root",): _data_root,
    }


def _network(
    settings: Settings,
    arch: str,
    arch_options: Any,
    encoder: str,
    freeze: bool,
    deep_supervision: Any,
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
        freeze=freeze,
        arch_options=arch_options,
    )
    check_roi(network, settings, channels)
    lr, optimizer, optimizer_options, scheduler, scheduler_options, epochs = trained
    made = build_optimizer(optimizer, network, lr, optimizer_options)
    build_scheduler(scheduler, made, epochs, 10, settings.accumulate, scheduler_options)


def _number(value: Any, auto: int) -> Any:
    return auto if value == "auto" else value


def _data_root(data_root: Any) -> None:
    if data_root != "none" and not Path(str(data_root)).expanduser().exists():
        raise DataError(f"data_root {data_root}: no such folder; give an existing one with --data_root")
