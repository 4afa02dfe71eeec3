"""The kinds of set that can be generated, and how one is written as a folder of images and labels."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from monaiseg._files import make_folder, write_bytes
from monaiseg.data.generated.nuclei import generate_nuclei, generate_numbered_nuclei
from monaiseg.data.generated.polyps import generate_polyps
from monaiseg.data.generated.structures import CLASSES, generate_structure
from monaiseg.data.writing import PICTURE, VOLUME, encode_picture, encode_volume
from monaiseg.errors import ConfigError, suggest

Array = npt.NDArray[Any]


class GeneratedKind(NamedTuple):
    """How one case is generated.

    Attributes:
        generate: from a seed to an image and its label. Pictures: uint8 [128, 128, 3], and a mask uint8 [128, 128] of 0
            and 255; volumes: float32 or int16 [D, H, W], and uint8 [D, H, W], 0 or the number of a class.
        version: moves when the same seed gives other pixels.
        classes: of volumes, the names of the classes from 1; none for pictures.
        numbered: the same image with an id for each object in place of the mask, where objects are told apart.
    """

    generate: Callable[[int], tuple[Array, Array]]
    version: int
    classes: tuple[str, ...] = ()
    numbered: Callable[[int], tuple[Array, Array]] | None = None


GENERATED: dict[str, GeneratedKind] = {
    "nuclei": GeneratedKind(generate_nuclei, version=1, numbered=generate_numbered_nuclei),
    "polyps": GeneratedKind(generate_polyps, version=1),
    "structures": GeneratedKind(generate_structure, version=1, classes=CLASSES),
}


def generated_kind(name: str) -> GeneratedKind:
    """Return the kind of that name.

    Raises:
        ConfigError: there is none.
    """
    if not isinstance(name, str) or name not in GENERATED:
        raise ConfigError(f"generated is {name!r}, a set that nothing generates{suggest(str(name), GENERATED)}")
    return GENERATED[name]


def write_generated(kind: str, folder: Path, cases: int = 60, instances: bool = False) -> Path:
    """Write a set and return its folder: pictures as images|masks/<kind>_NNN.png, volumes as the Decathlon has them.

    Case i comes from seed i. A file that is already there is left alone, whatever it holds.

    Args:
        instances: write an id for each object into the masks.

    Raises:
        ConfigError: there is no such kind, or its objects are not told apart.
        OutputError: the folder cannot be written to.
    """
    made = generated_kind(kind)
    classes, generate = made.classes, made.numbered if instances else made.generate
    if generate is None:
        raise ConfigError(f"classes is instances; the objects of generated {kind} are not told apart, set it to auto")
    ending = VOLUME if classes else PICTURE
    folders = [make_folder(folder / sub) for sub in (("imagesTr", "labelsTr") if classes else ("images", "masks"))]
    if classes and not (folder / "dataset.json").exists():
        write_bytes(folder / "dataset.json", _facts(kind, classes).encode())
    for seed in range(cases):
        paths = [sub / f"{kind}_{seed:03d}{ending}" for sub in folders]
        if all(path.exists() for path in paths):
            continue
        for path, values in zip(paths, generate(seed), strict=True):
            if not path.exists():
                write_bytes(path, encode_volume(values, np.eye(4)) if classes else encode_picture(values))
    return folder


def _facts(kind: str, classes: tuple[str, ...]) -> str:
    """Return what a `dataset.json` of the Decathlon says of the classes."""
    labels = {str(value): name for value, name in enumerate(("background", *classes))}
    return json.dumps({"name": f"generated {kind}", "modality": {"0": "MRI"}, "labels": labels}, indent=2) + "\n"
