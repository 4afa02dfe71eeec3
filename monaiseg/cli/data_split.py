"""`monaiseg data split`: a split file whose parts share no video, no patient and no near duplicates."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monaiseg.cli._common import mapping_or_auto, show, table
from monaiseg.errors import ConfigError, DataError, OutputError

if TYPE_CHECKING:
    from monaiseg.data import Case, NearPair
    from monaiseg.data.split_files import SplitFile

SHOWN = 10


def add_action(actions: Any) -> None:
    """Add the action to those of `monaiseg data`."""
    split = actions.add_parser("split", help="write a split that does not leak: monaiseg data split FOLDER")
    split.add_argument("folder", type=Path, help="a data folder, as --data_root takes it")
    split.add_argument(
        "--by",
        choices=("auto", "group", "near_duplicates", "case"),
        default="auto",
        help="what stays in one part: groups that the layout knows; near duplicates, and groups; or a case alone; "
        "auto: groups where there are any, else near duplicates",
    )
    split.add_argument("--stratify", action="store_true", help="give each part the same mix of foreground shares")
    how = split.add_mutually_exclusive_group()
    how.add_argument("--folds", type=int, metavar="K", help="as many parts, each of which can validate (5)")
    how.add_argument("--shares", type=float, nargs="+", metavar="SHARE", help="train, validation, test: 0.7 0.1 0.2")
    split.add_argument("--seed", type=int, default=0, help="(0)")
    split.add_argument("--layout", default="auto", help="of the folder (auto)")
    split.add_argument("--classes", default="auto", help="""as train takes it, such as "{'liver': 1}" (auto)""")
    split.add_argument("--output", type=Path, default=Path("split.json"), help="a new file (split.json)")
    split.add_argument("--json", action="store_true", help="report as JSON")
    split.set_defaults(run=_split)


def _split(options: argparse.Namespace, _: list[str]) -> None:
    from monaiseg.data.finding import every_case, find_whole
    from monaiseg.data.splits import foreground_shares, groups_of_cases

    _check(options)
    found, classes = find_whole(options.folder, options.layout, mapping_or_auto(options.classes))
    cases = every_case(found)
    by, groups, pairs = groups_of_cases(cases, options.by)
    foreground = foreground_shares(cases, classes)
    try:
        parts = _parts(options, cases, groups, foreground)
    except DataError as error:
        raise DataError(f"{options.folder}: {error}") from error
    file = _file(options, by, found.layout, cases, parts, groups)
    file.write(options.output)
    rows = _rows(file, dict(zip((case["id"] for case in cases), foreground, strict=True)))
    if options.json:
        print(json.dumps(_facts(options, rows, cases, pairs, file), indent=2))
    else:
        _show(options, rows, cases, pairs, file)


def _check(options: argparse.Namespace) -> None:
    """Refuse what can be refused before anything is read."""
    from monaiseg._files import check_folder
    from monaiseg.data.splits import check_seed, check_shares

    check_seed(options.seed, "--seed")
    if options.shares is not None:
        check_shares(options.shares)
    elif options.folds is not None and options.folds < 2:
        raise ConfigError(f"--folds {options.folds}: at least 2 are needed")
    if not options.folder.exists():
        raise DataError(f"{options.folder}: no such folder")
    check_folder(options.output, "--output")
    if options.output.exists():
        raise OutputError(f"{options.output}: is there already; remove it or choose another --output")


def _parts(
    options: argparse.Namespace, cases: Sequence[Case], groups: Sequence[str], foreground: Sequence[float]
) -> list[list[Case]]:
    from monaiseg.data.splits import FOLDS, allocate, equal_folds

    folds = options.folds or max(2, min(FOLDS, len(set(groups))))
    if options.shares is None and not options.stratify:
        return equal_folds(cases, groups, folds, options.seed)
    shares = options.shares or [1.0] * folds
    return allocate(cases, groups, shares, options.seed, foreground if options.stratify else None)


def _file(
    options: argparse.Namespace,
    by: str,
    layout: str,
    cases: Sequence[Case],
    parts: Sequence[Sequence[Case]],
    groups: Sequence[str],
) -> SplitFile:
    from monaiseg import __version__
    from monaiseg.data.duplicates import THRESHOLDS
    from monaiseg.data.split_files import make_split_file

    made: dict[str, Any] = {"by": by, "seed": options.seed, "stratified": options.stratify}
    made |= {"folds": len(parts)} if options.shares is None else {"shares": options.shares}
    made |= {"thresholds": THRESHOLDS} if by == "near_duplicates" else {}
    return make_split_file(cases, parts, groups, layout, made | {"monaiseg": __version__})


def _rows(file: SplitFile, foreground: dict[str, float]) -> list[dict[str, Any]]:
    return [
        {
            "part": part,
            "cases": len(ids),
            "groups": len({file.groups[name] for name in ids}),
            "mean_foreground_share": sum(foreground[name] for name in ids) / len(ids),
        }
        for part, ids in file.parts.items()
    ]


def _facts(
    options: argparse.Namespace,
    rows: Sequence[dict[str, Any]],
    cases: Sequence[Case],
    pairs: Sequence[NearPair],
    file: SplitFile,
) -> dict[str, Any]:
    return {
        "output": str(options.output),
        "sha256": file.sha256(),
        "layout": file.layout,
        "made": file.made,
        "parts": rows,
        "pairs": [
            {"first": cases[p.first]["id"], "second": cases[p.second]["id"], "kind": p.kind, "likeness": p.likeness}
            for p in pairs
        ],
    }


def _show(
    options: argparse.Namespace,
    rows: Sequence[dict[str, Any]],
    cases: Sequence[Case],
    pairs: Sequence[NearPair],
    file: SplitFile,
) -> None:
    """Print the parts, the pairs that were kept together, and what to type next."""
    listed = table("part", "cases", "groups", "mean foreground share")
    for row in rows:
        listed.add_row(row["part"], str(row["cases"]), str(row["groups"]), f"{row['mean_foreground_share']:.4f}")
    show(listed)
    for pair in pairs[:SHOWN]:
        print(f"kept together: {cases[pair.first]['id']} and {cases[pair.second]['id']} ({pair.kind})")
    if len(pairs) > SHOWN:
        print(f"and {len(pairs) - SHOWN} more pairs; the file has all groups")
    how = f"by {file.made['by']}, seed {options.seed}{', stratified' * options.stratify}"
    fold = " --fold 0" if file.in_folds else ""
    train = f"monaiseg train unetpp --data_root {options.folder} --split {options.output}{fold}"
    print(f"{len(cases)} cases split {how}, written to {options.output}; next: {train}")
