"""Checksums of files, written as `sha256:...`, and kept beside an archive in a file that `sha256sum -c` reads."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from monaiseg._files import write_bytes
from monaiseg.errors import ConfigError, DataError

LENGTHS = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}
_CHUNK = 1 << 20

Watch = Callable[[str, int, "int | None"], None]
"""Is told what is being done, and how many bytes of how many (None: unknown) are."""


class Checksum(NamedTuple):
    """A checksum and how it is computed."""

    algorithm: str
    digest: str

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.digest}"


def read_checksum(text: str) -> Checksum:
    """Return the checksum that `text` writes as `algorithm:digest`.

    Raises:
        ConfigError: it is not written so, the algorithm is unknown or the digest has another length.
    """
    algorithm, _, digest = text.strip().lower().partition(":")
    if LENGTHS.get(algorithm) != len(digest) or not re.fullmatch("[0-9a-f]+", digest):
        known = ", ".join(LENGTHS)
        raise ConfigError(f"checksum {text!r}: write ALGORITHM:HEXADECIMAL, as sha256:0123..., with one of {known}")
    return Checksum(algorithm, digest)


def checksum_of(path: Path, algorithm: str, watch: Watch) -> Checksum:
    """Return the checksum of a file."""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    done, size = 0, path.stat().st_size
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            done += len(chunk)
            watch("checking", done, size)
    return Checksum(algorithm, digest.hexdigest())


def write_pin(pin: Path, checksum: Checksum, archive: Path) -> None:
    """Keep an archive's SHA-256 in a file that `sha256sum -c` reads; raises as `write_bytes` does."""
    write_bytes(pin, f"{checksum.digest}  {archive.name}\n".encode())


def read_pin(pin: Path) -> Checksum:
    """Return the checksum that `write_pin` kept.

    Raises:
        DataError: the file does not hold one.
    """
    words = pin.read_text(errors="replace").split()
    try:
        return read_checksum(f"sha256:{words[0] if words else ''}")
    except ConfigError as error:
        raise DataError(f"{pin}: holds no SHA-256; remove it to take the archive's own") from error
