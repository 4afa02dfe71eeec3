"""Small sets of every kind that a conversion may start from: each function fills a folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

Array = npt.NDArray[Any]

CASES = 3
FLAT, DEEP = (20, 30), (6, 7, 8)
AFFINE = np.array([[-1.0, 0, 0, 5], [0, 2, 0, -4], [0, 0, 3, 7], [0, 0, 0, 1]])


def pixels(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).integers(0, 255, shape, np.uint8)


def voxels(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def boxes(seed: int, shape: tuple[int, ...], values: tuple[int, ...]) -> Array:
    """A label with a slab of each value, one after the other along the second axis."""
    label = np.zeros(shape, np.uint8)
    for number, value in enumerate(values):
        label[1 + seed : 4 + seed, 2 * number : 2 * number + 2] = value
    return label


def save(path: Path, values: Array) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.name.endswith((".nii", ".nii.gz")):
        nibabel.save(nibabel.Nifti1Image(values, AFFINE), path)
    elif path.suffix == ".nrrd":
        import nrrd

        axes = {"space directions": (np.diag([-1.0, -1, 1]) @ AFFINE[:3, :3]).T}
        origin = {"space origin": np.array([-1.0, -1, 1]) * AFFINE[:3, 3]}
        nrrd.write(str(path), values, {"space": "left-posterior-superior", **axes, **origin})
    elif path.suffix == ".tif":
        tifffile.imwrite(path, values, byteorder=">")
    else:
        Image.fromarray(values).save(path)


def pairs(
    folder: Path,
    images: Callable[[int], Array],
    labels: Callable[[int], Array],
    suffixes: tuple[str, str] = (".png", ".png"),
    names: tuple[str, str] = ("images/{}", "masks/{}"),
) -> None:
    for n in range(CASES):
        for name, suffix, values in zip(names, suffixes, (images(n), labels(n)), strict=True):
            save(folder / f"{name.format(f'c{n}')}{suffix}", values)


def two_valued(folder: Path) -> None:
    pairs(folder, lambda n: pixels(n, *FLAT, 3), lambda n: boxes(n, FLAT, (255,)), (".jpg", ".png"))


def grey_pictures(folder: Path) -> None:
    pairs(folder, lambda n: pixels(n, *FLAT), lambda n: boxes(n, FLAT, (255,)))


def alpha_pictures(folder: Path) -> None:
    pairs(folder, lambda n: pixels(n, *FLAT, 4), lambda n: boxes(n, FLAT, (255,)))


def deep_pictures(folder: Path) -> None:
    """16 bits, most significant byte first."""
    images = lambda n: pixels(n, *FLAT).astype(np.uint16) * 200  # noqa: E731
    pairs(folder, images, lambda n: boxes(n, FLAT, (255,)), (".tif", ".png"))


def float_pictures(folder: Path) -> None:
    pairs(folder, lambda n: 1000 * voxels(n, *FLAT), lambda n: boxes(n, FLAT, (255,)), (".tif", ".png"))


def class_folders(folder: Path) -> None:
    for value, name in enumerate(("polyp", "tool"), start=1):
        label = lambda n, value=value: np.uint8(255) * (boxes(n, FLAT, (1, 2)) == value)  # noqa: E731
        pairs(folder, lambda n: pixels(n, *FLAT, 3), label, names=("images/{}", f"masks/{name}/{{}}"))


def overlapping_folders(folder: Path) -> None:
    for name, values in (("polyp", (255,)), ("tool", (255, 255))):
        label = lambda n, values=values: boxes(n, FLAT, values)  # noqa: E731
        pairs(folder, lambda n: pixels(n, *FLAT, 3), label, names=("images/{}", f"masks/{name}/{{}}"))


def colours(folder: Path) -> None:
    palette = np.array([(0, 0, 0), (255, 0, 0), (0, 200, 0)], np.uint8)
    pairs(folder, lambda n: pixels(n, *FLAT, 3), lambda n: palette[boxes(n, FLAT, (1, 2))])
    (folder / "class_dict.csv").write_text("name,r,g,b\npolyp,255,0,0\ntool,0,200,0\n")


def colours_on_white(folder: Path) -> None:
    palette = np.array([(255, 255, 255), (255, 0, 0), (0, 0, 0)], np.uint8)
    pairs(folder, lambda n: pixels(n, *FLAT, 3), lambda n: palette[boxes(n, FLAT, (1, 2))])
    (folder / "class_dict.csv").write_text("name,r,g,b\nbackground,255,255,255\npolyp,255,0,0\ntool,0,0,0\n")


def _valued(folder: Path, values: tuple[int, ...], table: dict[str, Any]) -> None:
    pairs(folder, lambda n: pixels(n, *FLAT, 3), lambda n: boxes(n, FLAT, values))
    (folder / "classes.json").write_text(json.dumps(table))


def values_with_gaps(folder: Path) -> None:
    _valued(folder, (1, 3), {"a": 1, "b": 3})


def named_classes(folder: Path) -> None:
    _valued(folder, (1, 2), {"tumour": 1, "liver": 2})


def one_named_class(folder: Path) -> None:
    _valued(folder, (255,), {"polyp": 255})


def unnamed_values(folder: Path) -> None:
    pairs(folder, lambda n: pixels(n, *FLAT, 3), lambda n: boxes(n, FLAT, (1, 2)))


def _volumes(folder: Path, suffix: str, shape: tuple[int, ...] = DEEP) -> None:
    pairs(folder, lambda n: voxels(n, *shape), lambda n: boxes(n, shape[:3], (1, 2)), (suffix, suffix))
    (folder / "classes.json").write_text(json.dumps({"head": 1, "tail": 2}))


def nifti(folder: Path) -> None:
    _volumes(folder, ".nii.gz")


def nifti_plain(folder: Path) -> None:
    _volumes(folder, ".nii")


def nrrd_volumes(folder: Path) -> None:
    _volumes(folder, ".nrrd")


def one_slice(folder: Path) -> None:
    _volumes(folder, ".nii.gz", (*FLAT, 1))


def four_axes(folder: Path) -> None:
    _volumes(folder, ".nii.gz", (*DEEP, 3))


def _channels(folder: Path, suffix: str, image: Callable[[int], Array], label: Callable[[int], Array]) -> None:
    for channel in range(2):
        at = (f"imagesTr/{{}}_{channel:04d}", "labelsTr/{}")
        pairs(folder, lambda n, c=channel: image(10 * c + n), label, (suffix, suffix), at)
    labels = {"background": 0, "head": 1, "tail": 2}
    names = {"0": "CT", "1": "PET"}
    (folder / "dataset.json").write_text(json.dumps({"labels": labels, "channel_names": names}))


def several_pictures(folder: Path) -> None:
    _channels(folder, ".png", lambda n: pixels(n, *FLAT), lambda n: boxes(n, FLAT, (1, 2)))


def several_volumes(folder: Path) -> None:
    _channels(folder, ".nii.gz", lambda n: voxels(n, *DEEP), lambda n: boxes(n, DEEP, (1, 2)))


def _regions(folder: Path, regions: dict[str, list[int]]) -> None:
    at = ("imagesTr/{}_0000", "labelsTr/{}")
    volumes = (".nii.gz", ".nii.gz")
    pairs(folder, lambda n: voxels(n, *DEEP), lambda n: boxes(n, DEEP, (1, 2, 4)), volumes, at)
    (folder / "dataset.json").write_text(json.dumps({"labels": {"background": 0, **regions}}))


def regions(folder: Path) -> None:
    """The smaller one first, and values with a gap."""
    _regions(folder, {"core": [2, 4], "whole": [1, 2, 4]})


def crossing_regions(folder: Path) -> None:
    _regions(folder, {"a": [1, 2], "b": [2, 4]})


def grouped_list(folder: Path) -> None:
    two_valued(folder / "files")
    rows = [f"files/images/c{n}.jpg,files/masks/c{n}.png,patient{n // 2}" for n in range(CASES)]
    (folder / "some.csv").write_text("\n".join(["image,label,group", *rows]))


def split_set(folder: Path) -> None:
    for part in ("train", "val", "test"):
        pairs(folder / part, lambda n: pixels(n, *FLAT, 3), lambda n: boxes(n, FLAT, (255,)))
        for file in (folder / part).glob("*/*"):
            file.rename(file.with_name(f"{part}-{file.name}"))


def split_list(folder: Path) -> None:
    for part in ("train", "val"):
        two_valued(folder / part)
    cases = [(part, n) for n in range(CASES) for part in ("val", "train")]
    rows = [f"{part}-{n},{part}/images/c{n}.jpg,{part}/masks/c{n}.png,{part}" for part, n in cases]
    (folder / "some.csv").write_text("\n".join(["id,image,label,split", *rows]))


def nuclei(folder: Path) -> None:
    """The last case has one nucleus; those of the others touch."""
    for n, count in enumerate((3, 2, 1)):
        save(folder / f"c{n}" / "images" / f"c{n}.png", pixels(n, *FLAT, 4))
        for k in range(count):
            save(folder / f"c{n}" / "masks" / f"{k}.png", np.uint8(255) * (boxes(n, FLAT, (1, 2, 3)) == k + 1))
