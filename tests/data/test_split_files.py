"""Split files: what is written is read back, and a file that does not fit the data is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from monaiseg.data import CaseSplit, SplitFile, load_cases, make_split_file, read_split_file
from monaiseg.data.finding import every_case, find_whole
from monaiseg.data.splits import allocate
from monaiseg.errors import ConfigError, DataError, OutputError

Write = Callable[..., Path]
Edit = Callable[[dict[str, Any]], Any]


@pytest.fixture
def folder(tmp_path: Path, write_pairs: Write) -> Path:
    return write_pairs(tmp_path / "set", 10, (40, 40))


def made(folder: Path, shares: list[float], groups: list[str] | None = None) -> SplitFile:
    found, _ = find_whole(folder)
    layout, cases = found.layout, every_case(found)
    groups = groups or [case["id"] for case in cases]
    how: dict[str, Any] = {"by": "case", "seed": 3, "stratified": False}
    how |= {"folds": len(shares)} if len(set(shares)) == 1 else {"shares": shares}
    return make_split_file(cases, allocate(cases, groups, shares, 3), groups, layout, how)


@pytest.fixture
def folds(folder: Path, tmp_path: Path) -> Path:
    made(folder, [1.0] * 5).write(tmp_path / "folds.json")
    return tmp_path / "folds.json"


@pytest.fixture
def thirds(folder: Path, tmp_path: Path) -> Path:
    made(folder, [0.5, 0.2, 0.3]).write(tmp_path / "parts.json")
    return tmp_path / "parts.json"


def ids(split: CaseSplit) -> tuple[list[str], list[str]]:
    return [case["id"] for case in split.train], [case["id"] for case in split.validation]


def test_it_is_read_as_it_was_written(folder: Path, tmp_path: Path) -> None:
    split = made(folder, [1.0] * 4, [str(n // 2) for n in range(10)])
    split.write(tmp_path / "s.json")
    back = read_split_file(tmp_path / "s.json")
    assert back.content() == split.content() and back.sha256() == split.sha256()
    assert back.in_folds and list(back.parts) == ["fold 0", "fold 1", "fold 2", "fold 3"]
    assert back.made["seed"] == 3 and back.layout == "images_masks" and back.groups["case_03"] == "1"


def test_it_is_never_overwritten(folds: Path, folder: Path) -> None:
    before = folds.read_bytes()
    with pytest.raises(OutputError, match=r"folds\.json: is there already; remove it or choose another --output"):
        made(folder, [1.0] * 5).write(folds)
    assert folds.read_bytes() == before


def test_the_hash_tells_splits_apart(folder: Path) -> None:
    assert made(folder, [1.0] * 5).sha256() == made(folder, [1.0] * 5).sha256() != made(folder, [1.0] * 4).sha256()


def test_each_fold_of_a_file_validates(folder: Path, folds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = read_split_file(folds).parts
    for fold in range(5):
        split = load_cases(str(folder), fold=fold, split=str(folds))
        train, validation = ids(split)
        assert validation == parts[f"fold {fold}"] and sorted(train + validation) == sorted(sum(parts.values(), []))
        assert train == sorted(train)
        assert f"fold {fold} of 5 of {folds} (by case, seed 3)" in capsys.readouterr().out
        assert split.record()["split_sha256"] == read_split_file(folds).sha256()


def test_the_test_part_is_left_alone(folder: Path, thirds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = read_split_file(thirds).parts
    split = load_cases(str(folder), split=str(thirds))
    assert ids(split) == (parts["train"], parts["validation"])
    assert "fold ignored; 3 test cases left alone" in capsys.readouterr().out
    assert not set(parts["test"]) & set(sum(ids(split), []))
    assert ids(load_cases(str(folder), split=str(thirds), part="test")) == (parts["train"], parts["test"])


@pytest.mark.parametrize("fold", [5, -1, True, "test"])
def test_wrong_folds_of_a_file(folder: Path, folds: Path, fold: Any) -> None:
    with pytest.raises(ConfigError, match=rf"fold is {fold!r}; of .*folds\.json it must be between 0 and 4"):
        load_cases(str(folder), fold=fold, split=str(folds))


@pytest.mark.parametrize("part", ["train", "tset", "fold 0"])
def test_wrong_parts_of_a_file(folder: Path, thirds: Path, part: str) -> None:
    with pytest.raises(ConfigError, match=rf"no part {part!r}; .*parts\.json has train, validation, test"):
        load_cases(str(folder), split=str(thirds), part=part)


def test_no_test_part_is_told(folder: Path, tmp_path: Path) -> None:
    made(folder, [0.7, 0.3]).write(tmp_path / "two.json")
    assert len(load_cases(str(folder), split=str(tmp_path / "two.json")).validation) == 3
    with pytest.raises(ConfigError, match="has train, validation"):
        load_cases(str(folder), split=str(tmp_path / "two.json"), part="test")


def edited(path: Path, edit: Edit) -> Path:
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))
    return path


def first_of(content: dict[str, Any], part: str) -> str:
    return str(content["parts"][part][0])


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda c: c["parts"]["fold 1"].append(first_of(c, "fold 0")), r"case case_\d+ is in fold 0 and in fold 1"),
        (
            lambda c: c["groups"].update({first_of(c, p): "video" for p in ("fold 0", "fold 2")}),
            r"group video is in fold 0 \(case_\d+\) and in fold 2 \(case_\d+\); leave it in one part",
        ),
        (lambda c: c["parts"]["fold 0"].append("stranger"), "case stranger has no group or no hash"),
        (lambda c: c["parts"]["fold 0"].pop(), r"case case_\d+ is in no part"),
        (lambda c: c["parts"].update({"fold 0": []}), "fold 0 is empty"),
        (lambda c: c["parts"].update({"tset": c["parts"].pop("fold 4")}), "its parts are fold 0, .*, tset; expected"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(folds: Path, folder: Path, edit: Edit, message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        load_cases(str(folder), split=str(edited(folds, edit)))
    assert str(folds) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read"),
        ("{", "it is not JSON"),
        ("[]", "is no split file"),
        ('{"train": [], "validation": []}', "is no split file"),
        ('{"format": "monaiseg split 1", "made": {}, "layout": "a", "parts": []}', "is no split file"),
        (
            '{"format": "monaiseg split 1", "made": {}, "layout": "a", "parts": {"fold 0": "ab"}, '
            '"groups": {}, "hashes": {}}',
            "its parts must be lists of ids",
        ),
    ],
)
def test_what_is_no_split_file(folder: Path, tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "s.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_cases(str(folder), split=str(path))


def test_missing_new_and_changed_cases_are_named(folder: Path, folds: Path) -> None:
    image, mask = folder / "images" / "case_04.png", folder / "masks" / "case_04.png"
    kept = image.read_bytes()
    Image.effect_noise((30, 30), 9).save(image)
    with pytest.raises(DataError, match="the files of case case_04 have changed since; restore the data, or make a"):
        load_cases(str(folder), split=str(folds))
    image.write_bytes(kept)
    load_cases(str(folder), split=str(folds))
    for path in (image, mask):
        shutil.copy(path, path.with_name("case_99.png"))
    with pytest.raises(DataError, match="case case_99 of the data is in no part"):
        load_cases(str(folder), split=str(folds))
    for path in (image, mask):
        path.with_name("case_99.png").unlink()
        path.unlink()
    with pytest.raises(DataError, match=r"case case_04 of fold \d is not in the data"):
        load_cases(str(folder), split=str(folds))


def moved(content: dict[str, Any]) -> None:
    content["parts"]["fold 1"].append(content["parts"]["fold 0"].pop())


def test_a_file_that_was_changed_by_hand_is_refused_unless_that_is_meant(folder: Path, folds: Path) -> None:
    with pytest.raises(DataError, match=r"folds\.json: its sha256 is not that of its parts.*remove the line sha256"):
        load_cases(str(folder), split=str(edited(folds, moved)))
    load_cases(str(folder), split=str(edited(folds, lambda content: content.pop("sha256"))))


def test_a_change_that_keeps_name_and_size_is_seen(folder: Path, folds: Path) -> None:
    mask = folder / "masks" / "case_04.png"
    with Image.open(mask) as picture:
        inverted = picture.point(lambda value: 255 - value)
    inverted.save(mask.with_suffix(".bmp"))
    mask.unlink()
    made(folder, [1.0] * 5).write(folds.with_name("new.json"))
    content = bytearray(mask.with_suffix(".bmp").read_bytes())
    content[-1] ^= 255
    mask.with_suffix(".bmp").write_bytes(content)
    with pytest.raises(DataError, match="the files of case case_04 have changed since"):
        load_cases(str(folder), split=str(folds.with_name("new.json")))


def test_the_hash_is_of_the_split_and_not_of_who_made_it(folder: Path) -> None:
    split = made(folder, [1.0] * 5)
    assert replace(split, made={**split.made, "monaiseg": "99"}).sha256() == split.sha256()


def test_the_folder_may_have_moved(folder: Path, folds: Path, tmp_path: Path) -> None:
    folder.rename(tmp_path / "elsewhere")
    assert len(load_cases(str(tmp_path / "elsewhere"), split=str(folds)).train) == 8


def test_a_folder_that_comes_split_is_split_anew(tmp_path: Path, write_pairs: Write) -> None:
    """The ids of its parts may repeat, as Kvasir's do: they are called after their part."""
    for part, seed in (("train", 0), ("validation", 50)):
        write_pairs(tmp_path / "set" / part, 5, (30, 30), seed)
    found, _ = find_whole(tmp_path / "set")
    layout, cases = found.layout, every_case(found)
    assert layout == "images_masks"
    assert [case["id"] for case in cases][4:6] == ["train_case_04", "validation_case_00"]
    made(tmp_path / "set", [1.0] * 5).write(tmp_path / "s.json")
    seen = [ids(load_cases(str(tmp_path / "set"), fold=fold, split=str(tmp_path / "s.json")))[1] for fold in range(5)]
    assert sorted(sum(seen, [])) == [case["id"] for case in cases]


@pytest.mark.parametrize("held", [[1], "text", None])
def test_a_record_whose_split_is_none(folder: Path, tmp_path: Path, held: Any) -> None:
    (tmp_path / "s.json").write_text(json.dumps({"file": held}))
    with pytest.raises(ConfigError, match=r"s.json: is no split file"):
        load_cases(str(folder), split=str(tmp_path / "s.json"))


def test_a_layout_that_there_is_not_is_told_with_the_file(folder: Path, folds: Path) -> None:
    edited(folds, lambda content: content.update(layout="images_mask"))
    with pytest.raises(ConfigError, match=r"folds.json: its layout is 'images_mask'; did you mean 'images_masks'"):
        load_cases(str(folder), split=str(folds))


def test_a_split_of_sets_of_two_layouts_is_taken(tmp_path: Path, write_pairs: Write) -> None:
    write_pairs(tmp_path / "set" / "a", 4, (40, 40))
    beside = write_pairs(tmp_path / "set" / "b", 3, (40, 40), seed=9)
    for mask in (beside / "masks").iterdir():
        mask.rename(beside / "images" / f"{mask.stem}_mask.png")
    (beside / "masks").rmdir()
    split = made(tmp_path / "set", [1.0] * 3)
    assert split.layout == "images_masks and side_by_side"
    split.write(tmp_path / "s.json")
    cases = load_cases(str(tmp_path / "set"), split=str(tmp_path / "s.json"))
    assert len(cases.train) + len(cases.validation) == 7
