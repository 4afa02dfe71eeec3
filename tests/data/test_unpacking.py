"""Unpacking: what went into an archive comes out, and nothing that a hostile one asks for happens."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monaiseg.data._unpacking import LEAST, LONGEST, is_archive, unpack
from monaiseg.errors import DataError

Files = dict[str, bytes]
Member = tuple[str, dict[str, Any], bytes]


def write_zip(path: Path, *members: Member) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, fields, content in members:
            info = zipfile.ZipInfo("name")
            info.filename = name  # as it is: ZipInfo would mend some names
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = fields.get("mode", 0) << 16
            archive.writestr(info, content)
            info.flag_bits |= fields.get("flag_bits", 0)
            info.file_size = fields.get("size", info.file_size)
    return path


def write_tar(path: Path, *members: Member) -> Path:
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as archive:
        for name, fields, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for field, value in fields.items():
                setattr(info, field, value)
            if info.size == len(content):
                archive.addfile(info, io.BytesIO(content))
            else:  # a header that lies
                archive.fileobj.write(info.tobuf() + content)
    return path


def opened(archive: Path, folder: Path) -> Files:
    folder.mkdir(parents=True)
    files, size = unpack(archive, folder, lambda *_: None)
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert (len(found), sum(map(len, found.values()))) == (files, size)
    return found


FORMATS = {"zip": write_zip, "tar": write_tar, "tar.gz": write_tar}
NAMES = st.lists(st.sampled_from(["a", "b.png", "ü", "x y", "._a", "-"]), min_size=1, max_size=3).map("/".join)


@given(files=st.dictionaries(NAMES, st.binary(max_size=2000), max_size=6), format=st.sampled_from(sorted(FORMATS)))
def test_what_went_in_comes_out(files: Files, format: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    tops = {name: content for name, content in files.items() if not any(o.startswith(f"{name}/") for o in files)}
    folder = tmp_path_factory.mktemp("round")
    archive = FORMATS[format](folder / f"a.{format}", *((name, {}, content) for name, content in tops.items()))
    assert is_archive(archive)
    assert opened(archive, folder / "out") == tops


def test_folders_are_made_empty_ones_too(tmp_path: Path) -> None:
    tar = write_tar(
        tmp_path / "a.tar", ("./", {"type": tarfile.DIRTYPE}, b""), ("./a/b", {"type": tarfile.DIRTYPE}, b"")
    )
    for archive in (tar, write_zip(tmp_path / "a.zip", ("a/", {}, b""), ("a/b/", {}, b""))):
        out = tmp_path / f"{archive.name}.out"
        assert opened(archive, out) == {}
        assert (out / "a" / "b").is_dir()


def test_special_permissions_are_not_taken_over(tmp_path: Path) -> None:
    mode = stat.S_IFREG | stat.S_ISUID | 0o777
    for archive in (
        write_zip(tmp_path / "a.zip", ("a", {"mode": mode}, b"a")),
        write_tar(tmp_path / "a.tar", ("a", {"mode": 0o4777, "uid": 0}, b"a")),
    ):
        out = tmp_path / f"{archive.name}.out"
        assert opened(archive, out) == {"a": b"a"}
        assert stat.S_IMODE((out / "a").stat().st_mode) & 0o7111 == 0


LINK = stat.S_IFLNK | 0o777
OUT, KIND, TWICE = "leads out of its folder", "is a link or device", "is in it twice"
HOSTILE: dict[str, tuple[str, list[Member], str]] = {
    "zip absolute": ("zip", [("ROOT/evil", {}, b"x")], OUT),
    "zip parent": ("zip", [("a/../../evil", {}, b"x")], OUT),
    "zip backslash": ("zip", [("..\\evil", {}, b"x")], OUT),
    "zip parent folder": ("zip", [("../evil/", {}, b"")], OUT),
    "zip link": ("zip", [("a", {"mode": LINK}, b"../outside"), ("a/evil", {}, b"x")], KIND),
    "zip device": ("zip", [("a", {"mode": stat.S_IFCHR}, b"")], KIND),
    "zip twice": ("zip", [("a", {}, b"1"), ("a", {}, b"2")], TWICE),
    "zip twice, written otherwise": ("zip", [("a/b", {}, b"1"), ("a//b", {}, b"2")], TWICE),
    "zip file and folder": ("zip", [("a", {}, b"1"), ("a/b", {}, b"2")], TWICE),
    "zip folder and file": ("zip", [("a/b", {}, b"1"), ("a", {}, b"2")], TWICE),
    "zip without a name": ("zip", [(".", {}, b"1")], TWICE),
    "zip encrypted": ("zip", [("a", {"flag_bits": 1}, b"1")], "is an encrypted file"),
    "zip bomb": ("zip", [("a", {}, b"1"), ("b", {"size": 1 << 31}, b"0" * 9)], "unpacks to over 100 times its size"),
    "zip that lies about sizes": ("zip", [("a", {"size": 3}, b"longer")], "cannot be unpacked"),
    "tar absolute": ("tar", [("ROOT/evil", {}, b"x")], OUT),
    "tar parent": ("tar", [("../evil", {}, b"x")], OUT),
    "tar parent folder": ("tar.gz", [("a/../../evil", {"type": tarfile.DIRTYPE}, b"")], OUT),
    "tar link": ("tar", [("a", {"type": tarfile.SYMTYPE, "linkname": ".."}, b""), ("a/evil", {}, b"x")], KIND),
    "tar link inside": ("tar", [("b", {}, b"x"), ("a", {"type": tarfile.SYMTYPE, "linkname": "b"}, b"")], KIND),
    "tar hard link": ("tar", [("a", {"type": tarfile.LNKTYPE, "linkname": "/etc/passwd"}, b"")], KIND),
    "tar device": ("tar", [("a", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3}, b"")], KIND),
    "tar pipe": ("tar.gz", [("a", {"type": tarfile.FIFOTYPE}, b"")], KIND),
    "tar twice": ("tar", [("a", {}, b"1"), ("./a", {}, b"2")], TWICE),
    "tar file and folder": ("tar", [("a", {}, b"1"), ("a", {"type": tarfile.DIRTYPE}, b"")], TWICE),
    "tar bomb": ("tar.gz", [("a", {}, b"0"), ("b", {"size": 1 << 40}, b"0" * 512)], "unpacks to over 100 times"),
}


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_hostile_archive_is_refused(case: str, tmp_path: Path) -> None:
    format, members, told = HOSTILE[case]
    folder = tmp_path / "in"
    folder.mkdir()
    members = [(name.replace("ROOT", str(tmp_path)), fields, content) for name, fields, content in members]
    archive = FORMATS[format](folder / f"a.{format}", *members)
    with pytest.raises(DataError) as raised:
        opened(archive, folder / "out")
    assert str(raised.value).startswith(f"{archive}: ") and told in str(raised.value)
    assert sorted(folder.iterdir()) == [archive, folder / "out"] and list(tmp_path.iterdir()) == [folder]
    assert not any(path.is_symlink() for path in tmp_path.rglob("*"))
    if told == TWICE:
        assert [path.read_bytes() for path in folder.glob("out/**/*") if path.is_file()] in ([b"1"], [])


@given(
    name=st.text(st.sampled_from("./\\ab\n"), min_size=1, max_size=12),
    format=st.sampled_from(["zip", "tar"]),
    folder=st.booleans(),
)
def test_no_name_leads_out(name: str, format: str, folder: bool, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("names")
    fields = {"type": tarfile.DIRTYPE} if folder and format == "tar" else {}
    archive = FORMATS[format](root / "a", (name + ("/" if folder else ""), fields, b"" if folder else b"x"))
    (root / "deep" / "out").mkdir(parents=True)
    with contextlib.suppress(DataError):
        unpack(archive, root / "deep" / "out", lambda *_: None)
    assert {path.name for path in root.iterdir()} == {"a", "deep"}
    assert [path.name for path in (root / "deep").iterdir()] == ["out"]


def damaged(path: Path, cut: Callable[[bytes], bytes]) -> Path:
    path.write_bytes(cut(path.read_bytes()))
    return path


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]


@pytest.mark.parametrize(
    ("format", "cut"),
    [
        ("zip", flipped),
        ("tar", lambda content: content[:20_000]),
        ("tar.gz", flipped),
        ("tar.gz", lambda content: content[: len(content) // 2]),
    ],
    ids=["zip flipped", "tar short", "tar.gz flipped", "tar.gz short"],
)
def test_a_damaged_archive_is_told(format: str, cut: Callable[[bytes], bytes], tmp_path: Path) -> None:
    content = os.urandom(30_000)
    archive = damaged(FORMATS[format](tmp_path / f"a.{format}", ("big", {}, content)), cut)
    with pytest.raises(
        DataError, match=r"a\.(zip|tar|tar\.gz): cannot be unpacked \(.+\); remove it and fetch it again"
    ):
        opened(archive, tmp_path / "out")


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>", b"PK\x03\x04 cut short", b"\x1f\x8b no gzip"])
def test_what_is_no_archive(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(content)
    assert not is_archive(tmp_path / "a")


def test_a_tar_with_a_zip_at_its_end_is_a_tar(tmp_path: Path) -> None:
    inner = write_zip(tmp_path / "inner.zip", ("a", {}, b"x")).read_bytes()
    archive = write_tar(tmp_path / "a.tar", ("inner.zip", {}, inner))
    damaged(archive, lambda content: content[: 512 + 512 * -(-len(inner) // 512)])  # as some write it: no padding
    assert opened(archive, tmp_path / "out") == {"inner.zip": inner}


@pytest.mark.parametrize("format", ["zip", "tar.gz"])
def test_files_without_content_count_too(format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes a block of the disk, and an archive of a few megabytes may hold millions of them."""
    monkeypatch.setattr("monaiseg.data.bounds.MOST", 40 * LEAST)
    fields = {"type": tarfile.DIRTYPE} if format == "tar.gz" else {}
    members = [(f"{number}/", fields, b"") for number in range(41)]
    monkeypatch.setattr("monaiseg.data.bounds.TIMES", 0)
    assert opened(FORMATS[format](tmp_path / f"a.{format}", *members[:40]), tmp_path / "out") == {}
    with pytest.raises(DataError, match="unpacks to over"):
        opened(FORMATS[format](tmp_path / f"b.{format}", *members), tmp_path / "more")


def test_a_name_of_a_tar_that_inflates_without_end(tmp_path: Path) -> None:
    """tarfile reads a name at once: a few megabytes would be gigabytes."""
    path = tmp_path / "a.tar.gz"
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 2 * LONGEST
    path.write_bytes(gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + b"a" * header.size + bytes(10_240)))
    assert not is_archive(path)
    with pytest.raises(DataError, match=f"cannot be unpacked .*a name of {2 * LONGEST} bytes"):
        opened(path, tmp_path / "out")


def test_a_damaged_header_is_not_taken_for_the_end(tmp_path: Path) -> None:
    archive = write_tar(tmp_path / "a.tar", ("a", {}, b"1"), ("b", {}, b"2"))
    content = bytearray(archive.read_bytes())
    content[1024 + 150] ^= 1
    archive.write_bytes(content)
    with pytest.raises(DataError, match=r"cannot be unpacked \(a damaged header"):
        opened(archive, tmp_path / "out")


def test_a_zip_that_names_a_place_far_behind_its_end(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "a.zip", ("a", {}, b"1"))
    content = bytearray(archive.read_bytes())
    at = content.index(b"PK\x01\x02")
    content[at + 42 : at + 46] = b"\xff\xff\xff\x7f"
    content[content.index(b"PK\x05\x06") + 16] += 9  # then all of it is taken to be shifted, to before the beginning
    archive.write_bytes(content)
    with pytest.raises(DataError, match="cannot be unpacked"):
        opened(archive, tmp_path / "out")
