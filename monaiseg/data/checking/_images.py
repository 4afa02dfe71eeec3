"""Looks at the image of a case: how it is stored, what it shows, and whether its intensities can be meant."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from monaiseg.data.cases import Case, images_of
from monaiseg.data.checking._facts import CaseFacts, ImageFacts
from monaiseg.data.looks import look, look_of
from monaiseg.data.pictures import needs_tifffile, open_picture, picture_mode
from monaiseg.data.volumes import Geometry, is_volume, read_volume, volume_geometry
from monaiseg.errors import DataError

Array = npt.NDArray[Any]

LOOKED_AT = 50_000
"""So many values of an image tell its percentiles."""

TINY = float(np.finfo(np.float32).tiny)

SPIKE = 50
"""Values this many times farther out than 99.8 % of the image spans are no anatomy."""


def look_at_image(facts: CaseFacts) -> Array:
    """Fill in the facts of the image and return its pixels as stored, `[*spatial]` or `[*spatial, C]`.

    Raises:
        DataError: a file cannot be read.
    """
    files = images_of(facts.case)
    pixels = [_pixels(file) for file in files]
    first = pixels[0]
    volume = is_volume(files[0])
    geometry = volume_geometry(files[0]) if volume else None
    finite = all(np.isfinite(one).all() for one in pixels)
    digest = hashlib.blake2b(str(first.shape).encode(), digest_size=16)
    for one in pixels:
        digest.update(np.ascontiguousarray(one).tobytes())
    facts.image = ImageFacts(
        size=first.shape[: _axes(geometry, first)],
        stored=geometry.stored_as if geometry else picture_mode(files[0]),
        suffix=Path(files[0]).suffix.lower() if not files[0].endswith(".nii.gz") else ".nii.gz",
        low=float(np.nanmin(first)),
        high=float(np.nanmax(first)),
        digest=digest.digest(),
        colour=not volume and _has_colour(first),
        transparent=not volume and _is_transparent(first),
        by_tifffile=not volume and needs_tifffile(files[0]),
        spacing=geometry.spacing if geometry else None,
        orientation=geometry.orientation if geometry else None,
    )
    if finite:
        facts.image.look = _look(facts.case, pixels)
    if not finite:
        facts.fault("error", "not_finite", files[0], "holds values that are not finite; mend or remove it")
    elif facts.image.low == facts.image.high:
        facts.fault("warning", "constant", files[0], f"holds nothing but {facts.image.low:g}; is it the right file?")
    else:
        _look_for_spikes(facts, files[0], first)
    if geometry is not None:
        _look_at_geometry(facts, files[0], geometry)
    return first


def _pixels(file: str) -> Array:
    return read_volume(file) if is_volume(file) else np.asarray(open_picture(file))


def _look(case: Case, pixels: list[Array]) -> Array | None:
    """Return the look of a case from its pixels where these are as training reads them, else from its files."""
    first = pixels[0]
    if len(pixels) == 1 and first.dtype == np.uint8 and not is_volume(images_of(case)[0]):
        if first.ndim == 3 and first.shape[-1] in (3, 4):
            return look(np.moveaxis(first[..., :3], -1, 0))
    elif len(pixels) == 1 and first.ndim == 3:
        return look(first[None])
    try:
        return look_of(case)
    except DataError:
        return None  # what is wrong with it is told elsewhere


def _axes(geometry: Geometry | None, pixels: Array) -> int:
    return 2 if geometry is None else min(3, pixels.ndim)


def _has_colour(pixels: Array) -> bool:
    return pixels.ndim == 3 and pixels.shape[-1] >= 3 and bool((pixels[..., :3] != pixels[..., :1]).any())


def _is_transparent(pixels: Array) -> bool:
    has_alpha = pixels.ndim == 3 and pixels.shape[-1] in (2, 4)
    return has_alpha and bool((pixels[..., -1] != np.iinfo(pixels.dtype).max).any())


def _look_for_spikes(facts: CaseFacts, file: str, pixels: Array) -> None:
    if pixels.dtype in (np.uint8, np.bool_):
        return
    values = pixels.reshape(-1)
    low, high = map(float, np.percentile(values[:: max(1, values.size // LOOKED_AT)], (0.1, 99.9)))
    span = max(high - low, TINY)
    out = max(float(values.max()) - high, low - float(values.min()))
    if out > SPIKE * span:
        facts.fault(
            "warning",
            "intensity",
            file,
            f"has values from {values.min():g} to {values.max():g}, but 99.8 % of them lie in {low:g} to {high:g}; "
            "mend the rest, or clip them",
        )


def _look_at_geometry(facts: CaseFacts, file: str, geometry: Geometry) -> None:
    spacing = geometry.spacing
    if not np.isfinite(geometry.affine).all() or min(spacing) <= 0:
        facts.fault("error", "spacing", file, f"has a spacing of {_lengths(spacing)} mm; mend its header")


def _lengths(spacing: tuple[float, ...]) -> str:
    return " x ".join(f"{length:g}" for length in spacing)
