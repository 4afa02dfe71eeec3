"""What the keys at the top of a bundle come to on this machine: checked for type, `auto` replaced."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from functools import cached_property
from statistics import median_high
from typing import Any

import torch

from monaiseg._numbers import count, number
from monaiseg.data import Case, common_spacing, image_shape, image_spacing, images_of, is_volume, respaced_size
from monaiseg.engine.precision import autocast_dtype
from monaiseg.engine.processor import fit_threads, keep_memory
from monaiseg.errors import ConfigError, first_line
from monaiseg.nn import channels_last_fault

ROI = {2: (128, 128), 3: (64, 64, 64)}
BATCH = {2: 4, 3: 2}
LARGEST = 256
STEP = 8
"""What `auto` stands for: small enough for 3D in 24 GiB; of volumes a multiple of 8, beyond which networks pad by
themselves. With 16, crops of volumes of 35 x 50 x 36 would be half padding."""


class Settings:
    """How a run computes.

    Attributes:
        spatial_dims: 2 or 3.
        device: the torch device; `auto`: CUDA where there is one.
        threads: torch's, fewer than cores where a container has but a share of them.
        memory_kept: whether freed memory stays with the process, which is faster on the CPU: see `keep_memory`.
        amp: the dtype of autocast, or None; `auto`: bfloat16 where the processor computes in it, on the CPU in 2D only,
            because oneDNN's gradients of convolutions over maps of depth 2 are wrong in it.
        memory_format: `channels_last: auto` is on in 2D, and in 3D on the CPU, where it is faster.
        compile: whether `torch.compile` is used.
        batch_size: cases a batch.
        image_size: the size that images are resized to, or None for their own; `auto`: pictures are resized to the
            median size of the training pictures, 256 at most, which learns fastest; volumes are left alone.
        spacing: the millimetres a voxel that volumes of other spacings are resampled to, or None for their own; `auto`:
            the median of the training volumes, unless `image_size` is given.
        roi_size: the crop to train on, and the window where an image is too large to be predicted whole; `auto`: 128
            a side, or of volumes 64, less where the images are smaller once they are resized or resampled.
        accumulate: batches whose gradients are added up; `clip`: the largest gradient norm, 0 for any.
        seed: of all that is random but the split.
        early_stopping: evaluations without a better score after which to stop, 0 for never.
        checkpoint_minutes: after which to save within an epoch too, 0 for never.

    Args:
        train: the training cases, whose sizes and spacings `auto` looks at.

    Raises:
        ConfigError: a value is of the wrong type or out of range; the message names its key.
    """

    def __init__(
        self,
        *,
        spatial_dims: int,
        device: str = "auto",
        amp: bool | str = "auto",
        channels_last: bool | str = "auto",
        compile: bool = False,
        batch_size: int | str = "auto",
        image_size: Sequence[int] | int | str = "auto",
        spacing: Sequence[float] | float | str = "auto",
        roi_size: Sequence[int] | int | str = "auto",
        accumulate: int = 1,
        clip: float = 0.0,
        seed: int = 0,
        early_stopping: int = 0,
        checkpoint_minutes: float = 10,
        train: Sequence[Case] = (),
    ) -> None:
        if spatial_dims not in (2, 3):
            raise ConfigError(f"spatial_dims is {spatial_dims!r}; it must be 2 or 3")
        self.spatial_dims = spatial_dims
        self.device = _device(device)
        self.threads = fit_threads()
        self.memory_kept = self.device.type == "cpu" and keep_memory()
        self.amp = autocast_dtype(amp, self.device, spatial_dims)
        self.channels_last = _switch("channels_last", channels_last, spatial_dims == 2 or self.device.type == "cpu")
        self.compile = _switch("compile", compile, False)
        self.batch_size = BATCH[spatial_dims] if batch_size == "auto" else count("batch_size", batch_size)
        self.spacing = _spacing(spacing, image_size, train, spatial_dims)
        median = _median_size(train, spatial_dims, self.spacing) if "auto" in (image_size, roi_size) else None
        self.image_size = self._image_size(image_size, median)
        self.roi_size = self._roi(roi_size, median)
        self.accumulate = count("accumulate", accumulate)
        self.clip = number("clip", clip)
        self.seed = count("seed", seed, least=0, most=2**32 - 1)
        self.early_stopping = count("early_stopping", early_stopping, least=0)
        self.checkpoint_minutes = number("checkpoint_minutes", checkpoint_minutes)

    def _image_size(self, image_size: Any, median: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if image_size == "none" or (image_size == "auto" and (self.spatial_dims == 3 or median is None)):
            return None
        if image_size != "auto":
            return _size("image_size", image_size, self.spatial_dims)
        return tuple(min(LARGEST, side) for side in median or ())

    def _roi(self, roi_size: Any, median: tuple[int, ...] | None) -> tuple[int, ...]:
        if roi_size != "auto":
            return _size("roi_size", roi_size, self.spatial_dims)
        default = ROI[self.spatial_dims]
        if self.spatial_dims == 3 and median is not None:
            return tuple(min(most, -(-side // STEP) * STEP) for most, side in zip(default, median, strict=True))
        return default if self.image_size is None else tuple(map(min, default, self.image_size))

    @property
    def memory_format(self) -> torch.memory_format:
        """The memory format of images and weights."""
        if not self.channels_last:
            return torch.contiguous_format
        return torch.channels_last if self.spatial_dims == 2 else torch.channels_last_3d

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """Return the context in which the network computes."""
        if self.amp is None:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=self.amp)

    @cached_property
    def scaler(self) -> torch.amp.GradScaler:
        """What keeps the gradients of float16 from vanishing, one for the whole run; of other types it does nothing."""
        return torch.amp.GradScaler(self.device.type, enabled=self.amp is torch.float16)

    def place(self, network: torch.nn.Module) -> torch.nn.Module:
        """Return the network on the device and in the memory format, where that is safe."""
        on_cpu = self.channels_last and self.device.type == "cpu"
        fault = channels_last_fault(network, self.amp) if on_cpu else None
        if fault:
            self.channels_last = False
            print(f"channels_last: off, because {fault}")
        return network.to(device=self.device, memory_format=self.memory_format)  # type: ignore[call-overload,no-any-return]

    def compiled(self, network: torch.nn.Module) -> Any:
        """Return the network to call: compiled if asked for; the weights stay those of `network`."""
        return torch.compile(network) if self.compile else network

    def record(self) -> dict[str, Any]:
        """Return the settings as `run.json` holds them."""
        plain = (bool, int, float, tuple, type(None))
        settings = {key: value for key, value in vars(self).items() if key != "scaler"}
        return {key: value if isinstance(value, plain) else str(value) for key, value in settings.items()}


def _spacing(spacing: Any, image_size: Any, train: Sequence[Case], spatial_dims: int) -> tuple[float, ...] | None:
    if spacing == "none":
        return None
    sized = image_size not in ("auto", "none")
    if spacing == "auto":
        return None if sized else common_spacing(train, spatial_dims)
    if sized:
        raise ConfigError(f"spacing is {spacing!r} and image_size {image_size!r}; set one of the two to none")
    if train and not is_volume(images_of(train[0])[0]):
        raise ConfigError(f"spacing is {spacing!r}, but pictures have none; give --image_size instead")
    lengths = spacing if isinstance(spacing, list | tuple) else (spacing,) * spatial_dims
    if len(lengths) != spatial_dims or not all(number("spacing", length) for length in lengths):
        several = f'{spatial_dims} of them as "{[1.0] * spatial_dims}"'
        raise ConfigError(f"spacing is {spacing!r}; it must be auto, none, millimetres above 0, or {several}")
    return tuple(map(float, lengths))


def _median_size(cases: Sequence[Case], spatial_dims: int, spacing: Sequence[float] | None) -> tuple[int, ...] | None:
    """Return the median size of pictures, or of volumes at a spacing, from their headers; None for single slices."""
    sizes = [image_shape(case)[1] for case in cases]
    if not sizes or {len(size) for size in sizes} != {spatial_dims}:
        return None
    if spatial_dims == 2 and any(is_volume(images_of(case)[0]) for case in cases):
        return None
    if spacing:
        own = (image_spacing(case, spatial_dims) for case in cases)
        sizes = [respaced_size(size, before, spacing) for size, before in zip(sizes, own, strict=True)]
    return tuple(int(median_high(side)) for side in zip(*sizes, strict=True))


def _device(device: str) -> torch.device:
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError, TypeError, ValueError, OverflowError) as error:
        raise ConfigError(
            f"device is {device!r}, which cannot be used here: {first_line(error)}; try auto or cpu"
        ) from error
    return found


def _switch(key: str, value: Any, auto: bool) -> bool:
    if value == "auto" and isinstance(value, str):
        return auto
    if not isinstance(value, bool):
        hint = f"; write --{key} {value.capitalize()}" if str(value).lower() in ("true", "false") else ""
        raise ConfigError(f"{key} is {value!r}; it must be True, False or auto{hint}")
    return value


def _size(key: str, value: Any, spatial_dims: int) -> tuple[int, ...]:
    sizes = (value,) * spatial_dims if isinstance(value, int) else value
    if not isinstance(sizes, list | tuple) or len(sizes) != spatial_dims:
        raise ConfigError(f'{key} is {value!r}; it must be auto, a number, or {spatial_dims} of them as "[64, 64]"')
    return tuple(count(key, size) for size in sizes)
