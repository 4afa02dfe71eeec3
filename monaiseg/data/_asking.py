"""Asks a server for a file or for the rest of one, and tells whether what comes is still the same file."""

from __future__ import annotations

import re
import socket
from http.client import HTTPException, HTTPResponse, IncompleteRead
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from monaiseg import __version__
from monaiseg.errors import DataError

TIMEOUT = 30.0
"""Seconds without a byte after which a connection counts as broken."""

ENDED = "the connection broke off"

_PARTIAL = 206
_OUT_OF_RANGE = 416
_TOO_MANY = 429
_ALWAYS = {"User-Agent": f"monaiseg/{__version__}", "Accept-Encoding": "identity"}


class BrokenOff(Exception):
    """The connection could not be made or ended too early; another try may go on."""


class FileVersion(NamedTuple):
    """What a server had at an address: a strong ETag or the time of change, if it tells, and the size in bytes."""

    url: str
    validator: str
    size: int | None


class Answer(NamedTuple):
    """A server's answer: which byte of the file its first one is, and which version of the file it comes from."""

    response: HTTPResponse
    start: int
    version: FileVersion


def ask(url: str, known: FileVersion | None, have: int) -> Answer:
    """Return an answer with what follows the first `have` bytes of the known version, or else with the whole file.

    Raises:
        BrokenOff: the server cannot be reached.
        DataError: it refuses.
    """
    if known is not None and have:
        # If-Range makes a server that has another file by now send the whole of it.
        response = _open(url, {"Range": f"bytes={have}-", "If-Range": known.validator})
        if response is not None:
            answer = _read(url, response)
            if answer.start == 0 or (answer.start == have and _same(answer.version, known)):
                return answer
            response.close()
    response = _open(url, {})
    if response is None:
        raise DataError(f"{url}: the server answers HTTP {_OUT_OF_RANGE} to a plain request; try again later")
    return _read(url, response)


def reason_of(error: Exception) -> str:
    """Return why a connection failed, in a few words."""
    cause = getattr(error, "reason", error)  # urllib wraps what happened
    if isinstance(cause, socket.gaierror):
        return "its host cannot be found, or there is no network"
    if isinstance(cause, TimeoutError):
        return f"no answer for {TIMEOUT:.0f} seconds"
    if isinstance(cause, IncompleteRead):
        return ENDED
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__


def _open(url: str, headers: dict[str, str]) -> HTTPResponse | None:
    """Return the server's answer; None where the file ends before the range that was asked for."""
    try:
        response: HTTPResponse = urlopen(Request(url, headers=_ALWAYS | headers), timeout=TIMEOUT)
    except HTTPError as error:
        error.close()
        if error.code == _OUT_OF_RANGE:
            return None
        later = error.code >= 500 or error.code == _TOO_MANY
        mend = "try again later" if later else "if the file has moved, give its address with --url"
        raise DataError(f"{url}: the server answers HTTP {error.code} ({error.reason}); {mend}") from error
    except (OSError, HTTPException) as error:
        raise BrokenOff(reason_of(error)) from error
    return response


def _read(url: str, response: HTTPResponse) -> Answer:
    start, size = 0, _number(response.headers.get("Content-Length", ""))
    if response.status == _PARTIAL:
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        start, size = (int(match[1]), _number(match[2])) if match else (-1, None)
    tag = response.headers.get("ETag", "")
    strong = tag if not tag.startswith("W/") else ""  # a weak one may not be used for ranges
    validator = strong or response.headers.get("Last-Modified", "")
    return Answer(response, start, FileVersion(url, validator, size))


def _same(version: FileVersion, known: FileVersion) -> bool:
    """Tell whether the rest is that of the known file: some servers send one's rest whatever If-Range says."""
    sizes = {version.size, known.size} - {None}
    return version.validator in ("", known.validator) and len(sizes) <= 1


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() else None
