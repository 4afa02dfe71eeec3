"""Near duplicates: copies and changed copies are found, pictures that only resemble each other are not."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from monaiseg.data import (
    Case,
    NearPair,
    duplicates,
    find_cases,
    find_duplicates,
    generate_nuclei,
    generate_polyps,
    groups_of,
    look,
    near_pairs,
)
from monaiseg.data.reading import read_image
from monaiseg.errors import DataError

COUNT = 40
Change = Callable[[Image.Image], Image.Image]
Real = Callable[[str], Path]


def jpeg(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=60)
    return Image.open(file)


def cut(*box: float) -> Change:
    def change(image: Image.Image) -> Image.Image:
        sides = np.array([image.width, image.height] * 2) * box
        return image.crop(tuple(sides.round().astype(int).tolist())).resize(image.size)

    return change


CHANGES: dict[str, Change] = {
    "re-encoded": jpeg,
    "half the size": lambda image: image.resize((image.width // 2, image.height // 2)),
    "scaled": cut(0.07, 0.07, 0.93, 0.93),
    "stretched": cut(0.0, 0.06, 1.0, 0.94),
    "shifted": cut(0.07, 0.0, 1.0, 0.93),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.15),
    "of more contrast": lambda image: ImageEnhance.Contrast(image).enhance(1.2),
}


@pytest.fixture(scope="module")
def polyps() -> list[Image.Image]:
    return [Image.fromarray(generate_polyps(seed, 192)[0]) for seed in range(COUNT)]


def looks(images: Sequence[Image.Image]) -> np.ndarray:
    return np.stack([look(np.moveaxis(np.asarray(image.convert("RGB")), -1, 0)) for image in images])


def ends(pairs: Sequence[NearPair]) -> set[tuple[int, int]]:
    return {(pair.first, pair.second) for pair in pairs}


def names(count: int) -> list[str]:
    """File names in no order."""
    return [f"{number * 7919 % 10007:05d}.png" for number in range(count)]


@pytest.mark.parametrize("change", CHANGES)
def test_changed_copies_are_found_and_nothing_else(polyps: list[Image.Image], change: str) -> None:
    changed = [CHANGES[change](image) for image in polyps[:10]]
    pairs = near_pairs(looks([*polyps, *changed]), names(COUNT + 10))
    assert ends(pairs) == {(number, COUNT + number) for number in range(10)}
    assert {pair.kind for pair in pairs} == {"near"} and min(pair.likeness for pair in pairs) >= 0.6


def framed(pixels: np.ndarray) -> Image.Image:
    """With a black rim and a black box, as endoscopic pictures have them."""
    y, x = np.mgrid[: pixels.shape[0], : pixels.shape[1]] / pixels.shape[0]
    outside = (np.hypot(y - 0.5, x - 0.5) > 0.55) | ((y > 0.75) & (x < 0.3))
    return Image.fromarray(np.where(outside[..., None], 0, pixels).astype(np.uint8))


def test_a_rim_does_not_hide_a_copy(polyps: list[Image.Image]) -> None:
    images = [framed(np.asarray(image)) for image in polyps]
    assert ends(near_pairs(looks([*images, cut(0.0, 0.04, 0.96, 1.0)(images[5])]), names(COUNT + 1))) == {(5, COUNT)}


def test_a_rim_makes_no_duplicates(polyps: list[Image.Image]) -> None:
    """Of two smooth walls in one light, the rim is what is most alike."""
    rng = np.random.default_rng(0)
    coarse = (150 + rng.normal(0, 6, (4, 7, 7, 1)).repeat(3, -1)).astype(np.uint8)
    walls = [np.asarray(Image.fromarray(wall).resize((192, 192), Image.Resampling.BICUBIC)) for wall in coarse]
    images = [framed(np.asarray(image)) for image in [*polyps, *walls]]
    assert near_pairs(looks(images), names(COUNT + 4)) == []


def test_dark_pictures_with_a_few_blobs_are_no_duplicates_by_chance() -> None:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:96, :96]
    pictures = []
    for _ in range(150):
        blobs = sum(60 * np.exp(-(np.hypot(y - cy, x - cx) ** 2) / 18) for cy, cx in rng.uniform(5, 90, (3, 2)))
        pictures.append(np.repeat((blobs + rng.uniform(4, 8, (96, 96)))[None], 3, 0).astype(np.uint8))
    copy = np.clip(pictures[7] + rng.uniform(-1, 1, (3, 96, 96)), 0, 255).astype(np.uint8)
    assert ends(near_pairs(np.stack([look(p) for p in [*pictures, copy]]), names(151))) == {(7, 150)}


@pytest.mark.parametrize("generate", [generate_nuclei, generate_polyps])
def test_generated_sets_have_none(generate: Callable[[int], tuple[np.ndarray, np.ndarray]]) -> None:
    images = [Image.fromarray(generate(seed)[0]) for seed in range(60)]
    assert near_pairs(looks(images), [f"{number:03d}.png" for number in range(60)]) == []


def test_frames_of_a_video_are_found_where_names_are_in_order(polyps: list[Image.Image]) -> None:
    """Frames that turn and zoom are beyond what the structure tells; their colours and order are not."""
    tints = np.random.default_rng(1).uniform(0.55, 1, (20, 3))
    frames = []
    for video, tint in enumerate(tints):
        for turn in (0, 35, 80):
            pixels = np.asarray(polyps[video].rotate(turn).crop((40, 40, 152, 152))) * tint
            frames.append(Image.fromarray(pixels.astype(np.uint8)))
    in_order = [f"{number}.png" for number in range(60)]
    ordered = near_pairs(looks(frames), in_order)
    across = [pair for pair in ordered if pair.first // 3 != pair.second // 3]
    assert len(ordered) >= 25 and across == []
    assert "sequence" in {pair.kind for pair in ordered}
    side = np.arange(60) % 3 == 2
    assert ends(near_pairs(looks(frames), in_order, side)) == {(a, b) for a, b in ends(ordered) if side[a] != side[b]}
    assert [pair for pair in near_pairs(looks(frames), names(60)) if pair.kind == "sequence"] == []


def test_only_pairs_across_are_looked_for_where_sides_are_given(polyps: list[Image.Image]) -> None:
    shown = looks([*polyps[:20], jpeg(polyps[0]), jpeg(polyps[1]), jpeg(polyps[1])])
    side = np.arange(23) >= 21
    assert ends(near_pairs(shown, names(23))) == {(0, 20), (1, 21), (1, 22), (21, 22)}
    assert ends(near_pairs(shown, names(23), side)) == {(1, 21), (1, 22)}
    assert ends(near_pairs(shown, names(23), ~side)) == {(1, 21), (1, 22)}


def saved(folder: Path, images: Sequence[Image.Image]) -> list[Case]:
    for number, name in enumerate(names(len(images))):
        images[number].save(folder / name)
    return sorted(find_cases(folder), key=lambda case: names(len(images)).index(Path(case["image"]).name))


def test_files_of_the_same_bytes_are_exact(tmp_path: Path, polyps: list[Image.Image]) -> None:
    blank = Image.new("RGB", (50, 50))
    cases = saved(tmp_path, [*polyps[:8], polyps[2], blank, blank, jpeg(polyps[3])])
    pairs = find_duplicates(cases)
    assert [(p.first, p.second, p.kind) for p in pairs] == [(2, 8, "exact"), (3, 11, "near"), (9, 10, "exact")]


@pytest.mark.parametrize("count", [0, 1])
def test_one_case_is_near_nothing(tmp_path: Path, polyps: list[Image.Image], count: int) -> None:
    assert find_duplicates(saved(tmp_path, polyps[:count]) if count else []) == []


@pytest.mark.parametrize("count", [8, 40])
def test_volumes_saved_again_are_found_and_others_of_one_anatomy_are_not(tmp_path: Path, count: int) -> None:
    rng = np.random.default_rng(0)
    z, y, x = np.mgrid[:30, :42, :36]
    shared = 300 * np.sin(z / 3) * np.sin(y / 4) * np.cos(x / 4)
    volumes = [shared + rng.normal(0, 90, (6, 6, 6)).repeat(5, 0).repeat(7, 1).repeat(6, 2) for _ in range(count)]
    volumes.append(volumes[3] * 7 + 100 + rng.normal(0, 30, volumes[3].shape))
    for number, volume in enumerate(volumes):
        nibabel.save(nibabel.Nifti1Image(volume.astype(np.float32), np.eye(4)), tmp_path / f"{number:02d}.nii.gz")
    assert ends(find_duplicates(find_cases(tmp_path))) == {(3, count)}


def test_a_broken_image_is_named(tmp_path: Path, polyps: list[Image.Image]) -> None:
    cases = saved(tmp_path, polyps[:3])
    Path(cases[1]["image"]).write_bytes(b"nothing")
    with pytest.raises(DataError, match=Path(cases[1]["image"]).name):
        find_duplicates(cases)


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)).filter(lambda pair: pair[0] != pair[1]), max_size=12))
def test_groups_are_what_pairs_connect(drawn: list[tuple[int, int]]) -> None:
    groups = groups_of(12, [NearPair(min(pair), max(pair), "near", 1.0) for pair in drawn])
    assert len(groups) == 12 and all(groups[a] == groups[b] for a, b in drawn)
    reached = {number: {number} for number in range(12)}
    for _ in range(12):
        for a, b in drawn:
            reached[a] |= reached[b]
            reached[b] |= reached[a]
    assert all((groups[a] == groups[b]) == (b in reached[a]) for a in range(12) for b in range(12))


def named(cases: Sequence[Case], root: Path) -> list[str]:
    return [Path(case["image"]).relative_to(root).with_suffix("").as_posix().replace("images/", "") for case in cases]


def test_kvasir(real_data: Real) -> None:
    """All of these were looked at: each shows one scene twice."""
    root = real_data("kvasir-seg")
    cases = [case for part in ("train", "validation") for case in find_cases(root / part / "images")]
    ids = named(cases, root)
    found = {f"{ids[pair.first]}~{ids[pair.second]}" for pair in find_duplicates(cases)}
    assert {"train/459~train/620", "train/510~train/593", "train/300~train/667"} <= found
    seen = """
        train/138~train/266 train/147~train/534 train/209~train/629 train/272~train/648 train/284~train/633
        train/292~train/437 train/300~train/667 train/323~train/558 train/33~train/453 train/373~train/639
        train/397~train/493 train/42~validation/87 train/431~train/683 train/448~train/515 train/448~validation/75
        train/459~train/620 train/486~train/556 train/510~train/593 train/515~validation/75 train/697~train/778
        train/796~validation/67 validation/61~validation/69
    """
    assert found == set(seen.split())


def test_neighbours_are_compared_a_few_at_a_time() -> None:
    """Colours are in a file where they are many; all of them, in the order of names, were once in memory."""
    row = np.full(864, 864**-0.5, np.float32)
    colours = np.broadcast_to(row, (30_000, 864))
    order = np.random.default_rng(0).permutation(len(colours)).tolist()
    tracemalloc.start()
    alike = duplicates._neighbours(colours, order)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert alike.shape == (29_999,) and np.allclose(alike, 1)
    assert most < 0.1 * 30_000 * row.nbytes


ENDS = """25 50 67 78 103 126 151 177 199 205 227 252 277 297 317 342 363 383 408 428 447 466 478 503 528 546 571 591
612"""
"""The last frame of each video of CVC-ClinicDB, of 612 frames."""


def test_cvc_clinicdb(real_data: Real) -> None:
    cases = find_cases(real_data("cvc-clinicdb/PNG/Original"))
    video = np.searchsorted([int(end) for end in ENDS.split()], [int(case["id"]) for case in cases])
    pairs = find_duplicates(cases)
    assert all(video[pair.first] == video[pair.second] for pair in pairs)
    groups = np.array(groups_of(len(cases), pairs))
    grouped = sum((groups == group).sum() > 1 for group in groups)
    assert grouped >= 0.65 * len(cases)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_of_one_anatomy_are_no_duplicates(real_data: Real, axis: int) -> None:
    """The 195 hippocampi lie alike: as pictures, slices of two patients reach a likeness of 0.78."""
    files = sorted(real_data("msd-hippocampus/imagesTr").glob("*.nii.gz"))
    slices = np.concatenate([look(read_image(str(file), 3, 1))[None, axis : axis + 1] for file in files])
    assert near_pairs(slices, [file.name for file in files]) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dsb2018/stage1_train/*/images/*.png", "msd-hippocampus/imagesTr/*.nii.gz"])
def test_sets_without_duplicates(real_data: Real, name: str) -> None:
    folder, _, pattern = name.partition("/")
    files = sorted(real_data(folder).glob(pattern))
    assert len(files) > 190
    assert find_duplicates([find_cases(file)[0] for file in files]) == []
