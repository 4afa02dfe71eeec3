"""Looks at the image of a case: how it is stored, what it shows, and whether its intensities can be meant."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from monaiseg.data.cases import Case, images_of
from monaiseg.data.checking._facts import CaseFacts, Fault, ImageFacts
from monaiseg.data.looks import look, look_of
from monaiseg.data.pictures import needs_tifffile, open_picture, picture_mode
from monaiseg.data.placement import misplaced
from monaiseg.data.reading import image_shape, size_text
from monaiseg.data.volumes import Geometry, is_volume, read_volume, volume_geometry
from monaiseg.errors import DataError

Array = npt.NDArray[Any]

SAMPLED = 50_000
"""So many values of a channel tell its percentiles."""

SPIKE = 50
"""Values this many times farther out than 99.8 % of a channel span are no anatomy."""

ALPHA = {"LA": 2, "PA": 2, "RGBA": 4}
"""Channels of Pillow's modes of which the last one is alpha."""


def look_at_image(facts: CaseFacts) -> None:
    """Fill in the facts of the image; faults of its values and headers are added.

    Raises:
        DataError: a file cannot be read.
    """
    files = images_of(facts.case)
    pixels = [_pixels(file) for file in files]
    geometry = volume_geometry(files[0]) if is_volume(files[0]) else None
    facts.image = _facts(facts.case, pixels, geometry)
    axes = len(facts.image.size)
    for file, values in zip(files, pixels, strict=True):
        _look_at_values(facts, file, values, axes)
    for file, values in zip(files[1:], pixels[1:], strict=True):
        _compare_channels(facts, file, values)
    if geometry is not None and not geometry.sound:
        told = f"its spacing is {geometry.spacing_text} mm; mend its header"
        facts.fault("error", "spacing", files[0], told)
    if not any(fault.severity == "error" for fault in facts.faults):
        facts.image.look = _look(facts, pixels)


def _pixels(file: str) -> Array:
    return read_volume(file) if is_volume(file) else np.asarray(open_picture(file))


def _facts(case: Case, pixels: list[Array], geometry: Geometry | None) -> ImageFacts:
    file, first = images_of(case)[0], pixels[0]
    channels, size = image_shape(case)
    digest = hashlib.blake2b(digest_size=16)
    for values in pixels:
        digest.update(f"{values.shape}{values.dtype}".encode())
        digest.update(np.ascontiguousarray(values).tobytes())
    return ImageFacts(
        size=size,
        channels=channels,
        stored=geometry.stored_as if geometry else picture_mode(file),
        suffix=".nii.gz" if file.lower().endswith(".nii.gz") else Path(file).suffix.lower(),
        low=min(_extremes(values)[0] for values in pixels),
        high=max(_extremes(values)[1] for values in pixels),
        digest=digest.digest(),
        colour=geometry is None and _has_colour(file, first),
        transparent=geometry is None and _is_transparent(file, first),
        by_tifffile=geometry is None and needs_tifffile(file),
        geometry=geometry,
    )


def _extremes(values: Array) -> tuple[float, float]:
    """Return the least and the largest value that is finite; 0 where none is."""
    least, most = float(values.min()), float(values.max())
    if not np.isfinite([least, most]).all():
        finite = values[np.isfinite(values)]
        return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    return least, most


def _has_colour(file: str, pixels: Array) -> bool:
    if picture_mode(file) == "P":
        pixels = np.asarray(open_picture(file).convert("RGB"))
    return pixels.ndim == 3 and pixels.shape[-1] >= 3 and bool((pixels[..., :3] != pixels[..., :1]).any())


def _is_transparent(file: str, pixels: Array) -> bool:
    has_alpha = pixels.ndim == 3 and ALPHA.get(picture_mode(file)) == pixels.shape[-1]
    return has_alpha and bool((pixels[..., -1] != np.iinfo(pixels.dtype).max).any())


def _look_at_values(facts: CaseFacts, file: str, values: Array, axes: int) -> None:
    """Add what is wrong with the values of a file `[*spatial]` or `[*spatial, C]`."""
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        facts.fault("error", "not_finite", file, "holds values that are not finite; mend or remove it")
        return
    least, most = values.min(), values.max()
    if least == most:
        facts.fault("warning", "constant", file, f"holds nothing but {float(least):g}; is it the right file?")
    elif values.dtype not in (np.uint8, np.bool_):
        channels = [values] if values.ndim == axes else np.moveaxis(values, -1, 0)
        spike = next((told for channel in channels if (told := _spike(channel))), None)
        if spike:
            facts.fault("warning", "intensity", file, spike)


def _spike(channel: Array) -> str:
    """Return what is to be told of a channel with values far outside all others, else nothing."""
    values = channel.reshape(-1)
    drawn = np.random.default_rng(0).integers(0, values.size, SAMPLED) if values.size > SAMPLED else slice(None)
    low, high = map(float, np.percentile(values[drawn], (0.1, 99.9)))
    least, most = float(values.min()), float(values.max())
    if high == low or max(most - high, low - least) <= SPIKE * (high - low):
        return ""  # of a picture that is empty but for a few spots, nothing is far outside
    return (
        f"has values from {least:g} to {most:g}, but 99.8 % of them lie in {low:g} to {high:g}; mend the rest, or clip "
        "them"
    )


def _compare_channels(facts: CaseFacts, file: str, values: Array) -> None:
    """Add what keeps one of several image files from being a channel beside the first one."""
    image = facts.image
    assert image is not None
    size = values.shape[: len(image.size)]
    if size != image.size:
        told = f"is {size_text(size)}, the case's first image is {size_text(image.size)}; make them equal"
        facts.fault("error", "size", file, told)
    elif image.geometry is not None and is_volume(file):
        found = misplaced(image.geometry, volume_geometry(file))
        if found is not None:
            facts.fault(found.severity, found.kind, file, found.message)


def _look(facts: CaseFacts, pixels: list[Array]) -> Array | None:
    """Return the look of a case from its pixels where these are as training reads them, else from its files."""
    first = pixels[0]
    if len(pixels) == 1 and first.dtype == np.uint8 and not is_volume(images_of(facts.case)[0]):
        if first.ndim == 3 and first.shape[-1] == 3:
            return look(np.moveaxis(first, -1, 0))
        if first.ndim == 3 and picture_mode(images_of(facts.case)[0]) == "RGBA":
            return look(np.moveaxis(first[..., :3], -1, 0))
    elif len(pixels) == 1 and first.ndim == 3 and len(facts.image.size if facts.image else ()) == 3:
        return look(first[None])
    try:
        return look_of(facts.case)
    except DataError as error:
        facts.faults.append(Fault.of(error))
        return None
