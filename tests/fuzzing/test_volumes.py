"""Damaged volumes, as images and as labels, end well or in one line."""

from __future__ import annotations

import gzip
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel
import nrrd
import numpy as np
import pytest
from fuzzing.guarding import Change, fuzz
from fuzzing.mutations import Random, damaged
from fuzzing.sets import sets_of, uses_of

LABEL = (np.indices((6, 5, 4)).sum(0) > 7).astype(np.uint8)
IMAGE = np.random.default_rng(0).normal(0, 100, (6, 5, 4))


def nifti(values: Any, kind: Any = nibabel.Nifti1Image, slope: float | None = None, endian: str = "<") -> bytes:
    header = kind.header_class(endianness=endian)
    header.set_data_dtype(values.dtype)
    volume = kind(values, np.diag([1, 1, 2.5, 1]), header)
    volume.header.set_slope_inter(slope, 0 if slope else None)
    return bytes(volume.to_bytes())


def nrrd_file(values: Any, encoding: str, **header: Any) -> bytes:
    buffer = io.BytesIO()
    nrrd.write(buffer, values, {"encoding": encoding, **header})
    return buffer.getvalue()


NIFTI = [
    nifti(LABEL),
    nifti(IMAGE.astype(np.int16), slope=0.5),
    nifti(IMAGE.astype(np.float32), nibabel.Nifti2Image),
    nifti(np.stack([IMAGE, IMAGE], -1).astype(np.float32), endian=">"),
]
PLACE = {"space": "left-posterior-superior", "space directions": np.diag([1, 1, 2.5]), "space origin": np.zeros(3)}
NRRD = [
    *(nrrd_file(LABEL, encoding) for encoding in ("raw", "gzip", "bzip2", "ascii")),
    nrrd_file(IMAGE.astype(np.float32), "gzip", **PLACE),
    nrrd_file(np.stack([LABEL, LABEL]), "raw", kinds=["vector", "domain", "domain", "domain"]),
    nrrd_file(LABEL, "raw").replace(
        b"encoding: raw", b"encoding: raw\ndata file: ./a.raw\nline skip: 1\nbyte skip: -1"
    ),
]


def zipped(random: Random, seeds: Sequence[bytes]) -> bytes:
    """Return a compressed file of which the content, or else the file itself, is damaged."""
    if random.random() < 0.7:
        return gzip.compress(damaged(random, seeds), 1, mtime=0)
    return damaged(random, [gzip.compress(seed, mtime=0) for seed in seeds])


@pytest.mark.parametrize(
    ("suffix", "seeds", "change"),
    [(".nii", NIFTI, damaged), (".nii.gz", NIFTI, zipped), (".nrrd", NRRD, damaged)],
    ids=["nii", "nii.gz", "nrrd"],
)
def test_damaged_volumes(suffix: str, seeds: list[bytes], change: Change, tmp_path: Path) -> None:
    beside = [("a.nii", nifti(values)) for values in (IMAGE.astype(np.float32), LABEL)]
    shared = sets_of(tmp_path, f"a{suffix}", *beside)
    fuzz(suffix, shared, seeds, change, uses_of(tmp_path, {"organ": 1}), tmp_path)
