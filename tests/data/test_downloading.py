"""Downloads from a real server: whole files, whatever the connection and the server do."""

from __future__ import annotations

import contextlib
import itertools
import json
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from serving import Served, serving

from monaiseg.data import _asking
from monaiseg.data._downloading import download_file
from monaiseg.errors import DataError, OutputError

CONTENT = bytes(range(256)) * 4000  # about 1 MB: some reads
OTHER = CONTENT[::-1] + b"longer"
HALF = len(CONTENT) // 2


@pytest.fixture
def served() -> Iterator[Served]:
    with serving(CONTENT) as served:
        yield served


def fetch(served: Served, folder: Path) -> bytes:
    return download_file(served.url, folder / "file.zip", lambda *_: None).read_bytes()


def leave_a_part(served: Served, folder: Path, size: int = HALF) -> Path:
    """Let a download break off for good after `size` bytes."""
    served.breaks = [size, 0]
    with pytest.raises(DataError, match="kept; run the command again"):
        fetch(served, folder)
    part = folder / "file.zip.part"
    assert part.read_bytes() == CONTENT[:size]
    served.asked.clear()
    served.breaks.clear()
    return part


def test_a_download_that_breaks_off_goes_on_in_the_same_run(served: Served, tmp_path: Path, capsys) -> None:
    served.breaks = [1000, 5000, 70_000]
    assert fetch(served, tmp_path) == CONTENT
    assert served.ranges_asked == [None, "bytes=1000-", "bytes=6000-", "bytes=76000-"]
    assert "the connection broke off; trying again\ngoing on at 1.0 kB\n" in capsys.readouterr().out


def test_a_later_run_asks_for_the_rest_alone(served: Served, tmp_path: Path, capsys) -> None:
    leave_a_part(served, tmp_path)
    assert fetch(served, tmp_path) == CONTENT
    assert served.ranges_asked == [f"bytes={HALF}-"]
    assert served.asked[0]["If-Range"] == served.etag
    assert "going on at 512.0 kB" in capsys.readouterr().out


def test_a_redirect_is_followed_with_the_range(served: Served, tmp_path: Path) -> None:
    served.redirect = True
    leave_a_part(served, tmp_path)
    assert fetch(served, tmp_path) == CONTENT
    assert served.ranges_asked == [f"bytes={HALF}-"]


@pytest.mark.parametrize(
    "change",
    [
        dict(ranges=False),
        dict(content=OTHER, etag='"2"'),
        dict(content=OTHER, etag='"2"', if_range=False),
        dict(content=OTHER, if_range=False),
        dict(content=CONTENT[::-1], etag='"2"', if_range=False),
        dict(content=CONTENT[:10], etag='"2"', if_range=False),
        dict(block=100_000),
    ],
    ids=["ignores ranges", "changed", "ignores If-Range", "same tag", "same size", "shorter", "other range"],
)
def test_what_the_part_does_not_belong_to_is_fetched_anew(
    served: Served, tmp_path: Path, change: dict[str, object], capsys
) -> None:
    leave_a_part(served, tmp_path)
    capsys.readouterr()
    for name, value in change.items():
        setattr(served, name, value)
    assert fetch(served, tmp_path) == served.content
    assert "starting anew" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("tags", "ranges"),
    [
        (dict(etag='W/"1"', modified="Sat, 01 Nov 2025 10:00:00 GMT"), f"bytes={HALF}-"),
        (dict(etag=""), None),
        (dict(etag='W/"1"'), None),
    ],
)
def test_only_a_strong_validator_lets_a_part_go_on(
    served: Served, tmp_path: Path, tags: dict[str, str], ranges: str | None
) -> None:
    for name, value in tags.items():
        setattr(served, name, value)
    served.breaks = [HALF]
    assert fetch(served, tmp_path) == CONTENT
    assert served.ranges_asked == [None, ranges]


def test_a_part_larger_than_the_file_is_begun_anew(served: Served, tmp_path: Path) -> None:
    part = leave_a_part(served, tmp_path)
    part.write_bytes(CONTENT + b"more")
    assert fetch(served, tmp_path) == CONTENT


def test_a_range_that_the_server_does_not_have_is_begun_anew(served: Served, tmp_path: Path) -> None:
    """A file of a size that was not told: only the server knows that the part is too long."""
    part = leave_a_part(served, tmp_path)
    facts = part.with_name("file.zip.part.json")
    facts.write_text(json.dumps({**json.loads(facts.read_text()), "size": None}))
    part.write_bytes(CONTENT + b"more")
    assert fetch(served, tmp_path) == CONTENT
    assert served.ranges_asked == [f"bytes={len(CONTENT) + 4}-", None]


@pytest.mark.parametrize("facts", [None, "", "{", "[1]", '{"url": "u"}'])
def test_a_part_of_which_nothing_is_known_is_begun_anew(served: Served, tmp_path: Path, facts: str | None) -> None:
    part = leave_a_part(served, tmp_path)
    part.write_bytes(b"x" * HALF)
    known = part.with_name("file.zip.part.json")
    known.unlink() if facts is None else known.write_text(facts)
    assert fetch(served, tmp_path) == CONTENT


def test_a_part_from_another_address_is_begun_anew(served: Served, tmp_path: Path) -> None:
    leave_a_part(served, tmp_path)
    with serving(OTHER) as mirror:
        assert fetch(mirror, tmp_path) == OTHER
        assert mirror.ranges_asked == [None]


def test_a_whole_part_is_not_asked_for_again(served: Served, tmp_path: Path) -> None:
    assert fetch(served, tmp_path) == fetch(served, tmp_path) == CONTENT
    assert len(served.asked) == 1


def test_a_server_that_does_not_tell_the_length(served: Served, tmp_path: Path, capsys) -> None:
    served.length = False
    served.breaks = [1 << 17]
    assert fetch(served, tmp_path) == CONTENT
    assert served.ranges_asked == [None, f"bytes={1 << 17}-"]
    assert "the connection broke off; trying again" in capsys.readouterr().out


def test_a_server_that_always_breaks_off_ends_the_run(served: Served, tmp_path: Path) -> None:
    served.ranges = False
    served.breaks = [1000] * 100
    with pytest.raises(
        DataError, match=r"file\.zip: the connection broke off; 1\.0 kB are kept; run the command again"
    ):
        fetch(served, tmp_path)
    assert len(served.asked) == 2


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    breaks=st.lists(st.integers(0, 300_000), max_size=8), ranges=st.booleans(), etag=st.sampled_from(['"1"', 'W/"1"'])
)
def test_however_it_breaks_the_file_ends_whole_or_the_part_is_its_beginning(
    served: Served, tmp_path_factory: pytest.TempPathFactory, breaks: list[int], ranges: bool, etag: str
) -> None:
    folder = tmp_path_factory.mktemp("part")
    served.breaks, served.ranges, served.etag = list(breaks), ranges, etag
    for _ in itertools.count():
        with contextlib.suppress(DataError):
            assert fetch(served, folder) == CONTENT
            return
        part = (folder / "file.zip.part").read_bytes()
        assert part == CONTENT[: len(part)]


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (404, "HTTP 404 (Not Found); if the file has moved, give its address with --url"),
        (403, "HTTP 403 (Forbidden); if the file has moved"),
        (429, "HTTP 429 (Too Many Requests); try again later"),
        (503, "HTTP 503 (Service Unavailable); try again later"),
        (416, "HTTP 416 to a plain request"),
    ],
)
def test_a_refusal_is_told(served: Served, tmp_path: Path, status: int, told: str) -> None:
    served.status = status
    with pytest.raises(DataError) as raised:
        fetch(served, tmp_path)
    assert str(raised.value).startswith(f"{served.url}: the server answers {told}")
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_keeps_the_part(served: Served, tmp_path: Path) -> None:
    leave_a_part(served, tmp_path)
    served.status = 500
    with pytest.raises(DataError, match="HTTP 500"):
        fetch(served, tmp_path)
    served.status = None
    assert fetch(served, tmp_path) == CONTENT
    assert served.ranges_asked == [f"bytes={HALF}-"] * 2


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("host", ["nowhere.invalid", "127.0.0.1"])
def test_a_server_that_is_not_there_is_told(host: str, tmp_path: Path) -> None:
    url = f"http://{host}:{closed_port()}/file.zip"
    with pytest.raises(DataError) as raised:
        download_file(url, tmp_path / "file.zip", lambda *_: None)
    why = "its host cannot be found, or there is no network" if "invalid" in host else "Connection refused"
    assert str(raised.value) == f"{url}: {why}; run the command again, or put the file at {tmp_path / 'file.zip'}"


def test_a_server_that_says_nothing_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_asking, "TIMEOUT", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(DataError, match="no answer for"):
            download_file(f"http://127.0.0.1:{silent.getsockname()[1]}/", tmp_path / "file.zip", lambda *_: None)


def test_no_room_is_told_before_anything_comes(served: Served, tmp_path: Path) -> None:
    served.claims = 10**16
    with pytest.raises(OutputError, match=r"file\.zip\.part: 10\.0 PB are to come and .* free; free space or choose"):
        fetch(served, tmp_path)


def test_a_full_disk_is_told_and_the_part_kept(served: Served, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))  # the nearest to a full disk that anyone may make
    try:
        with pytest.raises(OutputError, match=r"file\.zip\.part: cannot be written \(File too large\); free space"):
            fetch(served, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert fetch(served, tmp_path) == CONTENT
    assert served.ranges_asked == [None, "bytes=300000-"]


def test_what_is_done_is_told(served: Served, tmp_path: Path) -> None:
    leave_a_part(served, tmp_path)
    told: list[tuple[str, int, int | None]] = []
    download_file(served.url, tmp_path / "file.zip", lambda *row: told.append(row))
    assert {row[0] for row in told} == {"downloading"} and {row[2] for row in told} == {len(CONTENT)}
    done = [row[1] for row in told]
    assert done == sorted(done) and done[0] > HALF and done[-1] == len(CONTENT)
