"""A bundle is checked without being run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from monaiseg.bundle import copy_bundle, shipped_bundles
from monaiseg.bundle.checked import check_bundle, check_file
from monaiseg.cli import main
from monaiseg.errors import ConfigError

ANCHORS = "a0: &a0 [1]\n" + "".join(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]\n" for n in range(30))
MACROS = "a0: [1, 2]\n" + "".join(f"a{n + 1}: {[f'%a{n}'] * 9}\n" for n in range(30))
MERGES = "a0: &a0 {x: 1}\n" + "".join(f"a{n + 1}: &a{n + 1} {{<<: [{', '.join([f'*a{n}'] * 9)}]}}\n" for n in range(30))
TRAIN = shipped_bundles()["unetpp"] / "train.yaml"


@pytest.mark.parametrize("name", shipped_bundles())
def test_shipped_bundles_are_sound(name: str) -> None:
    assert {path.name for path in check_bundle(name)} == {"train.yaml", "evaluate.yaml", "inference.yaml"}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"epoch": 1}, "--epoch matches nothing in the bundle; did you mean 'epochs'"),
        ({"amp": "false"}, "amp is the text 'false'; write --amp False"),
        ({"lr": "1e-3"}, "lr is the text '1e-3', not a number; in YAML write 1.0e-3"),
        ({"training": []}, "nothing in it can be run; give it a list such as"),
        ({"lr": "nan"}, "lr is the text 'nan', not a number$"),
        (
            {"train::trainer::decollate": "false"},
            "#decollate is the text 'false'; write it without quotes",
        ),
        (
            {"train#trainer#max_epochs": "1e1"},
            "#max_epochs is the text '1e1', not a number; in YAML write",
        ),
        ({"arch_options": {"norm": "None"}}, "arch_options#norm is the text 'None'; write it without quotes"),
        ({"train::optimizer::_target_": "monaiseg.engine.build_optimiser"}, "did you mean 'build_optimizer'"),
        ({"network": "$@setting.place(1)"}, "network: @setting matches nothing in the bundle; did you mean 'settings'"),
        (
            {"train::loss": {"_target_": "DiceLoss", "sigmoi": True}},
            "DiceLoss takes no 'sigmoi'; did you mean 'sigmoid'",
        ),
        ({"train::loss": {"_target_": "monaiseg.losses.build_loss"}}, "train::loss: .* needs 'name'; give it"),
    ],
)
def test_mistakes_are_refused(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_file(TRAIN, overrides)


def test_what_a_macro_brings_from_another_file_is_listed(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("call: {_target_: os.system, command: '$print(1)'}\n")
    (tmp_path / "train.yaml").write_text(f"further: '%{tmp_path}/other.yaml::call'\n")
    (found,) = check_bundle(str(tmp_path / "train.yaml")).values()
    assert [(one.text, one.outside) for one in found] == [("os.system", ("os",)), ("$print(1)", ())]


@pytest.mark.parametrize("text", [MACROS, "a: '%bomb.yaml::a30'\n"], ids=["itself", "another file"])
def test_macros_that_repeat_each_other_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bomb.yaml").write_text(ANCHORS)
    Path("train.yaml").write_text(text)
    with pytest.raises(ConfigError, match="yaml: has more than 100000 entries"):
        check_bundle("train.yaml")


def test_files_of_every_kind_that_could_be_run_are_looked_at(tmp_path: Path) -> None:
    bundle = copy_bundle("unetpp", tmp_path / "mine")
    (bundle / "more.json").write_text('{"a": {"_target_": "os.system"}}')
    (bundle / "more.yml").write_text("a: $1")
    found = check_bundle(str(bundle))
    assert {path.name for path in found} > {"more.json", "more.yml"} and bundle / "metadata.json" not in found
    assert [one.outside for one in found[bundle / "more.json"]] == [("os",)]


def test_what_is_no_mistake_is_let_pass() -> None:
    check_file(TRAIN, {"epochs": 3, "train::loss": {"_target_": "DiceLoss", "_mode_": "callable"}})
    check_file(TRAIN, {"train::loss": {"_target_": "torch.nn.Sequential", "0": 1}})


def test_a_file_that_is_no_yaml_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "train.yaml"
    file.write_text("a: 1\nb: [1\nc: 2\n")
    with pytest.raises(ConfigError, match=r"train.yaml, line 3: is no YAML \(.*\); mend it"):
        check_bundle(str(file))
    file.write_bytes(b"a: \xff\n")
    with pytest.raises(ConfigError, match=r"train.yaml: cannot be read|train.yaml.*: is no YAML"):
        check_bundle(str(tmp_path))
    with pytest.raises(ConfigError, match="no bundle 'nowhere'"):
        check_bundle("nowhere")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ANCHORS, "has more than 100000 entries, anchors followed"),
        ("a: &a [1, *a]\n", "has more than 100000 entries"),
        (MERGES, "has more than 100000 entries, those that << brings counted"),
        (f"a: {'[' * 5000}{']' * 5000}\n", "is nested too deeply"),
        ("- 1\n", "holds list, not keys and their values"),
        ("hello\n", "holds str"),
        ("", "holds NoneType"),
    ],
    ids=["bomb", "cycle", "merges", "deep", "list", "text", "empty"],
)
def test_what_is_no_bundle_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "train.yaml").write_text(text)
    with pytest.raises(ConfigError, match=rf"^[^:]*train.yaml(, line 7)?: {message}"):
        check_bundle(str(tmp_path))


def test_the_command_lists_and_warns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bundle", "check", "unetpp", "--epochs", "2"]) == 0
    out = capsys.readouterr().out
    assert "monaiseg.losses.build_loss" in out and "$@train::trainer.run()" in out and "WARNING" not in out
    mine = copy_bundle("unetpp", tmp_path / "mine")
    with (mine / "inference.yaml").open("a") as file:
        file.write("further: $torch.os.system('x')\n")
    assert main(["bundle", "check", str(mine)]) == 0
    assert "WARNING: inference.yaml: further: " in capsys.readouterr().out
    assert main(["bundle", "check", str(mine), "--epoch", "2"]) == 2
    assert f"{mine / 'train.yaml'}: --epoch matches nothing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: {_target_: DiceLoss, 1: 2}", "a: DiceLoss takes no '1'"),
        ("a: '%b::0'\nb: text", r"train.yaml: cannot be parsed \(.*\); mend that entry"),
        ("a: '%nowhere::b'", "train.yaml: cannot be parsed"),
    ],
)
def test_entries_that_cannot_be_parsed_are_told_with_the_file(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "train.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message) as raised:
        check_bundle(str(tmp_path))
    assert str(raised.value).startswith(f"{tmp_path / 'train.yaml'}: ")


def test_what_a_bundle_holds_does_nothing_to_the_terminal_that_shows_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else what it executes could clear the line that tells so."""
    text = r"""{"a": "$evil('\e[2K\u202e')", "b\e[2J": "$evil()"}"""
    (tmp_path / "train.yaml").write_text(text)
    assert main(["bundle", "check", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert r"$evil('\x1b[2K\u202e')" in out and r"WARNING: train.yaml: b\x1b[2J: evil" in out
    assert not {"\x1b", "\u202e"} & set(out)
