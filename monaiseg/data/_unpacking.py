"""Unpacks zip and tar archives that may be hostile: plain files and folders alone, inside one new folder."""

from __future__ import annotations

import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from errno import EINVAL
from functools import partial
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO, NamedTuple

from monaiseg.data._checksums import Watch
from monaiseg.data.bounds import TIMES, most_bytes
from monaiseg.errors import DataError

LEAST = 4096
"""Bytes that a file or folder counts for at least: a block of the disk."""

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_UNREADABLE = (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, LZMAError, NotImplementedError)
_UNFORESEEN = (ValueError, IndexError, OverflowError, struct.error)
"""What zipfile raises of archives that are damaged in ways that it does not look for."""


LONGEST = 2**20
"""Bytes of a name, or of what else a tar archive says of a member: it is read at once, however much it inflates to."""

_SAYS = b"LKxgX"
"""The types of headers that say such a thing, a byte each: names and links of GNU, and what PAX says."""


class _Header(tarfile.TarInfo):
    """The header of a tar archive: no name fills the memory, and a damaged one is not taken for the end."""

    @classmethod
    def frombuf(cls, *given: Any) -> Any:
        """Return the header that a block holds."""
        try:
            header = super().frombuf(*given)
        except tarfile.HeaderError as error:
            if given[0].strip(b"\0"):
                raise tarfile.ReadError(f"a damaged header, {error}") from error
            raise
        if header.type in _SAYS and header.size > LONGEST:
            raise tarfile.ReadError(f"a name of {header.size} bytes")
        return header


class _Member(NamedTuple):
    name: str
    kind: str  # "file", "folder", or what else it is
    size: int
    open: Callable[[], IO[bytes] | None]


def is_archive(path: Path) -> bool:
    """Tell whether a file is a whole zip archive, or begins as a tar archive does, compressed or not."""
    with path.open("rb") as file:
        if _is_zip(file):
            return zipfile.is_zipfile(file)
        try:
            tarfile.open(fileobj=file, tarinfo=_Header).close()
        except tarfile.TarError:
            return False
        return True


def unpack(archive: Path, folder: Path, watch: Watch) -> tuple[int, int]:
    """Unpack an archive into an empty folder, and return how many files it held and of how many bytes.

    Files get the permissions and times of new ones. Nothing is ever written through a link, as none is made.

    Raises:
        DataError: it cannot be read; it holds a link, a device or an encrypted file, a path that leads out of the
            folder, one path twice, or so much more than its own size that it is meant to fill the disk.
        OSError: the folder cannot be written to.
    """
    size, most = archive.stat().st_size, most_bytes(archive)
    files = written = taken = 0
    try:
        with archive.open("rb") as file:
            for member in _members(file):
                written += member.size if member.kind == "file" else 0
                taken += max(member.size, LEAST)
                if taken > most:
                    raise DataError(f"{archive}: unpacks to over {TIMES} times its size; it is not unpacked")
                _write(member, _place(member, folder, archive), archive)
                files += member.kind == "file"
                watch("unpacking", min(file.tell(), size), size)
    except (*_UNREADABLE, *_UNFORESEEN, OSError) as error:
        if getattr(error, "errno", None) not in (None, EINVAL):  # the disk's; those that read raise OSErrors as well
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
    with tarfile.open(fileobj=file, tarinfo=_Header) as archive:
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
