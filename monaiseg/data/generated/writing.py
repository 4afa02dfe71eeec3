"""The kinds of set that can be generated, and how one is written as a folder of images and masks."""

from __future__ import annotations

import io
from pathlib import Path
from typing import NamedTuple, Protocol

from PIL import Image

from monaiseg._files import make_folder, write_bytes
from monaiseg.data.generated._fields import Pixels
from monaiseg.data.generated.nuclei import generate_nuclei, generate_numbered_nuclei
from monaiseg.data.generated.polyps import generate_polyps
from monaiseg.errors import ConfigError, suggest


class CaseGenerator(Protocol):
    """What draws one kind of case."""

    def __call__(self, seed: int, size: int = 128) -> tuple[Pixels, Pixels]:
        """Return an image uint8 [size, size, 3] and its mask uint8 [size, size], of 0 and 255 or of ids."""


class GeneratedKind(NamedTuple):
    """How one case is generated; the version moves when the same seed gives other pixels.

    `numbered` gives the same image with an id for each object in place of the mask, where objects are told apart.
    """

    generate: CaseGenerator
    version: int
    numbered: CaseGenerator | None = None


GENERATED: dict[str, GeneratedKind] = {
    "nuclei": GeneratedKind(generate_nuclei, version=1, numbered=generate_numbered_nuclei),
    "polyps": GeneratedKind(generate_polyps, version=1),
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
    """Write images uint8 [128, 128, 3] and masks uint8 [128, 128] as folder/images|masks/<kind>_NNN.png; return folder.

    Image i comes from seed i. A file that is already there is left alone, whatever it holds.

    Args:
        instances: write an id for each object into the masks.

    Raises:
        ConfigError: there is no such kind, or its objects are not told apart.
        OutputError: the folder cannot be written to.
    """
    made = generated_kind(kind)
    generate = made.numbered if instances else made.generate
    if generate is None:
        raise ConfigError(f"classes is instances; the objects of generated {kind} are not told apart, set it to auto")
    for sub in ("images", "masks"):
        make_folder(folder / sub)
    for seed in range(cases):
        paths = [folder / sub / f"{kind}_{seed:03d}.png" for sub in ("images", "masks")]
        if all(path.exists() for path in paths):
            continue
        for path, pixels in zip(paths, generate(seed), strict=True):
            if not path.exists():
                buffer = io.BytesIO()
                Image.fromarray(pixels).save(buffer, "PNG")
                write_bytes(path, buffer.getvalue())
    return folder
