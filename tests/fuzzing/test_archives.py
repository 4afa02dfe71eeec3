"""Damaged archives are unpacked into their folder, or refused in one line."""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
import zipfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
from fuzzing.guarding import fuzz
from fuzzing.mutations import Random, damaged

from monaiseg.data._unpacking import is_archive, unpack

FILES = {"a.txt": b"one", "set/b.txt": b"two" * 20, "set/" + "n" * 99: b""}


def zipped(how: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", how) as archive:
        for name, content in FILES.items():
            archive.writestr(zipfile.ZipInfo(name), content, how)
    return buffer.getvalue()


def tarred(form: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, content in FILES.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


ZIP = [zipped(how) for how in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)]
TAR = [tarred(form) for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)]


def with_sums(content: bytes) -> bytes:
    """Return a tar archive whose headers have the checksums of what is in them."""
    blocks = [bytearray(content[at : at + 512]) for at in range(0, len(content), 512)]
    for block in blocks:
        if block[257:262] == b"ustar":
            block[148:156] = b" " * 8
            block[148:156] = b"%06o\0 " % sum(block)
    return b"".join(blocks)


def damaged_tar(random: Random, seeds: Sequence[bytes]) -> bytes:
    content = damaged(random, seeds)
    content = with_sums(content) if random.random() < 0.7 else content
    return gzip.compress(content, 1, mtime=0) if random.random() < 0.5 else content


def opened(path: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    if is_archive(path):
        unpack(path, folder, lambda *_: None)


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_damaged_archives(kind: str, tmp_path: Path) -> None:
    seeds, change = (ZIP, damaged) if kind == "zip" else (TAR, damaged_tar)
    path = tmp_path / f"a.{kind}"
    fuzz(kind, path, seeds, change, [partial(opened, path, tmp_path / "out")], tmp_path)
