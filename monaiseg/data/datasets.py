"""Data sets: cases that are read and prepared once, kept as compactly as they came, and given out as tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.transforms import Randomizable
from monai.utils import convert_to_tensor
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from torch.utils.data import Dataset

from monaiseg.data.cases import Case
from monaiseg.data.looks import stacked
from monaiseg.data.store import TensorStore
from monaiseg.errors import DataError, cause_of

READERS = 2
"""Threads that read: reading is decoding, and decoding lets go of Python's lock."""

SMALL = 1024
"""Bytes up to which a tensor of a case is not worth a place in the store."""

Item = dict[str, Any]


class CaseDataset(Dataset[Item]):
    """Cases, prepared once and kept; `transform` is what is done with one each time that it is asked for.

    A key is an index, or `(epoch, index)` as `EpochSampler` gives it. A random `transform` of MONAI's starts from
    (seed, epoch, index), so that neither the number of workers nor an interruption changes what it draws. What it is
    given must not be written to, and MONAI's transforms do not.

    Attributes:
        data: the cases.
        looks: of each case, `[N, views, SIDE, SIDE, 3]`, or None where the preprocessing gives none as `ReadCase` does.

    Args:
        data: the cases.
        preprocessing: from a case to a dict of tensors and small values, in MONAI transforms that are not random.
        transform: from such a dict to another; None leaves it as it is.
        seed: see above.
        folder: where what is too large for memory goes, as `TensorStore` has it.

    Raises:
        DataError: there is no case, or one cannot be read.
    """

    def __init__(
        self,
        data: Sequence[Case],
        preprocessing: Callable[[Any], Item],
        transform: Callable[[Item], Item] | None = None,
        seed: int = 0,
        folder: str | Path | None = None,
    ) -> None:
        if not data:
            raise DataError("the data set is empty; a training needs at least one case on each side of the split")
        self.data = list(data)
        self.transform = transform
        self.seed = seed
        self.store = TensorStore(folder)
        self._cases: list[tuple[Item, dict[str, int]]] = []
        looks = []
        for item in _read_each(partial(_prepared, preprocessing), self.data):
            if "look" in item:
                looks.append(item.pop("look").numpy())
            self._cases.append(self._kept(item))
        self.looks = stacked(looks) if len(looks) == len(self.data) else None

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, key: Any) -> Item:
        """Return the item of a key, transformed."""
        epoch, index = key if isinstance(key, tuple) else (0, key)
        if isinstance(self.transform, Randomizable):
            seed = np.random.SeedSequence((self.seed, epoch, index)).generate_state(1)[0]
            self.transform.set_random_state(seed=int(seed))
        return self.prepared(index) if self.transform is None else self.transform(self.prepared(index))

    def prepared(self, index: int) -> Item:
        """Return what the preprocessing made of a case; its large tensors are views of what is kept."""
        values, places = self._cases[index]
        return values | {key: self.store[place] for key, place in places.items()}

    def _kept(self, item: Item) -> tuple[Item, dict[str, int]]:
        plain = {key: convert_to_tensor(v, track_meta=False) if _is_tensor(v) else v for key, v in item.items()}
        large = {key for key, value in plain.items() if _is_tensor(value) and value.nbytes > SMALL}
        values = {key: value for key, value in plain.items() if key not in large}
        return values, {key: self.store.add(plain[key]) for key in plain if key in large}


def _is_tensor(value: Any) -> bool:
    return isinstance(value, torch.Tensor)


def _prepared(preprocessing: Callable[[Any], Item], case: Case) -> Item:
    try:
        return dict(preprocessing(case))
    except Exception as error:
        cause = cause_of(error)
        raise cause from cause.__cause__


def _read_each(read: Callable[[Case], Item], cases: Sequence[Case]) -> Iterator[Item]:
    columns = TextColumn("reading cases"), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True)) as progress, ThreadPoolExecutor(READERS) as readers:
        yield from progress.track(readers.map(read, cases), total=len(cases))
