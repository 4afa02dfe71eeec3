"""Puts windows together strip by strip: what no further window reaches is done with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

Emit = Callable[[torch.Tensor], torch.Tensor]
"""From logits `[1, C, *spatial]` to what is wanted of them, place by place: `[1, K, *spatial]`."""


def labels(logits: torch.Tensor) -> torch.Tensor:
    """Return the number of the largest channel, `[B, 1, *spatial]`, as uint8; an `emit`."""
    return logits.max(dim=1, keepdim=True)[1].to(torch.uint8)  # argmax is several times slower on the CPU


class Strip:
    """Weighted means of windows that come image by image, and in an image row by row along its first axis.

    What is held is as high as a window, and laid out in memory as the windows are. Counts are those of one row of
    windows, added to a strip of their own for each: all rows have the same.

    Attributes:
        result: `[B, K, *spatial]`, complete after `finish`.

    Args:
        like: windows `[N, C, *roi]` as those that will come.
        weight: of the places of a window, `[*roi]`.
        rest: the slices of the windows of a row along the other axes.
        size: of the images, `(B, C, *spatial)`, with what was padded.
        inner: the slices of the images along their axes that are wanted.
        emit: done to finished rows.
        device: of the result.
    """

    def __init__(
        self,
        like: torch.Tensor,
        weight: torch.Tensor,
        rest: Sequence[Sequence[slice]],
        size: Sequence[int],
        inner: Sequence[slice],
        emit: Emit,
        device: torch.device,
    ) -> None:
        self.size, self.inner, self.emit, self.device = size, inner, emit, device
        self.height = like.shape[2]
        self.sums = _zeros(like, (1, like.shape[1], self.height, *size[3:]), weight.dtype)
        self.weight = _zeros(like, (1, *like.shape[1:]), weight.dtype).add_(weight)[0]
        self.counts = weight.new_zeros((self.height, *size[3:]))
        self._row = self.counts.clone()
        for window in rest:
            self._row[(slice(None), *window)] += weight
        self.image, self.top = 0, 0
        self.result: torch.Tensor | None = None
        self.counts += self._row

    def add(self, image: int, window: Sequence[slice], logits: torch.Tensor) -> None:
        """Add a window `[C, *roi]`; rows above it are done with."""
        top, *others = window
        if (image, top.start) != (self.image, self.top):
            self._go_to(image, top.start)
        place = self.sums[0][(slice(None), slice(None), *others)]
        place.addcmul_(logits.to(place.dtype), self.weight)

    def finish(self) -> torch.Tensor:
        """Return the result, all rows done with."""
        self._go_to(self.image + 1, 0)
        assert self.result is not None
        return self.result

    def _go_to(self, image: int, top: int) -> None:
        """Hand on the rows that a strip there does not have, and make it that strip."""
        done = top - self.top if image == self.image else self.height
        self._hand_on(self.sums[:, :, :done].div_(self.counts[:done]))
        for held in (self.sums[0].movedim(1, 0), self.counts):
            stay = held[done:]
            held[: len(stay)] = stay if len(stay) <= done else stay.clone()  # only then do both overlap
            held[self.height - done :] = 0
        self.counts += self._row
        self.image, self.top = image, top

    def _hand_on(self, rows: torch.Tensor) -> None:
        """Write what is wanted of the rows into the result."""
        first, *others = self.inner
        start, stop = max(first.start, self.top), min(first.stop, self.top + rows.shape[2])
        if start >= stop:
            return
        wanted = self.emit(rows[(slice(None), slice(None), slice(start - self.top, stop - self.top), *others)])
        if self.result is None:
            shape = (self.size[0], wanted.shape[1], *(axis.stop - axis.start for axis in self.inner))
            self.result = _zeros(wanted, shape, wanted.dtype).to(self.device)
        self.result[self.image, :, start - first.start : stop - first.start] = wanted[0]


def _zeros(like: torch.Tensor, shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
    """Return zeros whose channels lie last in memory where those of `like` do."""
    batch, channels, *spatial = shape
    if channels == 1 or like.stride(1) != 1:
        return torch.zeros(shape, dtype=dtype, device=like.device)
    return torch.zeros((batch, *spatial, channels), dtype=dtype, device=like.device).movedim(-1, 1)
