"""The generated nuclei: the same everywhere, plausible, and out of reach of thresholds."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from scipy import ndimage
from skimage.filters import threshold_local, threshold_otsu

from monaiseg.data import generated
from monaiseg.data.generated import GENERATED_VERSION, generate_nuclei, write_nuclei

CASES = 60
BOUND = 0.75

Bools = npt.NDArray[np.bool_]
Greys = npt.NDArray[np.float64]


@lru_cache(maxsize=1)
def whole_set() -> list[tuple[Greys, Bools]]:
    pairs = [generate_nuclei(seed) for seed in range(CASES)]
    return [(np.asarray(Image.fromarray(image).convert("L"), dtype=np.float64), mask > 0) for image, mask in pairs]


def blurred(grey: Greys, sigma: float) -> Greys:
    return ndimage.gaussian_filter(grey, sigma) if sigma else grey


def better_polarity(guess: Bools, truth: Bools) -> float:
    return max(float(2 * (g & truth).sum() / (g.sum() + truth.sum())) for g in (guess, ~guess))


def test_version_and_form() -> None:
    assert GENERATED_VERSION == 1
    image, mask = generate_nuclei(3)
    assert image.shape == (128, 128, 3) and image.dtype == np.uint8
    assert mask.shape == (128, 128) and mask.dtype == np.uint8
    assert set(np.unique(mask)) == {0, 255}


def test_same_seed_same_bytes_and_no_global_state() -> None:
    first = generate_nuclei(5)
    np.random.seed(123)
    generate_nuclei(6)
    again = generate_nuclei(5)
    assert first[0].tobytes() == again[0].tobytes()
    assert first[1].tobytes() == again[1].tobytes()


def test_different_seeds_differ() -> None:
    assert len({generate_nuclei(seed)[0].tobytes() for seed in range(12)}) == 12
    assert len({generate_nuclei(seed)[1].tobytes() for seed in range(12)}) == 12


def test_foreground_share_of_each_image() -> None:
    shares = [float(truth.mean()) for _, truth in whole_set()]
    assert min(shares) >= 0.10 and max(shares) <= 0.30


@pytest.mark.parametrize("size", [64, 96, 200])
def test_other_sizes_keep_form_and_share(size: int) -> None:
    for seed in range(6):
        image, mask = generate_nuclei(seed, size)
        assert image.shape == (size, size, 3) and mask.shape == (size, size)
        assert 0.10 <= (mask > 0).mean() <= 0.30


def test_too_small_a_size_is_refused() -> None:
    with pytest.raises(ValueError, match="64"):
        generate_nuclei(0, 32)


def test_nuclei_touch() -> None:
    """Cutting the necks by erosion parts most images into more pieces than they had: nuclei were touching."""
    parted = 0
    for _, truth in whole_set():
        thick = ndimage.distance_transform_edt(truth) > 5
        parted += ndimage.label(thick)[1] > ndimage.label(truth)[1]
    assert parted >= 0.75 * CASES


def test_background_is_noisy() -> None:
    """Shot noise: neighbouring pixels of the background differ, so that no image is a clean drawing."""
    for grey, truth in whole_set():
        rough = (grey - blurred(grey, 1.0))[~ndimage.binary_dilation(truth, iterations=4)]
        assert rough.std() > 0.5


@pytest.mark.parametrize("sigma", [0, 1, 2, 3])
def test_otsu_fails(sigma: float) -> None:
    scores = []
    for grey, truth in whole_set():
        soft = blurred(grey, sigma)
        scores.append(better_polarity(soft > threshold_otsu(soft), truth))
    assert np.mean(scores) <= BOUND


@pytest.mark.parametrize("sigma", [0, 1, 2])
@pytest.mark.parametrize("block", [15, 31, 51, 101])
def test_local_threshold_fails(block: int, sigma: float) -> None:
    scores = []
    for grey, truth in whole_set():
        soft = blurred(grey, sigma)
        scores.append(better_polarity(soft > threshold_local(soft, block), truth))
    assert np.mean(scores) <= BOUND


def test_no_single_level_per_image_works() -> None:
    """Even the level chosen with the truth in hand stays below the bound."""
    scores = []
    for grey, truth in whole_set():
        soft = blurred(grey, 1)
        levels = np.percentile(soft, np.arange(2, 99, 4))
        scores.append(max(better_polarity(soft > level, truth) for level in levels))
    assert np.mean(scores) <= BOUND


def test_write_pairs_by_stem(tmp_path: Path) -> None:
    assert write_nuclei(tmp_path / "new" / "set", cases=4) == tmp_path / "new" / "set"
    images = sorted((tmp_path / "new" / "set" / "images").iterdir())
    masks = sorted((tmp_path / "new" / "set" / "masks").iterdir())
    assert [p.name for p in images] == [p.name for p in masks] == [f"nuclei_{i:03d}.png" for i in range(4)]
    for seed, (image_path, mask_path) in enumerate(zip(images, masks, strict=True)):
        image, mask = generate_nuclei(seed)
        with Image.open(image_path) as stored, Image.open(mask_path) as stored_mask:
            assert stored.mode == "RGB" and stored_mask.mode == "L"
            assert np.array_equal(np.asarray(stored), image)
            assert np.array_equal(np.asarray(stored_mask), mask)


def test_default_number_of_cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8)
    monkeypatch.setattr(generated, "generate_nuclei", lambda seed: tiny)
    write_nuclei(tmp_path)
    assert len(list((tmp_path / "images").glob("*.png"))) == CASES


def test_second_call_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_nuclei(tmp_path, cases=3)
    before = {p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in tmp_path.rglob("*.png")}

    def fail(seed: int) -> None:
        raise AssertionError(f"image {seed} was generated again")

    monkeypatch.setattr(generated, "generate_nuclei", fail)
    write_nuclei(tmp_path, cases=3)
    assert before == {p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in tmp_path.rglob("*.png")}


def test_a_file_already_there_stays_and_a_missing_one_comes_back(tmp_path: Path) -> None:
    write_nuclei(tmp_path, cases=2)
    mine, gone = tmp_path / "images" / "nuclei_000.png", tmp_path / "masks" / "nuclei_000.png"
    kept = gone.read_bytes()
    mine.write_bytes(b"edited by the user")
    gone.unlink()
    write_nuclei(tmp_path, cases=2)
    assert mine.read_bytes() == b"edited by the user"
    assert gone.read_bytes() == kept


def test_interrupted_write_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(source: object, target: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", stop)
        with pytest.raises(KeyboardInterrupt):
            write_nuclei(tmp_path, cases=2)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []
    write_nuclei(tmp_path, cases=2)
    assert len(list(tmp_path.rglob("*.png"))) == 4
