"""From `data_root` to training and validation cases: recognise, split, and say what was taken."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai.data.utils import partition_dataset

from monaiseg.data.cases import Case, data_hash, images_of
from monaiseg.data.classes import FOREGROUND, Classes, classes_of
from monaiseg.data.generated import generated_kind, write_generated
from monaiseg.data.labels import find_classes
from monaiseg.data.layouts import FoundData, find_data
from monaiseg.data.reading import image_shape
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
        classes: what the label channels are.
    """

    root: Path
    layout: str
    train: list[Case]
    validation: list[Case]
    origin: dict[str, Any]
    classes: Classes = FOREGROUND

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
    classes: str | Mapping[str, Any] = "auto",
) -> CaseSplit:
    """Return the cases of a folder, split into training and validation, and print what was taken.

    Args:
        data_root: the folder, or a file that lists cases; `"none"` generates a small set under `generated_dir`.
        layout: a layout's name, or `"auto"` to recognise it.
        fold: which of the folds made from `split_seed` validates; a folder that comes split ignores it.
        split_seed: the only thing that the folds depend on.
        generated: the kind of set that is generated where there is no folder, one of `GENERATED`.
        classes: `"auto"`: as the layout or a table beside the data tells, else as the label files do; or a table, as
            `{"liver": 1, "tumour": 2}` by value or `{"polyp": [255, 0, 0]}` by colour.

    Raises:
        ConfigError: `layout`, `fold`, `generated` or `classes` cannot be used.
        DataError: the folder or a case in it cannot be used.
    """
    version = generated_kind(generated).version
    if data_root == "none":
        root = write_generated(generated, Path(generated_dir) / f"{generated}-v{version}")
        print(f"data: none given (--data_root FOLDER), so a set of {generated} was generated in {root}")
    else:
        root = _existing(data_root)
    found, named = find_whole(root, layout, classes)
    split = _split_as_it_comes(found, named) or _split_into_folds(found, named, fold, split_seed)
    print(
        f"data: {len(split.train)} training and {len(split.validation)} validation cases in {split.root}, "
        f"layout {split.layout}, {split.origin['split']}{_classes_text(named)}"
    )
    return split


def all_cases(data_root: str, layout: str = "auto", classes: str | Mapping[str, Any] = "auto") -> CaseSplit:
    """Return all cases of a folder as validation cases, to score a network that was not trained on them; raises as
    `load_cases` does.
    """
    found, named = find_whole(_existing(data_root), layout, classes)
    print(f"data: {len(found.cases)} cases in {found.root}, layout {found.layout}{_classes_text(named)}")
    return CaseSplit(found.root, found.layout, [], found.cases, {"split": "all cases"}, named)


def _existing(data_root: str) -> Path:
    root = Path(str(data_root)).expanduser()
    if not root.exists():
        raise DataError(f"data_root {root}: no such folder; give an existing one with --data_root")
    return root


def find_whole(
    root: Path, layout: str = "auto", classes: str | Mapping[str, Any] = "auto"
) -> tuple[FoundData, Classes]:
    """Return the cases of a folder, all of them whole, and what their classes are; tell what was left out.

    Raises:
        ConfigError: `layout` or `classes` cannot be used.
        DataError: the folder or a case in it cannot be used.
    """
    found = find_data(root, layout)
    for note in found.notes:
        logger.warning("%s", note)
    if found.faults:
        more = f" (and {len(found.faults) - 1} more; monaiseg data check {root} lists them)"
        raise DataError(f"{found.faults[0]}{more if len(found.faults) > 1 else ''}")
    if isinstance(classes, Mapping):
        return found, classes_of(classes, "classes")
    if classes != "auto":
        raise ConfigError(f"classes is {classes!r}; write auto, or a table such as \"{{'liver': 1, 'tumour': 2}}\"")
    return found, found.classes or find_classes(found.cases, len(image_shape(found.cases[0])[1]))


def _classes_text(classes: Classes) -> str:
    return "" if classes == FOREGROUND else f", classes {classes}"


def _split_as_it_comes(found: FoundData, classes: Classes) -> CaseSplit | None:
    if "validation" not in found.parts:
        return None
    left = f"; {len(found.parts['test'])} test cases are left alone" if "test" in found.parts else ""
    origin = {"split": f"split as it comes ({', '.join(found.parts)}); fold ignored{left}"}
    return CaseSplit(found.root, found.layout, found.parts["train"], found.parts["validation"], origin, classes)


def _split_into_folds(found: FoundData, classes: Classes, fold: int, split_seed: int) -> CaseSplit:
    cases = found.parts["train"] if "train" in found.parts else found.parts["all"]
    left = f"; {len(found.parts['test'])} test cases are left alone" if "test" in found.parts else ""
    groups = sorted({_group(case) for case in cases})
    folds = min(FOLDS, len(groups))
    if folds < 2:
        raise DataError(f"{found.root}: {len(groups)} case only; training and validation need at least 2")
    if not isinstance(fold, int) or isinstance(fold, bool) or not 0 <= fold < folds:
        raise ConfigError(f"fold is {fold!r}; with {len(groups)} cases it must be between 0 and {folds - 1}")
    if not isinstance(split_seed, int) or isinstance(split_seed, bool) or split_seed < 0:
        raise ConfigError(f"split_seed is {split_seed!r}; it must be a whole number from 0")
    parts = partition_dataset(groups, num_partitions=folds, shuffle=True, seed=split_seed)
    held_out = set(parts[fold])
    return CaseSplit(
        found.root,
        found.layout,
        [case for case in cases if _group(case) not in held_out],
        [case for case in cases if _group(case) in held_out],
        {"split": f"fold {fold} of {folds} (split seed {split_seed}){left}", "fold": fold, "split_seed": split_seed},
        classes,
    )


def _group(case: Case) -> str:
    return case["group"] or case["id"]
