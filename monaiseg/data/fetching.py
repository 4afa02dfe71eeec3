"""Fetches a public data set: downloads its archive, checks it, unpacks it, and says under which terms it comes."""

from __future__ import annotations

import shutil
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rich.filesize import decimal

from monaiseg._files import home_path, make_folder, read_json, write_json
from monaiseg.data._checksums import Checksum, Watch, checksum_of, read_checksum, read_pin, write_pin
from monaiseg.data._downloading import download_file, settle
from monaiseg.data._unpacking import is_archive, unpack
from monaiseg.data.sources import DataSource, find_source
from monaiseg.errors import ConfigError, DataError, OutputError

RECORD = "monaiseg-source.json"
"""The file in a fetched set that says where it came from and what may be done with it."""


def fetch_data(
    name: str,
    folder: str | Path = "data",
    *,
    url: str | None = None,
    checksum: str | None = None,
    watch: Watch = lambda *_: None,
) -> Path:
    """Fetch a public data set to `FOLDER/NAME`, and return what `data_root` takes.

    Size, address, terms and citation are printed before anything is downloaded. A set that is there and whole is left
    alone. An archive `FOLDER/NAME.zip` or `.tar` that is there, by an earlier run or by hand, is checked and unpacked.

    Args:
        name: one of `SOURCES`.
        folder: where the archive and the set go.
        url: another address of the same archive, that of a mirror say.
        checksum: what the archive must have instead of the one that is known, as `sha256:...`.
        watch: is called with what is being done, and how many bytes of how many are.

    Raises:
        ConfigError: the set is unknown or cannot be fetched, or `url` or `checksum` is none.
        DataError: the server refuses or cannot be reached, or the archive is not the expected one or hostile.
        OutputError: something cannot be written; or what is there was not fetched.
    """
    source, folder = find_source(name), home_path(folder)
    if source.by_hand:
        raise ConfigError(f"{name} cannot be fetched from {source.page}: {source.by_hand}")
    asked = source.checksum if checksum is None else checksum
    wanted = None if asked is None else read_checksum(asked)
    address = _web_address(source.address if url is None else url)
    target, archive, pin = folder / name, folder / source.archive, folder / f"{name}.sha256"
    if target.exists() or target.is_symlink():
        return _fetched_before(target, source, None if checksum is None else wanted)
    pinned = read_pin(pin) if wanted is None and pin.is_file() else None
    _announce(source, address, f"{pinned} (that of the first download, in {pin})" if pinned else wanted)
    make_folder(folder, "--folder")
    found = _archive(archive, address, wanted or pinned, watch)
    _unpack(archive, target, source, _facts(source, address, found), watch)
    if source.checksum is None and found.algorithm == "sha256" and found != pinned:
        write_pin(pin, found, archive)
        print(f"nobody publishes a checksum of {name}; this one's is in {pin}, and later downloads must have it")
    return target / source.data_root


def _web_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or not url.isascii() or not url.isprintable():
        raise ConfigError(f"url is {url!r}; write an address that starts with https:// or http://")
    return url


def _announce(source: DataSource, address: str, wanted: object) -> None:
    """Say what is about to be downloaded, and under which terms, before it is."""
    rows = {
        "size": f"about {decimal(source.size)}" if source.size else "not known before the server tells",
        "from": address,
        "terms": f"{source.terms} ({source.page})",
        "cite": source.citation,
        "check": str(wanted or "no checksum is published"),
    }
    lines = [f"{source.name}: {source.summary}", *(f"  {key:5}  {value}" for key, value in rows.items())]
    print("\n".join(lines), flush=True)


def _archive(archive: Path, address: str, wanted: Checksum | None, watch: Watch) -> Checksum:
    """Make sure that the archive is there and is what is wanted, and return its checksum."""
    refused = archive.with_name(f"{archive.name}.refused")
    algorithm = wanted.algorithm if wanted else "sha256"
    if archive.is_file():
        found = checksum_of(archive, algorithm, watch)
        if found != (wanted or found):
            raise DataError(f"{archive}: is {found}, expected {wanted}; remove it to fetch it again")
        print(f"{archive} is there already")
        return found
    if wanted and refused.is_file() and checksum_of(refused, algorithm, watch) == wanted and is_archive(refused):
        settle(refused, archive)
        return wanted
    part = download_file(address, archive, watch)
    found = checksum_of(part, algorithm, watch)
    if found != (wanted or found):
        settle(part, refused)
        raise DataError(
            f"{address}: the file is {found}, expected {wanted}; it is kept as {refused}, and if you trust it, "
            f"--checksum {found} takes it"
        )
    if not is_archive(part):
        settle(part, refused)
        raise DataError(f"{address}: gives no whole zip or tar archive; see what it gives in {refused}")
    refused.unlink(missing_ok=True)
    settle(part, archive)
    return found


def _facts(source: DataSource, address: str, found: Checksum) -> dict[str, Any]:
    return {
        "name": source.name,
        "address": address,
        "checksum": str(found),
        "fetched": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "terms": source.terms,
        "page": source.page,
        "citation": source.citation,
        "data_root": source.data_root,
    }


def _unpack(archive: Path, target: Path, source: DataSource, facts: dict[str, Any], watch: Watch) -> None:
    """Unpack beside the target and rename at the end, so that a target that is there is whole."""
    temporary = target.with_name(f".{target.name}.unpacking")
    try:
        if temporary.exists():  # a run that was killed left it
            shutil.rmtree(temporary)
        temporary.mkdir()
        files, size = unpack(archive, temporary, watch)
        if not (temporary / source.data_root).is_dir():
            held = ", ".join(sorted(path.name for path in temporary.iterdir())[:5])
            raise DataError(
                f"{archive}: has no folder {source.data_root} in it, but {held}; remove it, it is not {source.name}"
            )
        write_json(temporary / RECORD, {**facts, "files": files, "bytes": size})
        temporary.rename(target)
    except OSError as error:
        raise OutputError(
            f"{error.filename or target}: cannot be written ({error.strerror}); free space or choose another --folder, "
            f"{archive} is kept"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _fetched_before(target: Path, source: DataSource, asked: Checksum | None) -> Path:
    """Return the data root of a set that is there, once it is seen to be whole and of the archive that is asked for."""
    try:
        facts = read_json(target / RECORD)
        files, size = int(facts["files"]), int(facts["bytes"])
        address, checksum, root = str(facts["address"]), str(facts["checksum"]), str(facts["data_root"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(f"{target}: is there already and was not fetched; choose another --folder") from error
    if asked and str(asked) != checksum:
        raise DataError(f"{target}: was unpacked from an archive that is {checksum}; choose another --folder")
    sizes = [path.stat().st_size for path in target.rglob("*") if path.is_file() and path != target / RECORD]
    if len(sizes) < files or sum(sizes) < size:
        raise DataError(
            f"{target}: {len(sizes)} files of {decimal(sum(sizes))} are left of {files} of {decimal(size)}; "
            "remove the folder and fetch it again"
        )
    print(f"{source.name} is there already, from {address}; terms: {source.terms}")
    return target / root
