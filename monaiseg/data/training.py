"""What a training takes its batches from: crops of cases, changed at random, normalised in the same pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from monaiseg.data.augment import Augmentation, CaseDraw, Levels
from monaiseg.data.augment.sampling import to_device
from monaiseg.data.cases import Case
from monaiseg.data.datasets import CaseDataset, Item, split_transform
from monaiseg.errors import ConfigError

BYTES = 255.0
"""What 8-bit pictures are divided by."""


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
        super().__init__(data, transform, seed, folder)
        self.augmentation = augmentation

    def __getitem__(self, key: Any) -> Item:
        """Return one finished case."""
        batch = self.finish(self.__getitems__([key]))
        return {name: values[0] for name, values in batch.items()}

    def __getitems__(self, keys: Sequence[Any]) -> Item:
        """Return an unfinished batch of keys, each an index or `(epoch, index)`.

        Returns:
            `image` `[B, C, *crop]` as read, `label` `[B, K, *crop]`, `mean` and `std` `[B, C]`, the lists `id` and
            `draws`.
        """
        pairs = [key if isinstance(key, tuple) else (0, key) for key in keys]
        items = [self.prepared(index) for _, index in pairs]
        draws = [
            self.augmentation.draw((self.seed, *pair), tuple(item["image"].shape))
            for pair, item in zip(pairs, items, strict=True)
        ]
        posed = {
            key: torch.stack([draw.pose.of(item[key]) for draw, item in zip(draws, items, strict=True)])
            for key in ("image", "label")
        }
        measured = {key: torch.stack([item[key] for item in items]) for key in ("mean", "std")}
        return {**posed, **measured, "id": [item["id"] for item in items], "draws": [draw.rest for draw in draws]}

    def finish(self, batch: Item, device: torch.device | str = "cpu") -> Item:
        """Return a batch of `__getitems__` changed and normalised: `image` float32 and `label` on the device, `id`."""
        image, label = (batch[key].to(device, non_blocking=True) for key in ("image", "label"))
        unit = BYTES if image.dtype == torch.uint8 else 1.0
        levels = Levels(batch["mean"] / unit, batch["std"] / unit, bounded=unit == BYTES)
        if image.device.type != "cpu":
            finished = image.float()
            self._finish(finished, label, batch["draws"], levels, unit)
            return {"image": finished, "label": label, "id": batch["id"]}
        finished = torch.empty(image.shape)
        for case, draw in enumerate(batch["draws"]):  # one at a time stays in the processor's cache
            at = slice(case, case + 1)
            finished[at].copy_(image[at])
            self._finish(finished[at], label[at], [draw], levels.of_cases(at), unit)
        return {"image": finished, "label": label, "id": batch["id"]}

    def _finish(
        self, image: torch.Tensor, label: torch.Tensor, draws: Sequence[CaseDraw], levels: Levels, unit: float
    ) -> None:
        """Change images `[B, C, *S]` and labels in place."""
        if len(draws) == 1 and _is_linear(draws[0]):
            _in_one_pass(image, draws[0], levels, unit)
            return
        changed, changed_label = self.augmentation.apply(image.div_(unit), label, draws, levels)
        _put(image, _normalised(changed, levels))
        if changed_label is not None:
            _put(label, changed_label)


def _is_linear(draw: CaseDraw) -> bool:
    linear = draw.linear
    return draw.warp is None and (linear.is_diagonal if linear is not None else not draw.steps)


def _in_one_pass(image: torch.Tensor, draw: CaseDraw, levels: Levels, unit: float) -> None:
    """Change one case `[1, C, *S]` by a linear draw, or none, and normalise it, without another array."""
    mean, std = levels.mean[0], np.where(levels.std[0] > 0, levels.std[0], 1.0)
    gain, offset = np.ones_like(std), np.zeros_like(std)
    if draw.linear is not None:
        gain, offset = draw.linear.coefficients(mean, levels.std[0])
    gain, offset = gain / unit / std, (offset - mean) / std
    for channel, plane in enumerate(image[0]):
        plane.mul_(float(gain[channel])).add_(float(offset[channel]))
        if draw.linear is not None and levels.bounded:
            plane.clamp_(float(-mean[channel] / std[channel]), float((1 - mean[channel]) / std[channel]))


def _normalised(image: torch.Tensor, levels: Levels) -> torch.Tensor:
    std = np.where(levels.std > 0, levels.std, 1.0)
    return image.mul_(_each_channel(1 / std, image)).sub_(_each_channel(levels.mean / std, image))


def _each_channel(values: npt.NDArray[np.float64], image: torch.Tensor) -> torch.Tensor:
    """Return numbers `[C]` or `[B, C]` as a tensor `[B, C, 1, ...]` beside the image."""
    return to_device(values, image).reshape(-1, image.shape[1], *[1] * (image.ndim - 2))


def _put(target: torch.Tensor, values: torch.Tensor) -> None:
    if values.data_ptr() != target.data_ptr():
        target.copy_(values)
