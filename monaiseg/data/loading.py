"""From `data_root` to training and validation cases: recognise, split, and say what was taken."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monaiseg.data.cases import Case, data_hash
from monaiseg.data.generated import generated_kind, write_generated
from monaiseg.data.layouts import list_cases, split_folders
from monaiseg.data.split_files import SplitFile, read_split_file
from monaiseg.data.splits import FOLDS, check_seed, equal_folds, group
from monaiseg.errors import ConfigError, DataError

logger = logging.getLogger("monaiseg")


@dataclass(frozen=True)
class CaseSplit:
    """The cases of a run.

    Attributes:
        root: the folder they came from.
        layout: how it was read.
        train: the training cases, sorted by id; `validation` likewise.
        origin: how the split was made.
    """

    root: Path
    layout: str
    train: list[Case]
    validation: list[Case]
    origin: dict[str, Any]

    def classes(self) -> list[str]:
        """Return the names of the label channels where each has a folder of its own, else nothing."""
        labels = [*self.train, *self.validation][0]["label"]
        return [Path(str(channel)).parent.name for channel in labels] if self.layout == "class_masks" else []

    def record(self) -> dict[str, Any]:
        """Return what the split file holds: where the split came from, a hash of the files, the ids of each side."""
        return {
            "root": str(self.root.resolve()),
            "layout": self.layout,
            "hash": data_hash([*self.train, *self.validation]),
            "classes": self.classes(),
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
    split: str = "none",
    part: str = "validation",
) -> CaseSplit:
    """Return the cases of a folder, split into training and validation, and print what was taken.

    Args:
        data_root: the folder; `"none"` generates a small set under `generated_dir`.
        layout: a layout's name, or `"auto"` to recognise it.
        fold: which of the folds made from `split_seed`, or of the split file, validates; a folder that comes split, or
            a file that has other parts than folds, ignores it.
        split_seed: the only thing that the folds depend on.
        generated: the kind of set that is generated where there is no folder, one of `GENERATED`.
        split: a split file, as `monaiseg data split` writes it, or `"none"`.
        part: what validates where the split file has train, validation and test: `"validation"` or `"test"`.

    Raises:
        ConfigError: `layout`, `fold`, `generated`, `split` or `part` cannot be used.
        DataError: the folder or a case in it cannot be used, or the split file does not fit it.
    """
    version = generated_kind(generated).version
    if data_root == "none":
        root = write_generated(generated, Path(generated_dir) / f"{generated}-v{version}")
        print(f"data: none given (--data_root FOLDER), so a set of {generated} was generated in {root}")
    else:
        root = _existing(data_root)
    if split != "none":
        cases = _split_by_file(root, layout, fold, part, read_split_file(split))
    else:
        cases = _split_as_it_comes(root, layout) or _split_into_folds(root, layout, fold, split_seed)
    print(
        f"data: {len(cases.train)} training and {len(cases.validation)} validation cases in {root}, "
        f"layout {cases.layout}, {cases.origin['split']}"
    )
    return cases


def all_cases(data_root: str, layout: str = "auto") -> CaseSplit:
    """Return all cases of a folder as validation cases, to score a network that was not trained on them; raises as
    `load_cases` does.
    """
    root = _existing(data_root)
    name, cases = list_cases(root, layout)
    print(f"data: {len(cases)} cases in {root}, layout {name}")
    return CaseSplit(root, name, [], cases, {"split": "all cases"})


def _existing(data_root: str) -> Path:
    root = Path(str(data_root)).expanduser()
    if not root.is_dir():
        raise DataError(f"data_root {root}: no such folder; give an existing one with --data_root")
    return root


def _split_as_it_comes(root: Path, layout: str) -> CaseSplit | None:
    folders = split_folders(root)
    if folders is None:
        return None
    (name, train), (_, validation) = (list_cases(folder, layout) for folder in folders)
    origin = {"split": f"split as the folder comes ({folders[0].name}, {folders[1].name}); fold ignored"}
    return CaseSplit(root, name, train, validation, origin)


def every_case(root: Path, layout: str = "auto") -> tuple[str, list[Case]]:
    """Return the layout and all cases of a folder; where it comes split, ids start with the part: they may repeat.

    Raises:
        ConfigError: there is no such layout.
        DataError: the folder or a case in it cannot be used.
    """
    folders = split_folders(root)
    if folders is None:
        return list_cases(root, layout)
    listed = [(folder, *list_cases(folder, layout)) for folder in folders]
    cases = [Case(**case | {"id": f"{folder.name}_{case['id']}"}) for folder, _, found in listed for case in found]
    return listed[0][1], sorted(cases, key=lambda case: case["id"])


def _split_by_file(root: Path, layout: str, fold: int, part: str, file: SplitFile) -> CaseSplit:
    name, cases = every_case(root, file.layout if layout == "auto" else layout)
    parts = file.split(cases)
    how = f"{file.name} (by {file.made.get('by')}, seed {file.made.get('seed')})"
    if file.in_folds:
        held_out = f"fold {_checked_fold(fold, len(parts), f'of {file.name} it')}"
        told = f"{held_out} of {len(parts)} of {how}"
    elif part in parts and part != "train":
        held_out = part
        told = f"train and {part} of {how}; fold ignored"
        told += f"; its {len(parts['test'])} test cases are left alone" if "test" in parts and part != "test" else ""
    else:
        raise ConfigError(f"part {part!r}: {file.name} has {', '.join(parts)}")
    train = parts["train"] if "train" in parts else [c for p, held in parts.items() if p != held_out for c in held]
    train, validation = (sorted(side, key=lambda case: case["id"]) for side in (train, parts[held_out]))
    origin = {"split": told, "split_sha256": file.sha256(), "file": file.content()}
    return CaseSplit(root, name, train, validation, origin)


def _split_into_folds(root: Path, layout: str, fold: int, split_seed: int) -> CaseSplit:
    name, cases = list_cases(root, layout)
    groups = [group(case) for case in cases]
    count = len(set(groups))
    if count < 2:
        raise DataError(f"{root}: {count} case only; training and validation need at least 2")
    _checked_fold(fold, min(FOLDS, count), f"with {count} cases it")
    check_seed(split_seed)
    parts = equal_folds(cases, groups, min(FOLDS, count), split_seed)
    train = [case for number, part in enumerate(parts) if number != fold for case in part]
    return CaseSplit(
        root,
        name,
        sorted(train, key=lambda case: case["id"]),
        parts[fold],
        {"split": f"fold {fold} of {len(parts)} (split seed {split_seed})", "fold": fold, "split_seed": split_seed},
    )


def _checked_fold(fold: Any, folds: int, why: str) -> int:
    if not isinstance(fold, int) or isinstance(fold, bool) or not 0 <= fold < folds:
        raise ConfigError(f"fold is {fold!r}; {why} must be between 0 and {folds - 1}")
    return fold
