"""Where what is predicted of each case is written: names that stay in the folder, meet nothing and replace nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch

from monaiseg._files import make_folder
from monaiseg.data import Case, Classes, images_of, is_volume
from monaiseg.data.names import check_name
from monaiseg.data.writing import DEEP_PICTURE, PICTURE, VOLUME
from monaiseg.engine.parallel import only_alone
from monaiseg.errors import ConfigError, OutputError

Endings = Mapping[str, str]
"""Of each file of a case what follows its id, and the suffix that it has for pictures."""


def mask_endings(classes: Classes) -> Endings:
    """Return those of label files: one, or where classes are told by masks one a class."""
    each = classes.kind == "masks" and len(classes) > 1
    return dict.fromkeys([f"_{name}" for name in _checked(classes)] if each else [""], PICTURE)


def object_endings(classes: Classes) -> Endings:
    """Return those of the ids of objects: one a class."""
    names = [f"_{name}" for name in _checked(classes)] if len(classes) > 1 else [""]
    return {f"{name}_instances": DEEP_PICTURE for name in names}


def _checked(classes: Classes) -> Sequence[str]:
    for name in classes.names:
        check_name(name, "the class")
    return classes.names


class CaseFiles:
    """The files of each case in a folder, `<id><ending><suffix>`; volumes end in `.nii.gz`.

    Attributes:
        folder: made where it is not there.
        sources: the first image file of each case, by id.

    Args:
        folder: see above.
        cases: what is predicted.
        endings: of the files of each case.
        beside: of files that another writes into the same folder.

    Raises:
        DataError: the id of a case would lead out of the folder.
        OutputError: two cases have a file of one name, or one is there already.
    """

    def __init__(
        self, folder: str | Path, cases: Sequence[Case], endings: Endings, beside: Endings = MappingProxyType({})
    ) -> None:
        only_alone("predicting")
        for case in cases:
            check_name(case["id"], "the id")
        self.folder = make_folder(Path(folder), "--output_dir")
        self.sources = {case["id"]: images_of(case)[0] for case in cases}
        self._endings = {**beside, **endings}
        owners: dict[Path, str] = {}
        for name, ending in product(self.sources, self._endings):
            path = self.path(name, ending)
            if ending in endings and path.exists():
                raise OutputError(f"{path}: is there already; choose another --output_dir")
            if path in owners:
                raise OutputError(f"{path}: would be of both {owners[path]} and {name}; rename one of the images")
            owners[path] = name

    def path(self, name: str, ending: str) -> Path:
        """Return where that file of a case is written."""
        return self.folder / f"{name}{ending}{VOLUME if self.is_volume(name) else self._endings[ending]}"

    def is_volume(self, name: str) -> bool:
        """Return whether a case is a volume."""
        return is_volume(self.sources[name])


def checked_probabilities(name: str, probabilities: torch.Tensor) -> torch.Tensor:
    """Return the probabilities of a case on the CPU.

    Raises:
        ConfigError: some are NaN, of which a mask would be empty without a word.
    """
    there = probabilities.cpu()
    if np.isnan(there.numpy()).any():
        raise ConfigError(f"{name}: the network's output is NaN there; train again with a lower --lr, or set --clip")
    return there
