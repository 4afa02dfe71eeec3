"""`monaiseg data fetch`: what it prints, writes and ends with."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from serving import Served, serving

from monaiseg.cli import main


@pytest.fixture
def served(write_pairs: Callable[..., Path], tmp_path: Path) -> Iterator[Served]:
    """A server of what looks like the spleens of the Decathlon, written as macOS writes it."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name in ("Task09_Spleen/imagesTr/._a.nii.gz", "Task09_Spleen/imagesTr/a.nii.gz"):
            info = tarfile.TarInfo(f"./{name}")
            info.size = 3
            archive.addfile(info, io.BytesIO(b"abc"))
    with serving(content.getvalue(), "Task09_Spleen.tar") as served:
        yield served


def call(served: Served, *flags: str, name: str = "msd-spleen") -> int:
    checksum = f"md5:{hashlib.md5(served.content).hexdigest()}"
    return main(["data", "fetch", name, "--url", served.url, "--checksum", checksum, *flags])


def test_it_says_where_the_set_lies_and_what_to_type_next(served: Served, tmp_path: Path, capsys) -> None:
    folder = tmp_path / "my data"
    assert call(served, "--folder", str(folder)) == 0
    told, errors = capsys.readouterr()
    root = folder / "msd-spleen" / "Task09_Spleen"
    assert told.splitlines()[-2:] == [
        f"msd-spleen lies in {root}; {folder / 'msd-spleen.tar'} is not needed any more",
        f"next: monaiseg train unetpp --data_root '{root}'",
    ]
    assert told.startswith("msd-spleen: the spleen in 41 CT; Medical Segmentation Decathlon\n")
    assert "  terms  CC BY-SA 4.0: name the source, share what you change alike" in told
    assert errors == ""
    assert (root / "imagesTr" / "a.nii.gz").read_bytes() == b"abc"

    (folder / "msd-spleen.tar").unlink()
    assert call(served, "--folder", str(folder)) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("msd-spleen is there already") and told[1] == f"msd-spleen lies in {root}"
    assert told[2].startswith("next: monaiseg train unetpp --data_root")


def test_the_folder_is_data_unless_told(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(served) == 0
    assert (tmp_path / "data" / "msd-spleen" / "Task09_Spleen").is_dir()


def test_bars_are_drawn_on_a_terminal(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    served.breaks = [100]
    assert call(served, "--folder", str(tmp_path)) == 0
    drawn = capsys.readouterr().err
    assert "downloading" in drawn or "checking" in drawn or "unpacking" in drawn


@pytest.mark.parametrize(
    ("behaviour", "code", "told"),
    [
        (dict(status=404), 3, "HTTP 404"),
        (dict(breaks=[10, 0]), 3, "the connection broke off; 10 bytes are kept; run the command again"),
        (dict(claims=10**16), 5, "are to come and"),
    ],
)
def test_a_failure_is_one_line_and_a_code(
    served: Served, tmp_path: Path, behaviour: dict[str, object], code: int, told: str, capsys
) -> None:
    for name, value in behaviour.items():
        setattr(served, name, value)
    assert call(served, "--folder", str(tmp_path)) == code
    error = capsys.readouterr().err
    assert told in error and error.startswith("monaiseg: error: ") and len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["kvasir"], "did you mean 'kvasir-seg'"),
        ([], "which data set? there is dsb2018, dsb2018-fixed, kvasir-seg"),
        (["cvc-clinicdb"], "cvc-clinicdb cannot be fetched from https://polyp.grand-challenge.org"),
        (["kvasir-seg", "--url", "kvasir-seg.zip"], "write an address that starts with https://"),
        (["kvasir-seg", "--checksum", "abc"], "write ALGORITHM:HEXADECIMAL"),
        (["kvasir-seg", "--json"], "--json goes with --list"),
    ],
)
def test_a_wrong_option_is_one_line(
    arguments: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["data", "fetch", *arguments]) == 2
    error = capsys.readouterr().err
    assert told in error and len(error.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_the_list(capsys) -> None:
    assert main(["data", "fetch", "--list"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[0].split() == ["data", "set", "size", "what", "terms"]
    assert len(rows) == 15
    [kvasir] = [row for row in rows if row.startswith("kvasir-seg ")]
    assert kvasir.split()[1:3] == ["46.2", "MB"] and kvasir.rstrip().endswith("needs written permission")
    assert [row.split()[1] for row in rows if row.startswith(("cvc-clinicdb ", "msd-prostate "))] == ["by", "?"]


def test_the_list_as_json(capsys) -> None:
    assert main(["data", "fetch", "--list", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["msd-hippocampus"]["checksum"] == "md5:9d24dba78a72977dbd1d2e110310f31b"
    assert rows["dsb2018-fixed"]["checksum"] is None


def test_an_action_is_needed(capsys) -> None:
    with pytest.raises(SystemExit):
        main(["data"])
    assert "ACTION" in capsys.readouterr().err
