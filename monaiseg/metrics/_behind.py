"""The thread in which cases are scored while the network predicts those that follow."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch

from monaiseg.errors import MonaisegError
from monaiseg.metrics.case_measures import Chosen, Scores

READ = ("id", "pred", "label", "baseline", "spacing", "instances", "channels")
"""What measures need of an engine's output: nothing else of it is kept meanwhile."""

AT_ONCE = 2**18
"""Pixels from which on cases are scored: small ones wait for others. A processor that goes from the network to the
measures and back at each finds neither in its caches, and takes a third longer."""

BEHIND = 2
"""Groups of cases that may be waited for: their arrays are kept until then."""

Results = tuple[Scores, Scores]


class ScoredBehind:
    """Scores batches in the order in which they are added; `results` are those of each, with its baseline's."""

    def __init__(self, measures: Chosen) -> None:
        self.measures = measures
        self._pool = ThreadPoolExecutor(1)
        self._gathered: list[tuple[dict[str, Any], torch.Tensor]] = []
        self._pixels = 0
        self._running: deque[Future[list[Results]]] = deque()
        self._results: list[Results] = []

    def add(self, output: Mapping[str, Any], masks: torch.Tensor) -> None:
        """Add a batch, and what was decided of it; raise what scoring an earlier one raised."""
        self._gathered.append(({key: output[key] for key in READ if key in output}, masks))
        self._pixels += masks.numel()
        if self._pixels >= AT_ONCE:
            self._wait(BEHIND - 1)
            self._start()

    def results(self) -> list[Results]:
        """Return those of all batches, once; the thread ends."""
        self._start()
        self._wait(0)
        self.end()
        return self._results

    def end(self) -> None:
        """End the thread, whatever it has left to do."""
        self._pool.shutdown(cancel_futures=True)

    def _start(self) -> None:
        self._running.append(self._pool.submit(self._score, self._gathered))
        self._gathered, self._pixels = [], 0

    def _wait(self, behind: int) -> None:
        while len(self._running) > behind:
            self._results += self._running.popleft().result()

    def _score(self, batches: list[tuple[dict[str, Any], torch.Tensor]]) -> list[Results]:
        return [self._of_batch(*batch) for batch in batches]

    def _of_batch(self, output: dict[str, Any], masks: torch.Tensor) -> Results:
        try:
            return self.measures.of_batch(output, masks)
        except MonaisegError as error:  # it belongs to cases before the present one
            raise type(error)(f"{', '.join(output['id'])}: {error}") from error
