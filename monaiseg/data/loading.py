"""From `data_root` to training and validation cases: recognise, split, and say what was taken."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai.data.utils import partition_dataset

from monaiseg.data.cases import Case, data_hash
from monaiseg.data.generated import generated_kind, write_generated
from monaiseg.data.layouts import list_cases, split_folders
from monaiseg.errors import ConfigError, DataError

FOLDS = 5

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
) -> CaseSplit:
    """Return the cases of a folder, split into training and validation, and print what was taken.

    Args:
        data_root: the folder; `"none"` generates a small set under `generated_dir`.
        layout: a layout's name, or `"auto"` to recognise it.
        fold: which of the folds made from `split_seed` validates; a folder that comes split ignores it.
        split_seed: the only thing that the folds depend on.
        generated: the kind of set that is generated where there is no folder, one of `GENERATED`.

    Raises:
        ConfigError: `layout`, `fold` or `generated` cannot be used.
        DataError: the folder or a case in it cannot be used.
    """
    version = generated_kind(generated).version
    if data_root == "none":
        root = write_generated(generated, Path(generated_dir) / f"{generated}-v{version}")
        print(f"data: none given (--data_root FOLDER), so a set of {generated} was generated in {root}")
    else:
        root = _existing(data_root)
    split = _split_as_it_comes(root, layout) or _split_into_folds(root, layout, fold, split_seed)
    print(
        f"data: {len(split.train)} training and {len(split.validation)} validation cases in {root}, "
        f"layout {split.layout}, {split.origin['split']}"
    )
    return split


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


def _split_into_folds(root: Path, layout: str, fold: int, split_seed: int) -> CaseSplit:
    name, cases = list_cases(root, layout)
    groups = sorted({_group(case) for case in cases})
    folds = min(FOLDS, len(groups))
    if folds < 2:
        raise DataError(f"{root}: {len(groups)} case only; training and validation need at least 2")
    if not isinstance(fold, int) or isinstance(fold, bool) or not 0 <= fold < folds:
        raise ConfigError(f"fold is {fold!r}; with {len(groups)} cases it must be between 0 and {folds - 1}")
    if not isinstance(split_seed, int) or isinstance(split_seed, bool) or split_seed < 0:
        raise ConfigError(f"split_seed is {split_seed!r}; it must be a whole number from 0")
    parts = partition_dataset(groups, num_partitions=folds, shuffle=True, seed=split_seed)
    held_out = set(parts[fold])
    return CaseSplit(
        root,
        name,
        [case for case in cases if _group(case) not in held_out],
        [case for case in cases if _group(case) in held_out],
        {"split": f"fold {fold} of {folds} (split seed {split_seed})", "fold": fold, "split_seed": split_seed},
    )


def _group(case: Case) -> str:
    return case["group"] or case["id"]
