"""The steps from a case to tensors: ours for reading and normalising, MONAI's for all that moves and changes pixels."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from monai.transforms import Transform
from monai.utils import convert_to_tensor
from scipy.ndimage import gaussian_filter
from torch.nn import functional as F

from monaiseg.data.cases import Case, images_of
from monaiseg.data.classes import FOREGROUND, Classes
from monaiseg.data.labels import read_instances, read_label
from monaiseg.data.looks import look
from monaiseg.data.reading import check_fit, read_image
from monaiseg.data.spacing import image_spacing, respaced_size
from monaiseg.errors import DataError

logger = logging.getLogger("monaiseg")

LABELS = ("label", "instances")
"""What is resized with an image, where a case has it."""


class ReadCase(Transform):
    """Read a case: `image` [C, *S], `label` [K, *S], `mean` and `std` [C], `size` and `spacing` [axes], `id`, `look`.

    Where asked for, `instances` [K, *S] int32 has an id for each object of each class, as `read_instances` tells them.

    The image keeps its type (uint8 for 8-bit pictures), so that a cache of it stays small; `mean` and `std` are those
    of the whole image, for `NormaliseCase`; the look of the image is for `CaseDataset`. Size and spacing (millimetres a
    voxel, of pictures 1) are those of the files. A case without label files gets no label.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels of the image.
        out_channels: label channels that each case must have.
        classes: what they are, and how the label files tell them.
        instances: whether objects are to be told apart.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        classes: Classes | None = None,
        instances: bool = False,
    ) -> None:
        self.spatial_dims = spatial_dims
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.classes = classes or FOREGROUND
        self.instances = instances
        self._told = False

    def __call__(self, case: Case) -> dict[str, Any]:
        """Return the arrays of the case as tensors."""
        image = read_image(case["image"], self.spatial_dims, self.in_channels)
        axes = tuple(range(1, image.ndim))
        item: dict[str, Any] = {
            "image": torch.from_numpy(image),
            "mean": torch.from_numpy(image.mean(axes, dtype=np.float64)).float(),
            "std": torch.from_numpy(image.std(axes, dtype=np.float64)).float(),
            "id": case["id"],
            "size": torch.tensor(image.shape[1:]),
            "spacing": torch.tensor(image_spacing(case, self.spatial_dims)),
            "look": torch.from_numpy(look(image)),
        }
        if case["label"]:
            label = self._label(case, image)
            item["label"] = torch.from_numpy((label != 0).astype(np.uint8) if self.instances else label)
            if self.instances:
                item["instances"] = torch.from_numpy(label)
        return item

    def _label(self, case: Case, image: Any) -> Any:
        """Return the label, or the ids of objects where they are asked for."""
        read = read_instances if self.instances else read_label
        label, had_edges = read(case, self.spatial_dims, self.classes)
        check_fit(case, image, label)
        if len(label) != self.out_channels:
            raise DataError(
                f"{images_of(case)[0]}: has masks of {len(label)} classes; set --out_channels {len(label)}", "classes"
            )
        if had_edges and not self._told:
            self._told = True
            logger.warning("%s: mask has grey edges; such masks are thresholded at 127 (told once)", images_of(case)[0])
        return label


class ResizeCase(Transform):
    """Resize the image linearly, and the label if asked to by nearest neighbour; 8-bit images stay so, rounded.

    The `spacing` of a volume follows its label; the pixels of pictures count as squares however they are stretched.

    Args:
        size: the new size.
        label: whether the label is resized too, and the objects where there are any.
    """

    def __init__(self, size: Sequence[int], label: bool) -> None:
        self.size = tuple(size)
        self.label = label

    def __call__(self, item: dict[str, Any]) -> dict[str, Any]:
        """Return the item with its image `[C, *size]`, of the type it had, and label `[K, *size]`."""
        before = tuple(item["image"].shape[1:])
        if before == self.size:
            return item
        image = resized(item["image"].float(), self.size)
        changed = {"image": image.round_().clamp_(0, 255).byte() if item["image"].dtype == torch.uint8 else image}
        labels = {key: nearest(item[key], self.size) for key in LABELS if self.label and key in item}
        if self.label and len(before) == 3:
            labels["spacing"] = item["spacing"] * torch.tensor(before) / torch.tensor(self.size)
        return item | changed | labels


class RespaceCase(Transform):
    """Resample the image linearly to a spacing, and the label where it is asked to, as `respaced_label` does.

    Objects keep their ids, by nearest neighbour, and the label is where they are. `spacing` is then the new one too;
    without the label it stays that of the case, as `size` always does.

    Args:
        spacing: the new spacing, millimetres a voxel along each axis.
        label: whether the label is resampled too.
    """

    def __init__(self, spacing: Sequence[float], label: bool) -> None:
        self.spacing = tuple(spacing)
        self.label = label

    def __call__(self, item: dict[str, Any]) -> dict[str, Any]:
        """Return the item with its image `[C, *size]` and label `[K, *size]` of the size that the spacing gives."""
        size = respaced_size(item["image"].shape[1:], item["spacing"].tolist(), self.spacing)
        if size == tuple(item["image"].shape[1:]):
            return item
        changed = {"image": resized(item["image"].float(), size)}
        if self.label and "instances" in item:
            changed["instances"] = nearest(item["instances"], size)
            changed["label"] = (changed["instances"] > 0).byte()
        elif self.label:
            changed["label"] = respaced_label(item["label"], size)
        if self.label:
            changed["spacing"] = torch.tensor(self.spacing)
        return item | changed


def respaced_label(label: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Return a label `[K, *spatial]` of 0 and 1 resampled linearly to `size`: a class is where it is above a half.

    Where no two classes share a voxel, each voxel is of the class or the background that it has most of: where three
    meet none may have a half, which would leave a seam of background. A tie goes to the first class.
    """
    if label.sum(0).max() > 1:
        return (resized(label.float(), size) > 0.5).byte()
    background = 1 - label.sum(0, keepdim=True)
    most = resized(torch.cat([label, background]).float(), size).numpy().argmax(0)
    return torch.from_numpy(np.stack([most == channel for channel in range(len(label))])).byte()


def resized(values: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Return `values` `[C, *spatial]`, float32, resized linearly to `size`, smoothed before along axes that shrink.

    Edges are continued, where MONAI's Resize smooths zeros into them.
    """
    shrinking = np.array(values.shape[1:]) / np.array(size)
    sigma = (0.0, *np.maximum(0, (shrinking - 1) / 2))
    smooth = torch.from_numpy(gaussian_filter(values.numpy(), sigma, mode="nearest")) if any(sigma) else values
    mode = "bilinear" if values.ndim == 3 else "trilinear"
    return F.interpolate(smooth[None], size=tuple(size), mode=mode, align_corners=False)[0]


def nearest(labels: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Return labels `[K, *spatial]` of any whole numbers up to 2^24 at `size`, each the nearest of what was there."""
    return F.interpolate(labels[None].float(), size=tuple(size), mode="nearest-exact")[0].to(labels.dtype)


class NormaliseCase(Transform):
    """Shift and scale each channel of the image to mean 0 and standard deviation 1 of the whole case, as float32."""

    def __call__(self, item: dict[str, Any]) -> dict[str, Any]:
        """Return the item with its image `[C, *spatial]` normalised, `mean` and `std` used up."""
        image = convert_to_tensor(item["image"], dtype=torch.float32, track_meta=False)
        shape = (-1, *[1] * (image.ndim - 1))
        std = item["std"].reshape(shape)
        normalised = (image - item["mean"].reshape(shape)) / torch.where(std > 0, std, torch.ones_like(std))
        return {key: value for key, value in item.items() if key not in ("mean", "std")} | {"image": normalised}
