"""Two small sets that share one file, as the image of one and the mask of the other, and what commands do with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from monaiseg.data import ReadCase, all_cases, image_shape
from monaiseg.data.checking import check_data

Named = tuple[str, bytes]


def sets_of(root: Path, name: str, image: Named, mask: Named) -> Path:
    """Write the sets `as_image` and `as_mask`, and return the path of the file that they share, which is to be written.

    Args:
        root: where.
        name: of the file that they share; what stands beside it is called by its stem.
        image: what it is the mask of, as name and content; `mask`: the mask of it.
    """
    shared = root / "as_image" / "images" / name
    for folder in ("as_image/images", "as_image/masks", "as_mask/images", "as_mask/masks"):
        (root / folder).mkdir(parents=True)
    (root / "as_image" / "masks" / mask[0]).write_bytes(mask[1])
    (root / "as_mask" / "images" / image[0]).write_bytes(image[1])
    (root / "as_mask" / "masks" / name).symlink_to(shared)
    return shared


def read(root: Path, classes: str | Mapping[str, Any] = "auto") -> None:
    """Read a set as a training and an evaluation do."""
    cases = all_cases(str(root), "images_masks", classes)
    for case in cases.validation:
        channels, size = image_shape(case)
        ReadCase(len(size), channels, len(cases.classes), cases.classes)(case)


def uses_of(root: Path, classes: Mapping[str, Any]) -> list[Callable[[], object]]:
    """Return what is done by turns; what takes longest is done least."""
    image, mask = (root / name for name in ("as_image", "as_mask"))
    often = [partial(read, image, classes), partial(read, mask, classes)] * 10
    return [*often, partial(read, mask), *often, partial(check_data, image), *often, partial(check_data, mask)]
