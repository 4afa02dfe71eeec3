"""Loaders: in which order cases come, and how batches are made of them."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from typing import Any

import torch
from monai.data import DataLoader
from torch.utils.data import DistributedSampler

from monaiseg._ranks import rank, world
from monaiseg.data.datasets import CaseDataset, Item
from monaiseg.data.training import TrainingDataset
from monaiseg.data.workers import checked_workers, start_worker
from monaiseg.errors import ConfigError


class EpochSampler(DistributedSampler[Any]):
    """Shuffles by seed and epoch, and hands each index out together with its epoch, as `(epoch, index)`.

    MONAI's trainer tells a DistributedSampler the epoch at each start. With one process it is a plain shuffle; of
    several each takes those of the same shuffle that are its own, as many as the others.
    """

    def __init__(self, dataset: CaseDataset, seed: int) -> None:
        super().__init__(dataset, num_replicas=1, rank=0, shuffle=True, seed=seed)
        self._entered = (-1, 0)
        self._own = dataset.own

    def __len__(self) -> int:
        return len(self.dataset) // world()  # type: ignore[arg-type]

    def enter(self, epoch: int, done: int) -> None:
        """Leave out the first `done` cases of an epoch: a training that was interrupted in it had them."""
        self._entered = epoch, done

    def __iter__(self) -> Iterator[Any]:
        """Give (epoch, index) in the order of the epoch."""
        epoch, done = self._entered
        order = [(self.epoch, index) for index in super().__iter__() if index in self._own][: len(self)]
        return iter(order[done:] if self.epoch == epoch else order)


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
    checked_workers(num_workers)
    sampler = EpochSampler(dataset, seed)
    if not len(sampler):
        raise ConfigError(f"{world()} processes have {len(dataset)} cases to train on; start fewer processes")
    options: dict[str, Any] = {
        **_apart(),
        "batch_size": min(batch_size, len(sampler)),
        "sampler": sampler,
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
    """Return a loader of one case at a time, in order: cases differ in size. Of several processes each has its own.

    Raises:
        ConfigError: there are fewer cases than processes.
    """
    own = range(rank(), len(dataset), world())
    if len(dataset) < world():
        raise ConfigError(f"{world()} processes have {len(dataset)} cases to evaluate; start fewer processes")
    return DataLoader(dataset, batch_size=1, sampler=own, num_workers=num_workers, **_apart())


def _apart() -> dict[str, Any]:
    """Return the options of a loader that leaves what is global alone: random numbers, and signals in its workers."""
    return {"generator": torch.Generator(), "worker_init_fn": start_worker}


def _as_it_is(batch: Item) -> Item:
    return batch
