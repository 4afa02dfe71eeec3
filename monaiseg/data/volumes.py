"""Opens one volume file, by nibabel or pynrrd: its values and its geometry; and fails with the file's name."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt
from nibabel.openers import Opener

from monaiseg.data._nrrd import read_nrrd, read_nrrd_header
from monaiseg.data.bounds import check_held
from monaiseg.data.cases import VOLUMES
from monaiseg.data.pictures import unreadable
from monaiseg.errors import DataError

# What they say of damaged files beside the error that they raise helps nobody.
warnings.filterwarnings("ignore", module=r"nibabel\.")
logging.getLogger("nibabel.global").setLevel(logging.CRITICAL)

Array = npt.NDArray[Any]

NRRD = ".nrrd"
_NIFTI = (nibabel.Nifti1Image, nibabel.Nifti2Image)
_CHANNELS = ("vector", "list", "RGB-color", "RGBA-color", "3-vector", "4-vector")
_LPS, _LAS = np.diag([-1.0, -1.0, 1.0, 1.0]), np.diag([-1.0, 1.0, 1.0, 1.0])
_TO_RAS = {
    "left-posterior-superior": _LPS,
    "lps": _LPS,
    "lpst": _LPS,
    "left-anterior-superior": _LAS,
    "las": _LAS,
    "last": _LAS,
}
"""From the anatomical spaces of NRRD, but for right-anterior-superior, to that, as NIfTI has it."""


@dataclass(frozen=True)
class Geometry:
    """Where a volume lies.

    Attributes:
        shape: voxels along each axis, then channels where there are several.
        affine: [4, 4], from voxels to millimetres, right-anterior-superior.
        stored_as: the type of the values in the file.
    """

    shape: tuple[int, ...]
    affine: npt.NDArray[np.float64]
    stored_as: str

    @property
    def spacing(self) -> tuple[float, ...]:
        """Millimetres from voxel to voxel along each axis."""
        return tuple(float(length) for length in np.linalg.norm(self.affine[:3, :3], axis=0))

    @property
    def spacing_text(self) -> str:
        """The spacing as 1 x 1 x 2.5."""
        return " x ".join(f"{length:g}" for length in self.spacing)

    @property
    def sound(self) -> bool:
        """Whether the header tells a place at all."""
        return bool(np.isfinite(self.affine).all()) and min(self.spacing) > 0

    @property
    def orientation(self) -> str:
        """Where the axes point, as RAS: right, anterior, superior; ??? where the header does not tell."""
        if not self.sound:
            return "???"
        return "".join(code or "?" for code in nibabel.aff2axcodes(self.affine))


def is_volume(path: str) -> bool:
    """Tell whether the file is a volume by its name."""
    return path.lower().endswith(VOLUMES)


def read_volume(path: str) -> Array:
    """Return the values `[*spatial]`, or `[*spatial, C]`, as float32; raises DataError if the file cannot be read."""
    if path.lower().endswith(NRRD):
        values, header = read_nrrd(path)
        return np.asarray(np.moveaxis(values, 0, -1) if _has_channels(header) else values, dtype=np.float32)
    image = _nifti(path)
    try:
        with np.errstate(all="ignore"):  # what overflows becomes infinite, which is told where it matters
            data: Array = np.asarray(image.dataobj, dtype=np.float32)
    except Exception as error:
        raise unreadable(path, "NIfTI", error) from error
    return data


def volume_geometry(path: str) -> Geometry:
    """Return where the volume lies, from its header; raises DataError if it cannot be read."""
    if path.lower().endswith(NRRD):
        return _nrrd_geometry(path)
    image = _nifti(path)
    return Geometry(tuple(image.shape), np.asarray(image.affine, dtype=np.float64), str(image.get_data_dtype()))


def _nifti(path: str) -> Any:
    """Return what nibabel makes of a file, without its values; nothing is read by a header that asks for too much."""
    try:
        with Opener(path) as file:
            block = file.read(_NIFTI[-1].header_class.sizeof_hdr)
        kind = next((kind for kind in _NIFTI if kind.header_class.may_contain_header(block)), None)
        if kind is None:
            raise ValueError("it does not begin as NIfTI does")  # noqa: TRY301
        header = kind.header_class(block[: kind.header_class.sizeof_hdr], check=False)
        check_held(path, header.get_data_shape(), header.get_data_dtype().itemsize, int(header.get_data_offset()))
        return kind.from_filename(path)
    except DataError:
        raise
    except Exception as error:
        raise unreadable(path, "NIfTI", error) from error


def _has_channels(header: dict[str, Any]) -> bool:
    return bool(header.get("kinds")) and header["kinds"][0] in _CHANNELS


def _nrrd_geometry(path: str) -> Geometry:
    header = read_nrrd_header(path)
    try:
        sizes = tuple(int(size) for size in header["sizes"])
        shape = (*sizes[1:], sizes[0]) if _has_channels(header) else sizes
        return Geometry(shape, _nrrd_affine(header), str(header["type"]))
    except (ValueError, IndexError) as error:
        raise unreadable(path, "NRRD", error) from error


def _nrrd_affine(header: dict[str, Any]) -> npt.NDArray[np.float64]:
    """Return the affine of a NRRD header: by its directions, else its spacings, else voxels of one millimetre."""
    affine = np.eye(4)
    directions = header.get("space directions")
    if directions is None:
        spacings = np.asarray(header.get("spacings", ()), dtype=np.float64)
        lengths = spacings[np.isfinite(spacings)][:3]
        affine[range(len(lengths)), range(len(lengths))] = lengths
        return affine
    axes = [axis[:3] for axis in np.asarray(directions, dtype=np.float64) if np.isfinite(axis).all()][:3]
    affine[: len(axes[0]), : len(axes)] = np.stack(axes, axis=1)
    origin = np.asarray(header.get("space origin", ()), dtype=np.float64)[:3]
    affine[: len(origin), 3] = np.where(np.isfinite(origin), origin, 0)
    space = str(header.get("space", "left-posterior-superior")).lower().removesuffix("-time")
    return _TO_RAS.get(space, np.eye(4)) @ affine
