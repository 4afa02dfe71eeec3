"""Split files: which case is in which part and why, written once, and refused when they do not fit the data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monaiseg._files import home_path, read_json, write_json
from monaiseg.data.cases import Case, content_hash
from monaiseg.data.looks import read_each
from monaiseg.data.splits import PARTS
from monaiseg.errors import ConfigError, DataError, OutputError

FORMAT = "monaiseg split 1"
FIELDS: dict[str, type] = {
    "made": dict,
    "layout": str,
    "parts": dict,
    "groups": dict,
    "hashes": dict,
}


@dataclass(frozen=True)
class SplitFile:
    """A split of the cases of a folder.

    Attributes:
        name: the file, for messages.
        made: how it was made: by what, seed, stratified or not, thresholds.
        layout: how the folder was read.
        parts: the ids of each part: `fold 0` and so on, or `train`, `validation` and, it may be, `test`.
        groups: of each case, what it was kept together with.
        hashes: of each case, over the contents of its files.
    """

    name: str
    made: dict[str, Any]
    layout: str
    parts: dict[str, list[str]]
    groups: dict[str, str]
    hashes: dict[str, str]

    def content(self) -> dict[str, Any]:
        """Return what is written."""
        return {"format": FORMAT, "sha256": self.sha256(), **{key: getattr(self, key) for key in FIELDS}}

    def sha256(self) -> str:
        """Return the hash of parts, groups and hashes, by which two runs can be seen to have had the same split."""
        held = {"parts": self.parts, "groups": self.groups, "hashes": self.hashes}
        return hashlib.sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()

    @property
    def in_folds(self) -> bool:
        """Tell whether the parts are folds rather than train, validation and test."""
        return "train" not in self.parts

    def write(self, path: Path) -> None:
        """Write the file.

        Raises:
            OutputError: it is there already or cannot be written.
        """
        if path.exists():
            raise OutputError(f"{path}: is there already; remove it or choose another --output")
        write_json(path, self.content())

    def split(self, cases: Sequence[Case]) -> dict[str, list[Case]]:
        """Return the cases of each part; every file is read, to see that it is the one that was split.

        Raises:
            DataError: they are not the cases that were split.
        """
        by_id = {case["id"]: case for case in cases}
        for part, ids in self.parts.items():
            missing = next((name for name in ids if name not in by_id), None)
            if missing is not None:
                raise DataError(f"{self.name}: case {missing} of {part} is not in the data; {_MEND}")
        for case in cases:
            if case["id"] not in self.hashes:
                raise DataError(f"{self.name}: case {case['id']} of the data is in no part; {_MEND}")
        for name, found in _hashes(cases).items():
            if self.hashes[name] != found:
                raise DataError(f"{self.name}: the files of case {name} have changed since; {_MEND}")
        return {part: [by_id[name] for name in ids] for part, ids in self.parts.items()}


def _hashes(cases: Sequence[Case]) -> dict[str, str]:
    return dict(zip((case["id"] for case in cases), read_each("hashing files", content_hash, cases), strict=True))


_MEND = "restore the data, or make a new split with monaiseg data split"


def make_split_file(
    cases: Sequence[Case], parts: Sequence[Sequence[Case]], groups: Sequence[str], layout: str, made: Mapping[str, Any]
) -> SplitFile:
    """Return the split file of parts: folds where `made` says so, else train, validation and test."""
    names = [f"fold {number}" for number in range(len(parts))] if "folds" in made else PARTS
    return SplitFile(
        name="the split",
        made=dict(made),
        layout=layout,
        parts={name: [case["id"] for case in part] for name, part in zip(names, parts, strict=False)},
        groups={case["id"]: name for case, name in zip(cases, groups, strict=True)},
        hashes=_hashes(cases),
    )


def read_split_file(path: str | Path) -> SplitFile:
    """Return a split file; the `split.json` of a run that was trained by one will do too.

    Raises:
        ConfigError: there is no such file, or it is no split file.
        DataError: a case or a group is in two parts, a case lacks its hash or group, or the file was changed.
    """
    file = home_path(str(path))
    try:
        content = read_json(file)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not JSON"
        raise ConfigError(f"split {file}: cannot be read ({reason}); make one with monaiseg data split") from error
    content = content.get("file", content) if isinstance(content, dict) else {}
    content = content if isinstance(content, dict) else {}
    fields: dict[str, Any] = {key: content.get(key) for key in FIELDS}
    if content.get("format") != FORMAT or not all(isinstance(fields[key], kind) for key, kind in FIELDS.items()):
        raise ConfigError(f"split {file}: is no split file; make one with monaiseg data split")
    ids = [name for part in fields["parts"].values() for name in (part if isinstance(part, list) else [None])]
    if not all(isinstance(name, str) for name in [*ids, *fields["groups"].values()]):
        raise ConfigError(f"split {file}: its parts must be lists of ids and its groups names")
    split = SplitFile(name=str(file), **fields)
    _check(split)
    if content.get("sha256", split.sha256()) != split.sha256():
        told = "its sha256 is not that of its parts: it was changed after it was written"
        raise DataError(f"{file}: {told}; make a new split, or remove the line sha256 where the change is meant")
    return split


def _check(split: SplitFile) -> None:
    """Raise DataError unless each case and each group is in one part."""
    folds = [f"fold {number}" for number in range(len(split.parts))]
    if len(split.parts) < 2 or list(split.parts) not in (folds, list(PARTS[:2]), list(PARTS)):
        raise DataError(f"{split.name}: its parts are {', '.join(split.parts)}; expected folds, or {', '.join(PARTS)}")
    part_of: dict[str, str] = {}
    holder: dict[str, tuple[str, str]] = {}
    for part, ids in split.parts.items():
        if not ids:
            raise DataError(f"{split.name}: {part} is empty; make a new split with monaiseg data split")
        for name in ids:
            if name in part_of:
                raise DataError(f"{split.name}: case {name} is in {part_of[name]} and in {part}; leave it in one")
            part_of[name] = part
            if name not in split.groups or name not in split.hashes:
                raise DataError(f"{split.name}: case {name} has no group or no hash; make a new split")
            other, there = holder.setdefault(split.groups[name], (name, part))
            if there != part:
                told = f"group {split.groups[name]} is in {there} ({other}) and in {part} ({name})"
                raise DataError(f"{split.name}: {told}; leave it in one part")
    unknown = next((name for name in split.hashes if name not in part_of), None)
    if unknown is not None:
        raise DataError(f"{split.name}: case {unknown} is in no part; make a new split with monaiseg data split")
