"""Fetching a set from a real server: what ends on the disk, what is told, and what is refused."""

from __future__ import annotations

import hashlib
import io
import json
import os
import resource
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from serving import Served, serving

from monaiseg.data import list_cases
from monaiseg.data.fetching import RECORD, fetch_data
from monaiseg.data.sources import SOURCES
from monaiseg.errors import ConfigError, DataError, MonaisegError, OutputError

KVASIR = SOURCES["kvasir-seg"]
FIXED = SOURCES["dsb2018-fixed"]


def zipped(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


def sum_of(content: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


@pytest.fixture(scope="module")
def polyps(write_pairs: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An archive as that of Kvasir-SEG is built."""
    root = write_pairs(tmp_path_factory.mktemp("polyps"), suffixes=(".jpg", ".jpg"))
    files = {f"Kvasir-SEG/{path.relative_to(root)}": path.read_bytes() for path in root.rglob("*.jpg")}
    return zipped({**files, "Kvasir-SEG/kavsir_bboxes.json": b""})


@pytest.fixture
def served(polyps: bytes) -> Iterator[Served]:
    with serving(polyps, "mirror/kvasir-seg.zip") as served:
        yield served


def fetch(served: Served, folder: Path, name: str = "kvasir-seg", **options: Any) -> Path:
    known = {} if name == FIXED.name else {"checksum": sum_of(served.content)}
    return fetch_data(name, folder, url=served.url, **{**known, **options})


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_set_is_ready_to_train_on(served: Served, tmp_path: Path) -> None:
    root = fetch(served, tmp_path / "new" / "data")
    assert root == tmp_path / "new" / "data" / "kvasir-seg" / "Kvasir-SEG"
    layout, cases = list_cases(root)
    assert layout == "images_masks" and len(cases) == 6
    assert left(tmp_path / "new" / "data") == {"kvasir-seg", "kvasir-seg.zip"}


def test_the_set_says_where_it_comes_from(served: Served, tmp_path: Path) -> None:
    facts = json.loads((fetch(served, tmp_path).parent / RECORD).read_text())
    assert facts["address"] == served.url and facts["checksum"] == sum_of(served.content)
    assert (facts["terms"], facts["page"], facts["citation"]) == (KVASIR.terms, KVASIR.page, KVASIR.citation)
    assert facts["files"] == 13


def test_size_address_and_terms_are_told_before_anything_is_asked_for(served: Served, tmp_path: Path, capsys) -> None:
    served.status = 404
    with pytest.raises(DataError):
        fetch(served, tmp_path)
    told = capsys.readouterr().out.splitlines()
    assert told == [
        "kvasir-seg: polyps in 1000 colonoscopy images",
        "  size   about 46.2 MB",
        f"  from   {served.url}",
        f"  terms  {KVASIR.terms} ({KVASIR.page})",
        f"  cite   {KVASIR.citation}",
        f"  check  {sum_of(served.content)}",
    ]


def test_a_set_that_is_there_is_not_fetched_again(served: Served, tmp_path: Path, capsys) -> None:
    first = fetch(served, tmp_path)
    (tmp_path / "kvasir-seg.zip").unlink()
    (first / "notes.txt").write_text("mine")
    capsys.readouterr()
    assert fetch(served, tmp_path) == fetch_data("kvasir-seg", str(tmp_path)) == first
    assert len(served.asked) == 1
    assert capsys.readouterr().out.splitlines()[0] == (
        f"kvasir-seg is there already, from {served.url}; terms: {KVASIR.terms}"
    )


@pytest.mark.parametrize("harm", ["removed", "shortened", "empty one removed"])
def test_a_set_that_has_lost_something_is_told(served: Served, tmp_path: Path, harm: str) -> None:
    root = fetch(served, tmp_path)
    image = root / "images" / "case_00.jpg"
    if harm == "shortened":
        os.truncate(image, 10)
    else:
        (image if harm == "removed" else root / "kavsir_bboxes.json").unlink()
    with pytest.raises(DataError, match=r"kvasir-seg: 1[23] files of .* are left of 13 of .*; remove the folder and"):
        fetch(served, tmp_path)


def test_another_archive_than_that_which_is_there(served: Served, tmp_path: Path) -> None:
    fetch(served, tmp_path)
    with pytest.raises(DataError, match=f"from an archive that is {sum_of(served.content)}; choose another --folder"):
        fetch(served, tmp_path, checksum=sum_of(b"other"))


@pytest.mark.parametrize("content", [None, "", "{}", '{"files": "many"}'])
def test_a_folder_of_that_name_is_left_alone(served: Served, tmp_path: Path, content: str | None) -> None:
    (tmp_path / "kvasir-seg").mkdir()
    if content is not None:
        (tmp_path / "kvasir-seg" / RECORD).write_text(content)
    before = left(tmp_path / "kvasir-seg")
    with pytest.raises(OutputError, match="kvasir-seg: is there already and was not fetched; choose another --folder"):
        fetch(served, tmp_path)
    assert left(tmp_path / "kvasir-seg") == before and served.asked == []


def test_a_link_to_nowhere_is_left_alone(served: Served, tmp_path: Path) -> None:
    (tmp_path / "kvasir-seg").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputError, match="is there already"):
        fetch(served, tmp_path)
    assert served.asked == []


def test_a_download_that_broke_off_goes_on(served: Served, tmp_path: Path) -> None:
    served.breaks = [len(served.content) // 2, 0]
    with pytest.raises(DataError, match="are kept; run the command again"):
        fetch(served, tmp_path)
    assert left(tmp_path) == {"kvasir-seg.zip.part", "kvasir-seg.zip.part.json"}
    assert len(list_cases(fetch(served, tmp_path))[1]) == 6
    assert served.ranges_asked[-1] == f"bytes={len(served.content) // 2}-"
    assert left(tmp_path) == {"kvasir-seg", "kvasir-seg.zip"}


def test_the_wrong_file_is_kept_aside_until_somebody_trusts_it(served: Served, tmp_path: Path) -> None:
    with pytest.raises(DataError) as raised:
        fetch_data("kvasir-seg", tmp_path, url=served.url)
    got, refused = sum_of(served.content), tmp_path / "kvasir-seg.zip.refused"
    assert str(raised.value) == (
        f"{served.url}: the file is {got}, expected {KVASIR.checksum}; "
        f"it is kept as {refused}, and if you trust it, --checksum {got} takes it"
    )
    assert left(tmp_path) == {"kvasir-seg.zip.refused"}
    assert len(list_cases(fetch(served, tmp_path, checksum=got))[1]) == 6
    assert len(served.asked) == 1 and left(tmp_path) == {"kvasir-seg", "kvasir-seg.zip"}


def test_after_the_wrong_file_the_right_one_is_taken(served: Served, tmp_path: Path) -> None:
    right = served.content
    served.content = zipped({"Kvasir-SEG/a": b"evil"})
    with pytest.raises(DataError, match="expected"):
        fetch(served, tmp_path, checksum=sum_of(right))
    served.content = right
    assert len(list_cases(fetch(served, tmp_path))[1]) == 6
    assert left(tmp_path) == {"kvasir-seg", "kvasir-seg.zip"}


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
def test_checksums_of_all_kinds(served: Served, tmp_path: Path, algorithm: str) -> None:
    assert fetch(served, tmp_path, checksum=sum_of(served.content, algorithm).upper()).is_dir()


@pytest.mark.parametrize(
    "checksum", ["0" * 64, "sha256:" + "0" * 63, "sha256:" + "g" * 64, "crc32:00000000", "md5", ""]
)
def test_what_is_no_checksum(served: Served, tmp_path: Path, checksum: str) -> None:
    with pytest.raises(ConfigError, match=r"checksum '.*': write ALGORITHM:HEXADECIMAL, as sha256:0123"):
        fetch(served, tmp_path, checksum=checksum)
    assert served.asked == []


def nuclei(image: bytes = b"png") -> bytes:
    return zipped({f"{FIXED.data_root}/0a/images/0a.png": image, f"{FIXED.data_root}/0a/masks/1.png": b"png"})


def test_a_set_without_a_checksum_is_pinned_by_its_first_download(tmp_path: Path, capsys) -> None:
    pin = tmp_path / "dsb2018-fixed.sha256"
    with serving(nuclei()) as served:
        root = fetch(served, tmp_path, FIXED.name)
        assert list_cases(root)[0] == "dsb2018"
        told = capsys.readouterr().out
        assert "check  no checksum is published" in told
        assert f"nobody publishes a checksum of dsb2018-fixed; this one's is in {pin}, and later" in told
        checked = subprocess.run(["sha256sum", "-c", pin.name], cwd=tmp_path, capture_output=True, text=True)
        assert (checked.returncode, checked.stdout) == (0, "dsb2018-fixed.zip: OK\n")

        again = tmp_path / "again"
        again.mkdir()
        pin.rename(again / pin.name)
        served.content = nuclei(b"other")
        with pytest.raises(DataError, match=rf"is {sum_of(served.content)}, expected {sum_of(nuclei())}; it is kept"):
            fetch(served, again, FIXED.name)
        assert f"{sum_of(nuclei())} (that of the first download, in {again / pin.name})" in capsys.readouterr().out
        served.content = nuclei()
        assert fetch(served, again, FIXED.name).is_dir()
        assert "nobody publishes" not in capsys.readouterr().out


def test_a_new_version_that_is_trusted_replaces_the_pin(tmp_path: Path) -> None:
    pin = tmp_path / "dsb2018-fixed.sha256"
    pin.write_text(f"{'0' * 64}  dsb2018-fixed.zip\n")
    with serving(nuclei()) as served:
        assert fetch(served, tmp_path, FIXED.name, checksum=sum_of(nuclei())).is_dir()
    assert pin.read_text() == f"{hashlib.sha256(nuclei()).hexdigest()}  dsb2018-fixed.zip\n"


def test_a_pin_that_is_none_is_told(served: Served, tmp_path: Path) -> None:
    (tmp_path / "dsb2018-fixed.sha256").write_text("")
    with pytest.raises(DataError, match=r"dsb2018-fixed\.sha256: holds no SHA-256; remove it"):
        fetch(served, tmp_path, FIXED.name)


def test_a_page_instead_of_an_archive_is_not_pinned(tmp_path: Path) -> None:
    with serving(b"<!DOCTYPE html> please log in") as served:
        with pytest.raises(DataError, match=r"gives no whole zip or tar archive; see what it gives in .*zip\.refused"):
            fetch(served, tmp_path, FIXED.name)
        assert left(tmp_path) == {"dsb2018-fixed.zip.refused"}
        served.content = nuclei()
        assert fetch(served, tmp_path, FIXED.name).is_dir()


def test_a_page_stays_refused_whatever_its_checksum(tmp_path: Path) -> None:
    with serving(b"<!DOCTYPE html> please log in") as served:
        for _ in range(2):
            with pytest.raises(DataError, match="gives no whole zip or tar archive"):
                fetch(served, tmp_path)
            assert left(tmp_path) == {"kvasir-seg.zip.refused"}


def test_an_archive_that_was_put_there_by_hand_is_taken(served: Served, tmp_path: Path) -> None:
    (tmp_path / "kvasir-seg.zip").write_bytes(served.content)
    assert len(list_cases(fetch(served, tmp_path))[1]) == 6
    assert served.asked == []


def test_an_archive_that_is_there_and_another_is_left_alone(served: Served, tmp_path: Path) -> None:
    (tmp_path / "kvasir-seg.zip").write_bytes(b"mine")
    with pytest.raises(DataError, match=rf"kvasir-seg\.zip: is {sum_of(b'mine')}, expected .*; remove it to fetch it"):
        fetch(served, tmp_path)
    assert (tmp_path / "kvasir-seg.zip").read_bytes() == b"mine" and served.asked == []


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"Kvasir-SEG/images/a.jpg": b"x", "../evil": b"x"}, "leads out of its folder"),
        (
            {"elsewhere/a.jpg": b"x", "b": b"x"},
            "has no folder Kvasir-SEG in it, but b, elsewhere; remove it, it is not kvasir-seg",
        ),
    ],
)
def test_an_archive_that_cannot_be_used_leaves_no_set(
    served: Served, tmp_path: Path, files: dict[str, bytes], told: str
) -> None:
    served.content = zipped(files)
    with pytest.raises(DataError) as raised:
        fetch(served, tmp_path / "data")
    assert str(raised.value).startswith(f"{tmp_path / 'data' / 'kvasir-seg.zip'}: ") and told in str(raised.value)
    assert left(tmp_path) == {"data"} and left(tmp_path / "data") == {"kvasir-seg.zip"}


def test_what_a_killed_run_left_does_not_end_in_the_set(served: Served, tmp_path: Path) -> None:
    (tmp_path / ".kvasir-seg.unpacking" / "Kvasir-SEG" / "images").mkdir(parents=True)
    (tmp_path / ".kvasir-seg.unpacking" / "Kvasir-SEG" / "images" / "half.jpg").write_text("")
    assert not (fetch(served, tmp_path) / "images" / "half.jpg").exists()
    assert left(tmp_path) == {"kvasir-seg", "kvasir-seg.zip"}


@pytest.mark.parametrize(
    ("when", "rest"),
    [
        ("downloading", {"kvasir-seg.zip.part", "kvasir-seg.zip.part.json"}),
        ("checking", {"kvasir-seg.zip.part", "kvasir-seg.zip.part.json"}),
        ("unpacking", {"kvasir-seg.zip"}),
    ],
)
def test_an_interruption_leaves_no_half_set(served: Served, tmp_path: Path, when: str, rest: set[str]) -> None:
    def interrupt(what: str, done: int, size: int | None) -> None:
        if what == when:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(served, tmp_path, watch=interrupt)
    assert left(tmp_path) == rest
    assert len(list_cases(fetch(served, tmp_path))[1]) == 6
    assert len(served.asked) == 1, "what had come whole was not asked for again"


def test_a_disk_that_fills_up_leaves_no_half_set(tmp_path: Path) -> None:
    (tmp_path / "kvasir-seg.zip").write_bytes(content := zipped({"Kvasir-SEG/a": bytes(500_000)}))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
        with pytest.raises(OutputError, match=r"cannot be written \(File too large\); free space.*zip is kept"):
            fetch_data("kvasir-seg", tmp_path, checksum=sum_of(content))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert left(tmp_path) == {"kvasir-seg.zip"}


def test_a_folder_that_cannot_be_made(served: Served, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot be created .*; choose another --folder"):
        fetch(served, tmp_path / "file")
    assert served.asked == []


def test_a_folder_that_cannot_be_written_to(served: Served, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    if os.access(tmp_path, os.W_OK):
        pytest.skip("needs a user who may not write everywhere")
    with pytest.raises(OutputError, match=r"\.part.*: cannot be written \(Permission denied\)"):
        fetch(served, tmp_path)


@pytest.mark.parametrize(
    "url", ["", "ftp://host/a.zip", "file:///etc/passwd", "a.zip", "http://", "http://h/a b\n", "http://ü/"]
)
def test_what_is_no_address(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"url is .*; write an address that starts with https://"):
        fetch_data("kvasir-seg", tmp_path, url=url)


@pytest.mark.parametrize("name", ["cvc-clinicdb", "kvasir"])
def test_a_set_that_cannot_be_fetched(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        fetch_data(name, tmp_path)
    assert ("RAR archive" if name == "cvc-clinicdb" else "did you mean 'kvasir-seg'") in str(raised.value)
    assert left(tmp_path) == set()


def test_every_error_is_one_line(served: Served, tmp_path: Path) -> None:
    for options in (dict(url="x"), dict(checksum="x"), dict(checksum=sum_of(b""))):
        with pytest.raises(MonaisegError) as raised:
            fetch(served, tmp_path, **options) if "url" not in options else fetch_data(
                "kvasir-seg", tmp_path, **options
            )
        assert "\n" not in str(raised.value)
