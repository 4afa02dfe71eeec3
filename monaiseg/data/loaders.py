"""Loaders: in which order cases come, and how batches are made of them."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from typing import Any

import torch
from monai.data import DataLoader
from torch.utils.data import DistributedSampler

from monaiseg.data.datasets import CaseDataset, Item
from monaiseg.data.training import TrainingDataset
from monaiseg.errors import ConfigError


class EpochSampler(DistributedSampler[Any]):
    """Shuffles by seed and epoch, and hands each index out together with its epoch, as `(epoch, index)`.

    MONAI's trainer tells a DistributedSampler the epoch at each start; with one process it is a plain shuffle.
    """

    def __init__(self, dataset: CaseDataset, seed: int) -> None:
        super().__init__(dataset, num_replicas=1, rank=0, shuffle=True, seed=seed)

    def __iter__(self) -> Iterator[Any]:
        """Give (epoch, index) in the order of the epoch."""
        return iter([(self.epoch, index) for index in super().__iter__()])


class FinishingLoader(DataLoader):
    """A loader of a `TrainingDataset` whose batches are finished on the device, in the process that trains."""

    def __init__(self, dataset: TrainingDataset, device: torch.device | str, **options: Any) -> None:
        super().__init__(dataset, collate_fn=_as_it_is, **options)
        self.finish, self.device = dataset.finish, device

    def __iter__(self) -> Any:
        """Give finished batches."""
        return (self.finish(batch, self.device) for batch in super().__iter__())


def training_loader(
    dataset: CaseDataset, batch_size: int, num_workers: int, seed: int, device: torch.device | str = "cpu"
) -> DataLoader:
    """Return a loader of shuffled batches `{"image": [B, C, *roi], "label": [B, K, *roi], "id": [...]}`.

    Those of a `TrainingDataset` are on the device. The last batch of an epoch is dropped where it is not full: a batch
    of one breaks batch norm's statistics.
    """
    if not isinstance(num_workers, int) or isinstance(num_workers, bool) or num_workers < 0:
        raise ConfigError(f"num_workers is {num_workers!r}; it must be a whole number from 0")
    options: dict[str, Any] = {
        "batch_size": min(batch_size, len(dataset)),
        "sampler": EpochSampler(dataset, seed),
        "num_workers": num_workers,
        "drop_last": True,
        "persistent_workers": num_workers > 0,
        "pin_memory": torch.cuda.is_available(),
    }
    if num_workers and "fork" in multiprocessing.get_all_start_methods():
        options["multiprocessing_context"] = "fork"  # what is kept is shared with the workers, not copied
    if isinstance(dataset, TrainingDataset):
        return FinishingLoader(dataset, device, **options)
    return DataLoader(dataset, **options)


def evaluation_loader(dataset: CaseDataset, num_workers: int = 0) -> DataLoader:
    """Return a loader of one case at a time, in order: cases differ in size."""
    return DataLoader(dataset, batch_size=1, shuffle=False, num_workers=num_workers)


def _as_it_is(batch: Item) -> Item:
    return batch
