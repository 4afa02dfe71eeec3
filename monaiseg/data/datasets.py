"""Data sets: cases that are read and prepared once, kept as compactly as they came, and given out as tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from monai.transforms import Compose
from monai.utils import convert_to_tensor
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from torch.utils.data import Dataset

from monaiseg._ranks import gathered, is_writer, rank, world
from monaiseg._seeding import seeded
from monaiseg.data.ahead import work_ahead
from monaiseg.data.cases import Case
from monaiseg.data.chance import draws_globally, is_random
from monaiseg.data.looks import Looks
from monaiseg.data.store import ELSEWHERE, ArrayStore
from monaiseg.data.transforms import NormaliseCase
from monaiseg.errors import DataError, cause_of

READERS = 2
"""Threads that read: reading is decoding, and decoding lets go of Python's lock."""

SMALL = 1024
"""Bytes up to which a tensor of a case is not worth a place in the store."""

Item = dict[str, Any]
Array = npt.NDArray[Any]


class CaseDataset(Dataset[Item]):
    """Cases, read once: as in MONAI's CacheDataset, the transforms before the first random one are done once.

    What they give is kept as small as it is: bytes stay bytes, as `NormaliseCase` is done each time too. A key is an
    index, or `(epoch, index)` as `EpochSampler` gives it; random transforms start from (seed, epoch, index), so that
    neither the number of workers nor an interruption changes what they draw. They are given copies, as some of MONAI's
    write to what they are given; transforms that are not random get what is kept and must not write to it.

    Where several processes train, each reads every so-manieth case, `own`, and gives out those alone.

    Attributes:
        data: the cases.
        own: the indices of those that this process has.
        looks: of each case, `[N, views, SIDE, SIDE, 3]`, or None where the transform gives none as `ReadCase` does.

    Args:
        data: the cases.
        transform: from a case to a dict of tensors and small values.
        seed: see above.
        folder: where what is too large for memory goes, as `ArrayStore` has it.

    Raises:
        DataError: there is no case, or one cannot be read.
    """

    def __init__(
        self,
        data: Sequence[Case],
        transform: Callable[[Any], Item],
        seed: int = 0,
        folder: str | Path | None = None,
    ) -> None:
        if not data:
            raise DataError("the data set is empty; a training needs at least one case on each side of the split")
        self.data = list(data)
        once, self._each_time = split_transform(transform)
        again = self._each_time.transforms
        self._is_random, self._draws_globally = any(map(is_random, again)), any(map(draws_globally, again))
        self.seed = seed
        mend = ELSEWHERE if folder is None else "choose another --output_dir"
        self.store = ArrayStore(folder, mend=mend)
        self.own = range(rank(), len(self.data), world())
        self._cases: dict[int, tuple[Item, dict[str, int]]] = {}
        looks = Looks(folder, mend)
        read = _read_each(partial(_prepared, once), [self.data[index] for index in self.own])
        for index, item in zip(self.own, read, strict=True):
            if "look" in item:
                looks.add(item.pop("look").numpy())
            self._cases[index] = self._kept(item)
        if self.store.in_file:
            where = self.store.folder or "the folder for temporary files"
            print(f"data: {self.store.nbytes / 2**20:.0f} MiB decoded, in a temporary file in {where}")
        self.looks = _of_all(looks.all() if len(looks) == len(self.own) else None)

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, key: Any) -> Any:
        """Return the item of a key, transformed; the list of them where a transform takes several crops."""
        epoch, index = key if isinstance(key, tuple) else (0, key)
        seed = int(np.random.SeedSequence((self.seed, epoch, index)).generate_state(1)[0])
        item = self.prepared(index)
        if self._is_random:
            item = {name: value.clone() if _is_tensor(value) else value for name, value in item.items()}
        self._each_time.set_random_state(seed=seed)
        with seeded(seed) if self._draws_globally else nullcontext():
            return self._each_time(item)

    def prepared(self, index: int) -> Item:
        """Return what is kept of a case; its large tensors are views of what is kept."""
        values, places = self._cases[index]
        return values | {key: torch.from_numpy(self.store[place]) for key, place in places.items()}

    def _kept(self, item: Item) -> tuple[Item, dict[str, int]]:
        plain = {key: convert_to_tensor(v, track_meta=False) if _is_tensor(v) else v for key, v in item.items()}
        large = {key for key, value in plain.items() if _is_tensor(value) and value.nbytes > SMALL}
        values = {key: value for key, value in plain.items() if key not in large}
        return values, {key: self.store.add(plain[key].numpy()) for key in plain if key in large}


def _of_all(looks: Array | None) -> Array | None:
    """Return the looks of the cases of all processes, in the order of the cases."""
    if world() == 1:
        return looks
    each = gathered(looks)
    found = [part for part in each if part is not None]
    if len(found) < len(each):
        return None
    whole = np.empty((sum(map(len, found)), *found[0].shape[1:]), found[0].dtype)
    for first, part in enumerate(found):
        whole[first :: len(found)] = part
    return whole


def _is_tensor(value: Any) -> bool:
    return isinstance(value, torch.Tensor)


def split_transform(transform: Callable[[Any], Item]) -> tuple[Compose, Compose]:
    """Return what is done once, and what each time; the options of a Compose are those of both."""
    whole = transform.flatten() if isinstance(transform, Compose) else Compose([transform])
    steps = whole.transforms
    again = (k for k, step in enumerate(steps) if is_random(step) or isinstance(step, NormaliseCase))
    first = next(again, len(steps))
    names = ("map_items", "unpack_items", "log_stats", "lazy", "overrides")
    options = {name: getattr(whole, name) for name in names}
    return Compose(steps[:first], **options), Compose(steps[first:], **options)


def _prepared(once: Compose, case: Case) -> Item:
    try:
        return dict(once(case))
    except Exception as error:
        cause = cause_of(error)
        raise cause from cause.__cause__


def _read_each(read: Callable[[Case], Item], cases: Sequence[Case]) -> Iterator[Item]:
    columns = TextColumn("reading cases"), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), disable=not is_writer()) as progress:
        yield from progress.track(work_ahead(read, cases, READERS), total=len(cases))
