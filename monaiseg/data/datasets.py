"""Data sets and loaders whose randomness depends on the seed, the epoch and the case alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from monai.data import CacheDataset, DataLoader
from monai.transforms import Compose
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from torch.utils.data import DistributedSampler

from monaiseg.data.cases import Case
from monaiseg.data.looks import stacked
from monaiseg.errors import ConfigError, DataError, cause_of

READERS = 2
"""Threads that fill the cache: reading is decoding, and decoding lets go of Python's lock."""


class CaseDataset(CacheDataset):
    """MONAI's CacheDataset with a progress bar, whose random transforms are seeded for each item.

    An item's key is its index, or `(epoch, index)` as `EpochSampler` gives it. The random transforms start from
    (seed, epoch, index), so that neither the number of workers nor an interruption changes what they draw.

    Attributes:
        looks: of each case, `[N, views, SIDE, SIDE, 3]`, or None where the transforms give none as `ReadCase` does.

    Args:
        data: the cases.
        transform: MONAI transforms; those before the first random one are applied once and cached.
        seed: see above.
    """

    def __init__(self, data: Sequence[Case], transform: Compose, seed: int = 0) -> None:
        if not data:
            raise DataError("the data set is empty; a training needs at least one case on each side of the split")
        self.seed = seed
        self._looks: dict[int, Any] = {}
        self._reading = Progress(
            TextColumn("reading cases"), MofNCompleteColumn(), TimeElapsedColumn(), console=Console(stderr=True)
        )
        self._task = self._reading.add_task("reading", total=len(data))
        with self._reading:
            # MONAI's random transforms write nothing in place, so the cache need not be copied first.
            super().__init__(data, transform, num_workers=READERS, progress=False, copy_cache=False)
        del self._reading
        seen = [self._looks[idx] for idx in sorted(self._looks)]
        self.looks = stacked([one.numpy() for one in seen]) if len(seen) == len(data) else None
        self._looks.clear()

    def _load_cache_item(self, idx: int) -> Any:
        try:
            item = super()._load_cache_item(idx)
        except Exception as error:
            cause = cause_of(error)
            raise cause from cause.__cause__
        self._reading.advance(self._task)
        if isinstance(item, dict) and "look" in item:
            self._looks[idx] = item.pop("look")
        return item

    def __getitem__(self, index: Any) -> Any:
        """Return the transformed item; `index` is a number or `(epoch, number)`."""
        epoch, position = index if isinstance(index, tuple) else (0, index)
        seed = np.random.SeedSequence((self.seed, epoch, position)).generate_state(1)[0]
        self.transform.set_random_state(seed=int(seed))
        return self._transform(position)


class EpochSampler(DistributedSampler[Any]):
    """Shuffles by seed and epoch, and hands each index out together with its epoch, as `(epoch, index)`.

    MONAI's trainer tells a DistributedSampler the epoch at each start; with one process it is a plain shuffle.
    """

    def __init__(self, dataset: CaseDataset, seed: int) -> None:
        super().__init__(dataset, num_replicas=1, rank=0, shuffle=True, seed=seed)

    def __iter__(self) -> Iterator[Any]:
        """Give (epoch, index) in the order of the epoch."""
        return iter([(self.epoch, index) for index in super().__iter__()])


def training_loader(dataset: CaseDataset, batch_size: int, num_workers: int, seed: int) -> DataLoader:
    """Return a loader of shuffled batches `{"image": [B, C, *roi], "label": [B, K, *roi], "id": [...]}`.

    The last batch of an epoch is dropped where it is not full: a batch of one breaks batch norm's statistics.
    """
    if not isinstance(num_workers, int) or isinstance(num_workers, bool) or num_workers < 0:
        raise ConfigError(f"num_workers is {num_workers!r}; it must be a whole number from 0")
    return DataLoader(
        dataset,
        batch_size=min(batch_size, len(dataset)),
        sampler=EpochSampler(dataset, seed),
        num_workers=num_workers,
        drop_last=True,
        persistent_workers=num_workers > 0,
        pin_memory=torch.cuda.is_available(),
    )


def evaluation_loader(dataset: CaseDataset, num_workers: int = 0) -> DataLoader:
    """Return a loader of one case at a time, in order: cases differ in size."""
    return DataLoader(dataset, batch_size=1, shuffle=False, num_workers=num_workers)
