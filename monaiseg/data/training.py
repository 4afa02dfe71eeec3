"""What a training takes its batches from: crops of cases, changed at random, normalised in the same pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from monai.transforms import Compose

from monaiseg.data.augment import Augmentation, CaseDraw, Levels
from monaiseg.data.augment.augmentation import recoloured
from monaiseg.data.augment.foreground import Foreground, KeepForeground
from monaiseg.data.augment.sampling import resampled, to_device
from monaiseg.data.cases import Case
from monaiseg.data.datasets import CaseDataset, Item, split_transform
from monaiseg.data.packing import Packed
from monaiseg.errors import ConfigError

BYTES = 255.0
"""What 8-bit pictures are divided by."""

Pair = tuple[torch.Tensor, torch.Tensor]


class TrainingDataset(CaseDataset):
    """Cases of which batches are made at once: each is posed as it is kept, as bytes, before it becomes floats.

    What happens to a case depends on (seed, epoch, index) alone. The unfinished batches of `__getitems__` are small
    and made by whichever process; `finish` does the rest on the device.

    Args:
        data, transform, seed, folder: as `CaseDataset` has them; the transform must give `image`, `label`, and `mean`
            and `std` of the image.
        augmentation: what to draw; with a crop in it, so that the cases of a batch are of one size.

    Raises:
        ConfigError: the transform has random parts.
    """

    def __init__(
        self,
        data: Sequence[Case],
        transform: Callable[[Any], Item],
        augmentation: Augmentation,
        seed: int = 0,
        folder: str | Path | None = None,
    ) -> None:
        _, each_time = split_transform(transform)
        if each_time.transforms:
            name = type(each_time.transforms[0]).__name__
            raise ConfigError(f"a TrainingDataset does not do {name}; take a CaseDataset, as docs/data.md shows")
        kept = Compose([transform, KeepForeground()]) if augmentation.needs_foreground else transform
        super().__init__(data, kept, seed, folder)
        self.augmentation = augmentation

    def __getitem__(self, key: Any) -> Item:
        """Return one finished case."""
        batch = self.finish(self.__getitems__([key]))
        return {name: values[0] for name, values in batch.items()}

    def __getitems__(self, keys: Sequence[Any]) -> Item:
        """Return an unfinished batch of keys, each an index or `(epoch, index)`.

        Returns:
            `image` and `label`, `Packed`: of each case `[C, *box]` as read and `[K, *box]`, the box being the crop or
            what a warp needs around it; `mean` and `std` `[B, C]`, the lists `id` and `draws`.
        """
        pairs = [key if isinstance(key, tuple) else (0, key) for key in keys]
        items = [self.prepared(index) for _, index in pairs]
        draws = [self._draw(pair, item) for pair, item in zip(pairs, items, strict=True)]
        posed = {
            key: Packed.of([draw.pose.view_of(item[key]) for draw, item in zip(draws, items, strict=True)])
            for key in ("image", "label")
        }
        measured = {key: torch.stack([item[key] for item in items]) for key in ("mean", "std")}
        return {**posed, **measured, "id": [item["id"] for item in items], "draws": [draw.rest for draw in draws]}

    def _draw(self, pair: tuple[int, int], item: Item) -> CaseDraw:
        shape = tuple(item["image"].shape)
        places = Foreground(item["foreground"].numpy(), shape[1:]) if "foreground" in item else None
        return self.augmentation.draw((self.seed, *pair), shape, places)

    def finish(self, batch: Item, device: torch.device | str = "cpu") -> Item:
        """Return a batch of `__getitems__` changed and normalised: `image` float32 and `label` on the device, `id`.

        Raises:
            ConfigError: its cases end at different sizes.
        """
        draws: list[CaseDraw] = batch["draws"]
        images, labels = (batch[key].to(device) for key in ("image", "label"))
        boxes = list(zip(images.tensors(), labels.tensors(), strict=True))
        units = np.array([[BYTES if box.dtype == torch.uint8 else 1.0] for box, _ in boxes])
        levels = Levels(batch["mean"].numpy() / units, batch["std"].numpy() / units, bounded=units[:, 0] == BYTES)
        image = torch.empty((len(draws), len(boxes[0][0]), *_size(draws)), device=device)
        whole = None if any(draw.warp for draw in draws) else labels.batch()
        label = _room(boxes[0][1], image) if whole is None else whole
        places = list(zip(image, label, strict=True))
        # On a processor one case at a time, which stays in its cache; elsewhere all, however many, in the same calls.
        step = 1 if image.device.type == "cpu" else len(draws)
        for first in range(0, len(draws), step):
            at = slice(first, first + step)
            for case in range(first, first + step):
                _place(boxes[case], draws[case], places[case])
            self._change(image[at], draws[at], levels.of_cases(at), units[at])
        return {"image": image, "label": label, "id": batch["id"]}

    def _change(
        self, image: torch.Tensor, draws: Sequence[CaseDraw], levels: Levels, units: npt.NDArray[np.float64]
    ) -> None:
        """Change intensities of images `[B, C, *S]`, in `units` of what is read, and normalise them, in place."""
        if image.device.type == "cpu" and _is_linear(draws[0]):
            _in_one_pass(image, draws[0], levels, float(units[0, 0]))
            return
        image.div_(to_device(units, image).reshape(-1, *[1] * (image.ndim - 1)))
        changed = _normalised(recoloured(image, draws, levels), levels)
        if changed.data_ptr() != image.data_ptr():
            image.copy_(changed)


def _size(draws: Sequence[CaseDraw]) -> tuple[int, ...]:
    sizes = {draw.size for draw in draws}
    if len(sizes) > 1:
        raise ConfigError(f"augment: the cases of a batch have sizes {sorted(sizes)}; crop all to one (roi_size)")
    return sizes.pop()


def _room(label: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    """Return room for labels as `label` `[K, ...]` beside images `[B, C, *S]`."""
    return image.new_empty((len(image), len(label), *image.shape[2:]), dtype=label.dtype)


def _place(boxes: Pair, draw: CaseDraw, places: Pair) -> None:
    """Fill the places `[C, *S]` of a case's image and label in its batch from their boxes, warped where it is."""
    image, label = boxes
    if draw.warp is not None:
        (image,), warped = resampled(image[None], label[None], draw.warp)
        label = label if warped is None else warped[0]
    for place, values in zip(places, (image, label), strict=True):
        if place.data_ptr() != values.data_ptr():
            place.copy_(values)


def _is_linear(draw: CaseDraw) -> bool:
    return draw.linear.is_diagonal if draw.linear is not None else not draw.steps


def _in_one_pass(image: torch.Tensor, draw: CaseDraw, levels: Levels, unit: float) -> None:
    """Change one case `[1, C, *S]` by a linear draw, or none, and normalise it, without another array."""
    mean, std = levels.mean[0], np.where(levels.std[0] > 0, levels.std[0], 1.0)
    gain, offset = np.ones_like(std), np.zeros_like(std)
    if draw.linear is not None:
        gain, offset = draw.linear.coefficients(mean, levels.std[0])
    gain, offset = gain / unit / std, (offset - mean) / std
    bounded = draw.linear is not None and levels.all_bounded
    for channel, plane in enumerate(image[0]):
        plane.mul_(float(gain[channel])).add_(float(offset[channel]))
        if bounded:
            plane.clamp_(float(-mean[channel] / std[channel]), float((1 - mean[channel]) / std[channel]))


def _normalised(image: torch.Tensor, levels: Levels) -> torch.Tensor:
    std = np.where(levels.std > 0, levels.std, 1.0)
    return image.mul_(_each_channel(1 / std, image)).sub_(_each_channel(levels.mean / std, image))


def _each_channel(values: npt.NDArray[np.float64], image: torch.Tensor) -> torch.Tensor:
    """Return numbers `[C]` or `[B, C]` as a tensor `[B, C, 1, ...]` beside the image."""
    return to_device(values, image).reshape(-1, image.shape[1], *[1] * (image.ndim - 2))
