"""From `data_root` to training and validation cases: recognise, split, and say what was taken."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from monaiseg._files import home_path
from monaiseg._wording import counted
from monaiseg.data.cases import Case, data_hash, group_of, images_of
from monaiseg.data.classes import FOREGROUND, OBJECTS, Classes
from monaiseg.data.finding import ClassTable, every_case, find_whole
from monaiseg.data.generated import generated_kind, write_generated
from monaiseg.data.layouts import LAYOUTS, FoundData
from monaiseg.data.readable import ERROR
from monaiseg.data.split_files import SplitFile, read_split_file
from monaiseg.data.splits import FOLDS, check_seed, equal_folds
from monaiseg.errors import ConfigError, DataError, printable, suggest

TEST = "test"
"""The part that a training leaves alone."""

ALL = "all cases"
"""How a split is told that is none."""

_SPLIT = "split with monaiseg data split --shares 0.7 0.1 0.2, and train by that"


@dataclass(frozen=True)
class CaseSplit:
    """The cases of a run.

    Attributes:
        root: the folder they came from.
        layout: how it was read.
        train: the training cases, sorted by id; `validation` likewise.
        origin: how the split was made.
        classes: what the label channels are.
        trained_on: of an evaluation, how many of the validation cases trained the run that is evaluated.
    """

    root: Path
    layout: str
    train: list[Case]
    validation: list[Case]
    origin: dict[str, Any]
    classes: Classes = FOREGROUND
    trained_on: int = 0

    @property
    def told(self) -> str:
        """The cases in words."""
        trained = f"; {self.trained_on} of them trained the run" if self.trained_on else ""
        cases = counted(len(self.validation), "case")
        return f"{cases} of {self.root}, layout {self.layout}, {self.origin['split']}{trained}"

    def record(self) -> dict[str, Any]:
        """Return what the split file holds: where the split came from, a hash of the files, the ids of each side."""
        return {
            "root": str(self.root.resolve()),
            "layout": self.layout,
            "hash": data_hash([*self.train, *self.validation]),
            "classes": self.classes.record(),
            "image_files": len(images_of([*self.train, *self.validation][0])),
            **self.origin,
            "train": [case["id"] for case in self.train],
            "validation": [case["id"] for case in self.validation],
        }


def load_cases(
    data_root: str = "none",
    layout: str = "auto",
    fold: int = 0,
    split_seed: int = 0,
    generated_dir: str = "runs/generated",
    generated: str = "nuclei",
    classes: ClassTable = "auto",
    split: str = "none",
    part: str = "validation",
    unreadable: str = ERROR,
) -> CaseSplit:
    """Return the cases of a folder, split into training and validation, and print what was taken.

    Args:
        data_root: the folder, or a file that lists cases; `"none"` generates a small set under `generated_dir`.
        layout: a layout's name, or `"auto"` to recognise it.
        fold: which of the folds made from `split_seed`, or of the split file, validates; a folder that comes split, or
            a file that has other parts than folds, ignores it.
        split_seed: the only thing that the folds depend on.
        generated: the kind of set that is generated where there is no folder, one of `GENERATED`.
        classes: `"auto"`: as the layout or a table beside the data tells, else as the label files do; or a table, as
            `{"liver": 1, "tumour": 2}` by value or `{"polyp": [255, 0, 0]}` by colour; or `"instances"`: label files
            hold an id an object.
        split: a split file, as `monaiseg data split` writes it, or `"none"`.
        part: what validates where the split file, or the folder, has train, validation and test: `"validation"` or
            `"test"`.
        unreadable: `"error"`, or `"skip"`: cases with a file that cannot be decoded are left out, and told.

    Raises:
        ConfigError: `layout`, `fold`, `generated`, `classes`, `split`, `part` or `unreadable` cannot be used.
        DataError: the folder or a case in it cannot be used, or the split file does not fit it.
    """
    version = generated_kind(generated).version
    if data_root == "none":
        root = _generated(generated, version, Path(generated_dir), numbered=classes == OBJECTS.kind)
    else:
        root = _existing(data_root)
    file = None if split == "none" else read_split_file(split)
    found, named = find_whole(root, _layout(layout, file), classes, unreadable)
    if file is not None:
        cases = _split_by_file(found, named, fold, part, file)
    else:
        cases = _split_as_it_comes(found, named, part) or _split_into_folds(found, named, fold, split_seed)
    cases = _without(cases, found.left_out)
    print(
        f"data: {len(cases.train)} training and {counted(len(cases.validation), f'{part} case')} in {cases.root}, "
        f"layout {cases.layout}, {cases.origin['split']}{_classes_text(named)}"
    )
    return cases


def _generated(kind: str, version: int, folder: Path, numbered: bool) -> Path:
    """Return where a generated set lies, after writing it if it is not there yet."""
    name = f"{kind}-v{version}{'-instances' if numbered else ''}"
    root = write_generated(kind, folder / name, instances=numbered)
    print(f"data: none given (--data_root FOLDER), so a set of {kind} was generated in {root}")
    return root


def _without(cases: CaseSplit, left_out: Mapping[str, str]) -> CaseSplit:
    """Return the cases but for some, so that all others stay on their side of the split."""
    both = [*cases.train, *cases.validation]
    told = {case["id"]: left_out[image] for case in both if (image := images_of(case)[0]) in left_out}
    if not told:
        return cases
    train, validation = (
        [case for case in side if images_of(case)[0] not in left_out] for side in (cases.train, cases.validation)
    )
    return replace(cases, train=train, validation=validation, origin=cases.origin | {"left_out": told})


def all_cases(data_root: str, layout: str = "auto", classes: ClassTable = "auto") -> CaseSplit:
    """Return all cases of a folder as validation cases, to score a network that was not trained on them.

    Of a folder that comes split their ids start with the part. Raises as `load_cases` does.
    """
    found, named = find_whole(_existing(data_root), layout, classes)
    cases = every_case(found)
    print(f"data: {counted(len(cases), 'case')} in {found.root}, layout {found.layout}{_classes_text(named)}")
    return CaseSplit(found.root, found.layout, [], cases, {"split": ALL}, named)


def _existing(data_root: str) -> Path:
    root = home_path(data_root)
    if not os.path.exists(root):
        raise DataError(f"data_root {root}: no such folder; give an existing one with --data_root")
    return root


def _layout(layout: str, file: SplitFile | None) -> str:
    """Return the layout that is asked for: else that of the split file, where it is of one."""
    if file is None or layout != "auto":
        return layout
    named, known = file.layout.split(" and "), [one.name for one in LAYOUTS]
    for name in named:
        if name not in known:
            raise ConfigError(f"split {file.name}: its layout is {name!r}{suggest(name, known)}")
    return named[0] if len(named) == 1 else layout


def _classes_text(classes: Classes) -> str:
    return "" if classes == FOREGROUND else f", classes {classes}"


def _left_alone(parts: dict[str, list[Case]]) -> str:
    return f"; {counted(len(parts[TEST]), 'test case')} left alone" if TEST in parts else ""


def _split_as_it_comes(found: FoundData, classes: Classes, part: str) -> CaseSplit | None:
    if part == TEST and TEST not in found.parts:
        raise ConfigError(f"fold is test; {found.root} has no test part (only {', '.join(found.parts)}): {_SPLIT}")
    if part not in found.parts:
        return None
    told = f"{part} part" if part == TEST else f"fold ignored{_left_alone(found.parts)}"
    origin = {"split": f"split as it comes ({', '.join(found.parts)}); {told}"}
    return CaseSplit(found.root, found.layout, _train_cases(found), found.parts[part], origin, classes)


def _train_cases(found: FoundData) -> list[Case]:
    cases = found.parts.get("train") or found.parts.get("all")
    if not cases:
        told = ", ".join(f"{len(held)} {part}" for part, held in found.parts.items())
        raise DataError(
            f"{found.root}: has no training cases (only {told}); add some, or split all with monaiseg data split"
        )
    return cases


def _split_by_file(found: FoundData, classes: Classes, fold: int, part: str, file: SplitFile) -> CaseSplit:
    parts = file.split(every_case(found))
    how = f"{file.name} (by {printable(str(file.made.get('by')))}, seed {printable(str(file.made.get('seed')))})"
    if file.in_folds and part == TEST:
        raise ConfigError(f"fold is test; {file.name} has folds 0 to {len(parts) - 1}: give one of them, or {_SPLIT}")
    if file.in_folds:
        held_out = f"fold {_checked_fold(fold, len(parts), f'of {file.name} it')}"
        told = f"{held_out} of {len(parts)} of {how}"
    elif part in parts and part != "train":
        held_out = part
        told = f"train and {part} of {how}{'' if part == TEST else f'; fold ignored{_left_alone(parts)}'}"
    else:
        raise ConfigError(f"there is no part {part!r}; {file.name} has {', '.join(parts)}: {_SPLIT}")
    train = parts["train"] if "train" in parts else [c for p, held in parts.items() if p != held_out for c in held]
    train, validation = (sorted(side, key=lambda case: case["id"]) for side in (train, parts[held_out]))
    origin = {"split": told, "split_sha256": file.sha256(), "file": file.content()}
    return CaseSplit(found.root, found.layout, train, validation, origin, classes)


def _split_into_folds(found: FoundData, classes: Classes, fold: int, split_seed: int) -> CaseSplit:
    cases = _train_cases(found)
    parts, told = _listed_folds(found, cases) if found.folds else _seeded_folds(found, cases, split_seed)
    _checked_fold(fold, len(parts), f"with {len(cases)} cases it")
    train = (case for number, part in enumerate(parts) if number != fold for case in part)
    origin = {
        "split": f"fold {fold} of {len(parts)} ({told}){_left_alone(found.parts)}",
        "fold": fold,
        "split_seed": split_seed,
    }
    in_order = sorted(train, key=lambda case: case["id"])
    return CaseSplit(found.root, found.layout, in_order, parts[fold], origin, classes)


def _seeded_folds(found: FoundData, cases: list[Case], split_seed: int) -> tuple[list[list[Case]], str]:
    groups = [group_of(case) for case in cases]
    count = len(set(groups))
    if count < 2:
        raise DataError(f"{found.root}: {count} case only; training and validation need at least 2")
    check_seed(split_seed)
    return equal_folds(cases, groups, min(FOLDS, count), split_seed), f"split seed {split_seed}"


def _listed_folds(found: FoundData, cases: list[Case]) -> tuple[list[list[Case]], str]:
    """Return the folds that a list tells, and that it does."""
    count = max(found.folds.values()) + 1
    parts = [[case for case in cases if found.folds[case["id"]] == number] for number in range(count)]
    return parts, "as the list has them; split seed ignored"


def _checked_fold(fold: Any, folds: int, why: str) -> int:
    if not isinstance(fold, int) or isinstance(fold, bool) or not 0 <= fold < folds:
        raise ConfigError(f"fold is {fold!r}; {why} must be between 0 and {folds - 1}")
    return fold
