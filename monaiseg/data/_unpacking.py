"""Unpacks zip and tar archives that may be hostile: plain files and folders alone, inside one new folder."""

from __future__ import annotations

import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, NamedTuple

from monaiseg.data._checksums import Watch
from monaiseg.errors import DataError

MOST = 1 << 30
TIMES = 100
"""An archive may unpack to this many bytes, or to this many times its own size, whichever is more."""

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_UNREADABLE = (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, LZMAError, NotImplementedError)


class _Member(NamedTuple):
    name: str
    kind: str  # "file", "folder", or what else it is
    size: int
    open: Callable[[], IO[bytes] | None]


def is_archive(path: Path) -> bool:
    """Tell whether a file is a whole zip archive, or begins as a tar archive does, compressed or not."""
    with path.open("rb") as file:
        return zipfile.is_zipfile(file) if _is_zip(file) else tarfile.is_tarfile(path)


def unpack(archive: Path, folder: Path, watch: Watch) -> tuple[int, int]:
    """Unpack an archive into an empty folder, and return how many files it held and of how many bytes.

    Files get the permissions and times of new ones. Nothing is ever written through a link, as none is made.

    Raises:
        DataError: it cannot be read; it holds a link, a device or an encrypted file, a path that leads out of the
            folder, one path twice, or so much more than its own size that it is meant to fill the disk.
        OSError: the folder cannot be written to.
    """
    size = archive.stat().st_size
    files = written = 0
    try:
        with archive.open("rb") as file:
            for member in _members(file):
                written += member.size if member.kind == "file" else 0
                if written > max(MOST, TIMES * size):
                    raise DataError(f"{archive}: unpacks to over {TIMES} times its size; it is not unpacked")
                _write(member, _place(member, folder, archive), archive)
                files += member.kind == "file"
                watch("unpacking", min(file.tell(), size), size)
    except (*_UNREADABLE, OSError) as error:
        if getattr(error, "errno", None) is not None:  # the disk's; gzip and bz2 raise OSErrors for what they read
            raise
        raise DataError(f"{archive}: cannot be unpacked ({error}); remove it and fetch it again") from error
    return files, written


def _is_zip(file: BinaryIO) -> bool:
    """Tell by how it begins: a tar archive may end as a zip archive does."""
    begins = file.read(4)
    file.seek(0)
    return begins in _ZIP


def _members(file: BinaryIO) -> Iterator[_Member]:
    return _zipped(file) if _is_zip(file) else _tarred(file)


def _zipped(file: BinaryIO) -> Iterator[_Member]:
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            mode = stat.S_IFMT(info.external_attr >> 16)
            kind = "folder" if info.is_dir() else "file" if mode in (0, stat.S_IFREG) else "a link or device"
            kind = "an encrypted file" if info.flag_bits & 1 else kind
            yield _Member(info.filename, kind, info.file_size, partial(archive.open, info))


def _tarred(file: BinaryIO) -> Iterator[_Member]:
    with tarfile.open(fileobj=file) as archive:
        for info in archive:
            kind = "folder" if info.isdir() else "file" if info.isreg() else "a link or device"
            yield _Member(info.name, kind, info.size, partial(archive.extractfile, info))
        if archive.fileobj is not None:
            archive.fileobj.read(1 << 20)  # the padding, behind which gzip has its checksum


def _place(member: _Member, folder: Path, archive: Path) -> Path:
    """Return where a member goes."""
    if member.kind not in ("file", "folder"):
        raise DataError(f"{archive}: {member.name!r:.200} in it is {member.kind}; it is not unpacked")
    parts = PurePosixPath(member.name).parts
    if member.name.startswith("/") or ".." in parts or {"\\", "\0"} & set(member.name):
        raise DataError(f"{archive}: {member.name!r:.200} in it leads out of its folder; it is not unpacked")
    return folder.joinpath(*parts)


def _write(member: _Member, path: Path, archive: Path) -> None:
    try:
        if member.kind == "folder":
            path.mkdir(parents=True, exist_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as target:
            source = member.open()
            if source is not None:
                with source:
                    shutil.copyfileobj(source, target, 1 << 20)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise DataError(f"{archive}: {member.name!r:.200} is in it twice; it is not unpacked") from error
