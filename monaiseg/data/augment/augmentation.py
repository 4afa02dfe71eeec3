"""Draws what happens to each case from (seed, epoch, index) alone, and does it to a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from monaiseg.data.augment.draws import CaseDraw, Choice, Step, joined, with_surroundings
from monaiseg.data.augment.foreground import Foreground
from monaiseg.data.augment.intensity import Levels, recolour
from monaiseg.data.augment.movement import CaseWarp
from monaiseg.data.augment.operation import AFFINE_INTENSITY, PIXEL, VIEW, WARP
from monaiseg.data.augment.sampling import resampled, together
from monaiseg.data.augment.views import CropTo, Pose

ORDER = (VIEW, WARP, AFFINE_INTENSITY, PIXEL)


class Augmentation:
    """Random changes of images and labels, drawn for each case on its own.

    Whatever their order in the list, flips, turns and crops come first, then one resampling for all smooth movement,
    then changes of intensities in the order of the list. What happens to a case depends on the key it is drawn with,
    not on its batch.

    Args:
        choices: the operations with their probabilities, as `build_augmentation` makes them.
    """

    def __init__(self, choices: Sequence[Choice]) -> None:
        self.choices = tuple(choices)

    @property
    def needs_foreground(self) -> bool:
        """Whether crops are drawn about classes, so that `draw` needs to know where they are."""
        operations = (operation for choice in self.choices for operation in choice.operations)
        return any(isinstance(operation, CropTo) and operation.foreground for operation in operations)

    def draw(self, key: Sequence[int], shape: Sequence[int], foreground: Foreground | None = None) -> CaseDraw:
        """Return what happens to the case of this key, such as (seed, epoch, index), whose image is `[C, *spatial]`.

        foreground: where its classes are; without it crops lie anywhere.
        """
        rng = np.random.default_rng(np.random.SeedSequence(tuple(key)))
        chosen = [
            (place, choice.operations[int(rng.integers(len(choice.operations)))])
            for place, choice in enumerate(self.choices)
            if rng.random() < choice.p
        ]
        names = tuple(operation.name for _, operation in chosen)
        warp: CaseWarp | None = None
        pose, steps = Pose.whole(tuple(shape[1:])), []
        for place, operation in sorted(chosen, key=lambda item: min(ORDER.index(item[1].kind), 2)):
            act: Any = operation
            if operation.kind == VIEW:
                pose = act.draw(rng, pose, foreground) if isinstance(operation, CropTo) else act.draw(rng, pose)
            elif operation.kind == WARP:
                drawn = act.draw(rng, pose.shape)
                warp = drawn if warp is None else warp.then(drawn)
            elif operation.kind == AFFINE_INTENSITY:
                steps.append(Step(2 * place, None, act.draw(rng, shape[0])))
            else:
                steps.append(Step(2 * place + 1, operation, act.draw(rng, pose.shape)))
        if warp is not None:
            pose, warp = with_surroundings(pose, warp, shape[1:])
        return CaseDraw(pose, warp, tuple(joined(steps, 2 * len(self.choices))), names)

    @torch.no_grad()
    def apply(
        self, image: torch.Tensor, label: torch.Tensor | None, draws: Sequence[CaseDraw], levels: Levels
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return image `[B, C, *spatial]` (float) and label `[B, K, *spatial]` (any dtype) with their draws done.

        The image may be changed in place. `levels` are those of the images' cases.
        """
        if image.device.type != "cpu" or len(draws) == 1:
            return _apply(image, label, draws, levels)
        # On a processor case by case: what a case needs stays in its cache, and rounding cannot depend on the batch.
        parts = [
            _apply(image[at], None if label is None else label[at], [draw], levels.of_cases(at))
            for at, draw in ((slice(i, i + 1), draw) for i, draw in enumerate(draws))
        ]
        images, labels = zip(*parts, strict=True)
        return _together(images, image), None if label is None else _together(labels, label)

    def __call__(
        self,
        image: torch.Tensor,
        label: torch.Tensor | None,
        keys: Sequence[Sequence[int]],
        levels: Levels | None = None,
        bounded: bool = True,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Draw for each case of a batch by its key, and apply; `levels` are measured on the images where not given."""
        draws = [self.draw(key, tuple(image.shape[1:])) for key in keys]
        return self.apply(image, label, draws, Levels.of(image, bounded) if levels is None else levels)


def _together(cases: Sequence[torch.Tensor], batch: torch.Tensor) -> torch.Tensor:
    """Return the cases `[1, C, *S]` as a batch, in the memory of the one they came from where sizes allow."""
    if cases[0].shape[1:] != batch.shape[1:]:
        return torch.cat(list(cases))
    for before, after in zip(batch, cases, strict=True):
        if after.data_ptr() != before.data_ptr():
            before.copy_(after[0])
    return batch


def _apply(
    image: torch.Tensor, label: torch.Tensor | None, draws: Sequence[CaseDraw], levels: Levels
) -> tuple[torch.Tensor, torch.Tensor | None]:
    moved = []
    for case, draw in enumerate(draws):
        posed = draw.pose.of(image[case])[None], None if label is None else draw.pose.of(label[case])[None]
        moved.append(posed if draw.warp is None else resampled(*posed, draw.warp))
    images, labels = zip(*moved, strict=True)
    return recoloured(_batch(images, image), draws, levels), None if label is None else _batch(labels, label)


def _batch(cases: Sequence[torch.Tensor], batch: torch.Tensor) -> torch.Tensor:
    """Return the cases `[1, C, *S]` as one batch: the one they came from where none has moved."""
    still = all(after.data_ptr() == before.data_ptr() for after, before in zip(cases, batch, strict=True))
    return batch if still and cases[0].shape[1:] == batch.shape[1:] else together(cases)


def recoloured(image: torch.Tensor, draws: Sequence[CaseDraw], levels: Levels) -> torch.Tensor:
    """Return `[B, C, *S]` with the steps of all cases done, those that are alike in one call; in place where it can."""
    groups: dict[tuple[int, int, bool], list[tuple[int, Step]]] = {}
    for case, draw in enumerate(draws):
        for step in draw.steps:
            what = id(step.operation) if step.operation is not None else int(step.drawn.is_diagonal)
            groups.setdefault((step.place, what, bool(levels.bounded[case])), []).append((case, step))
    for _, group in sorted(groups.items(), key=lambda item: item[0][0]):
        cases = [case for case, _ in group]
        at = _index(cases, image)
        drawn, operation = [step.drawn for _, step in group], group[0][1].operation
        change: Callable[..., torch.Tensor] = recolour if operation is None else operation.apply  # type: ignore[attr-defined]
        image = _put(image, at, change(image[at], drawn, levels.of_cases(cases)))
    return image


def _index(places: list[int], batch: torch.Tensor) -> Any:
    """Return what picks these cases: a slice, so a view, for all of them."""
    if len(places) == len(batch):
        return slice(None)
    index = torch.tensor(places)
    return index.pin_memory().to(batch.device, non_blocking=True) if batch.is_cuda else index


def _put(batch: torch.Tensor, at: Any, cases: torch.Tensor) -> torch.Tensor:
    """Return the batch with some cases replaced, in place unless it is all of them."""
    return cases if isinstance(at, slice) else batch.index_copy_(0, at, cases)
