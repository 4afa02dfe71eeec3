"""`monaiseg data convert` on the command line: what it says, and what it ends with."""

from __future__ import annotations

from pathlib import Path

import conversion_sets as sets
import pytest

from monaiseg.cli import main
from monaiseg.data import find_data


def test_what_was_written_is_said_and_what_was_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    sets.grouped_list(tmp_path / "set")
    out = tmp_path / "out"
    assert main(["data", "convert", str(tmp_path / "set"), str(out), "--to", "nnunet", "--size", "16", "16"]) == 0
    assert f"wrote 3 cases to {out}; next: monaiseg data check {out}" in capsys.readouterr().out
    assert "2 groups of cases are not kept: nnunet has no place for them, --to list has" in caplog.text
    assert find_data(out).layout == "nnunet"
    assert main(["data", "check", str(out)]) == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("gone", "out", "--to", "list"), 3, "gone: no such file or folder"),
        (("set", "out", "--to", "decathlon"), 3, "c0.jpg: the Decathlon holds volumes; --to nnunet holds pictures"),
        (("set", "out", "--to", "lists"), 2, "to is 'lists'; did you mean 'list'"),
        (("set", ".", "--to", "list"), 5, ".: is the folder you work in; name a new one, such as converted"),
        (("set", "out", "--to", "list", "--size", "8", "8"), 2, "a list names files as they are; to resize them"),
    ],
)
def test_refusals_are_one_line(
    arguments: tuple[str, ...],
    code: int,
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sets.two_valued(tmp_path / "set")
    monkeypatch.chdir(tmp_path)
    assert main(["data", "convert", *arguments]) == code
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line]
    assert said in line and not (tmp_path / "out").exists()
