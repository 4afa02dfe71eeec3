"""The picture of a preset: every operation is on it, and masks are drawn where their images are."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import pytest
from data.augment.cases import blobs

from monaiseg.data.augment import build_augmentation, sheet
from monaiseg.data.augment.sheet import CELL, COLUMNS, GAP, OUTLINE, TITLE, draw_sheet


def cells(sheet: np.ndarray, tall: int) -> list[np.ndarray]:
    """The pictures of a sheet, without their titles."""
    rows = np.split(sheet, sheet.shape[0] // (tall + TITLE + GAP))
    return [
        cell[TITLE : TITLE + tall, GAP // 2 : GAP // 2 + CELL] for row in rows for cell in np.split(row, COLUMNS, 1)
    ]


@pytest.mark.parametrize(("preset", "shape"), [("polyp", (1, 3, 32, 32)), ("volume", (1, 1, 9, 20, 12))])
def test_each_operation_and_six_draws_are_shown(preset: str, shape: tuple[int, ...]) -> None:
    image, label = blobs(*shape)
    augmentation = build_augmentation(preset, len(shape) - 2, shape[1])
    sheet = draw_sheet(augmentation, image[0], label[0], bounded=preset == "polyp")
    shown = sum(len(choice.operations) for choice in augmentation.choices) + 1
    found = cells(sheet, CELL)
    used = [index for index, cell in enumerate(found) if np.ptp(cell) > 0]
    rows = -(-shown // COLUMNS)
    assert used == [*range(shown), *range(rows * COLUMNS, (rows + 1) * COLUMNS)]
    assert sum((cell == OUTLINE).all(-1).any() for cell in found) >= len(used) - 1


def test_every_operation_is_seen_to_act() -> None:
    image, label = blobs(1, 3, 48, 48)
    augmentation = build_augmentation("polyp", 2, 3)
    original, *others = cells(draw_sheet(augmentation, image[0], label[0], bounded=True), CELL)
    alone = others[: sum(len(choice.operations) for choice in augmentation.choices)]
    assert all((other != original).mean() > 0.02 for other in alone)


def test_only_the_strongest_draw_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them would be twenty-four volumes."""
    done, alive, most = sheet._done, [], 0

    def counted(*arguments: Any) -> Any:
        nonlocal most
        pair = done(*arguments)
        alive.append(weakref.ref(pair[0]))
        most = max(most, sum(reference() is not None for reference in alive))
        return pair

    monkeypatch.setattr(sheet, "_done", counted)
    image, label = blobs(1, 1, 12, 12, 12)
    sheet.draw_sheet(build_augmentation(["gamma", "elastic"], 3, 1), image[0], label[0], bounded=False)
    assert len(alive) > 2 * sheet.TRIES and most <= 4, (
        "the best, the last, the next, and the best of the operation before"
    )


def test_the_same_seed_gives_the_same_picture() -> None:
    image, label = blobs(1, 3, 24, 36)
    augmentation = build_augmentation("light", 2, 3)
    one, same, other = (draw_sheet(augmentation, image[0], label[0], True, seed) for seed in (0, 0, 1))
    assert np.array_equal(one, same) and not np.array_equal(one, other)


def test_a_crop_is_shown_at_its_own_shape() -> None:
    image, label = blobs(1, 1, 32, 48)
    sheet = draw_sheet(build_augmentation([{"name": "crop", "size": [30, 10]}], 2, 1), image[0], label[0], True)
    assert sheet.shape[1] == COLUMNS * (CELL + GAP)
