"""`monaiseg data convert FOLDER OUTPUT --to LAYOUT`: the same cases, laid out in another way or at another size."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from monaiseg.cli._common import mapping_or_auto, progress


def add_action(actions: Any) -> None:
    """Add `convert` to the actions of `monaiseg data`."""
    command = actions.add_parser("convert", help="write a data set in another layout, or at another size")
    command.add_argument("folder", type=Path, help="the folder, or a file that lists cases")
    command.add_argument("output", type=Path, help="a new folder")
    command.add_argument("--to", required=True, help="images_masks, class_masks, decathlon, nnunet, dsb2018 or list")
    command.add_argument("--size", type=int, nargs="+", metavar="SIDE", help="of all images: rows and columns, ...")
    command.add_argument("--layout", default="auto", help="how the folder is laid out (auto)")
    command.add_argument("--classes", default="auto", help="""as train takes it, such as "{'liver': 1}" (auto)""")
    command.add_argument("--numbered", action="store_true", help="call class folders 0, 1, ..., not by their names")
    command.set_defaults(run=_convert)


def _convert(options: argparse.Namespace, _: list[str]) -> None:
    from monaiseg.data.converting import convert_data

    classes = mapping_or_auto(options.classes)
    with progress("cases written") as advance:
        count = convert_data(
            options.folder,
            options.output,
            options.to,
            options.size,
            options.layout,
            classes,
            options.numbered,
            lambda _: advance(),
        )
    print(f"wrote {count} cases to {options.output}; next: monaiseg data check {options.output}")
