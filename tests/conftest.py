"""What every test may use: real data sets where they are, and small folders of pairs everywhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import settings
from PIL import Image

REAL_DATA = "MONAISEG_TEST_DATA"

settings.register_profile("monaiseg", deadline=None, max_examples=30)
settings.load_profile("monaiseg")


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Weights and inputs of a test do not depend on which tests ran before it."""
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def exact_gpu() -> Iterator[None]:
    """A GPU, where there is one, computes float32 in all its bits, so that bounds are those of the processor."""
    kinds = torch.backends.cudnn, torch.backends.cuda.matmul
    before = [kind.allow_tf32 for kind in kinds], torch.backends.cudnn.deterministic
    kinds[0].allow_tf32 = kinds[1].allow_tf32 = False
    torch.backends.cudnn.deterministic = True
    yield
    (kinds[0].allow_tf32, kinds[1].allow_tf32), torch.backends.cudnn.deterministic = before


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """Gives the folder of a real data set by its path under $MONAISEG_TEST_DATA; skips the test where it is not."""

    def at(name: str) -> Path:
        root = os.environ.get(REAL_DATA)
        if not root:
            pytest.skip(f"needs real data: set {REAL_DATA} to the folder that holds {name}")
        folder = Path(root).expanduser() / name
        if not folder.is_dir():
            pytest.skip(f"needs real data: {name} is not in the folder that {REAL_DATA} names")
        return folder

    return at


def blob_pair(seed: int, size: tuple[int, int]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """One noisy image [H, W, 3] with three bright discs and its mask [H, W] of 0 and 255."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: size[0], : size[1]]
    inside = np.zeros(size, dtype=bool)
    for _ in range(3):
        row, column, radius = rng.uniform(0, size[0]), rng.uniform(0, size[1]), min(size) * rng.uniform(0.1, 0.25)
        inside |= np.hypot(y - row, x - column) < radius
    image = rng.integers(0, 90, (*size, 3)) + 130 * inside[..., None]
    return image.astype(np.uint8), np.where(inside, 255, 0).astype(np.uint8)


@pytest.fixture(scope="session")
def write_pairs() -> Callable[..., Path]:
    """Gives `write(folder, count=6, size=(64, 48), seed=0, suffixes=(".png", ".png"))`: images and masks by stem."""

    def write(
        folder: Path,
        count: int = 6,
        size: tuple[int, int] = (64, 48),
        seed: int = 0,
        suffixes: tuple[str, str] = (".png", ".png"),
    ) -> Path:
        for sub in ("images", "masks"):
            (folder / sub).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            for sub, suffix, pixels in zip(("images", "masks"), suffixes, blob_pair(seed + number, size), strict=True):
                Image.fromarray(pixels).save(folder / sub / f"case_{number:02d}{suffix}")
        return folder

    return write
