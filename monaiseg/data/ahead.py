"""Work that threads do a little ahead of who asks for it, so that results do not pile up."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Entry = TypeVar("Entry")
Result = TypeVar("Result")

AHEAD = 8
"""Results that are made before they are asked for."""


def work_ahead(work: Callable[[Entry], Result], entries: Iterable[Entry], threads: int) -> Iterator[Result]:
    """Give the result of each entry in order, never more than `AHEAD` before the one that is asked for."""
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for entry in entries:
            waiting.append(pool.submit(work, entry))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
