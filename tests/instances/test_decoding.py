"""What touches is told apart, in pictures and in volumes; what is small goes, and holes are filled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage
from touching import SLICES, balls, same_objects, thick_slices, told

from monaiseg.data.classes import Classes
from monaiseg.data.finding import find_whole
from monaiseg.data.labels import read_instances
from monaiseg.errors import ConfigError
from monaiseg.instances import InstancePlan, ObjectDecoder, Thresholds, decode
from monaiseg.instances.decoding import DECODERS, filled, finished
from monaiseg.metrics import decided
from monaiseg.metrics.matching import instance_ap, match_instances

PAIR = balls((40, 60), ((20, 19), 11), ((20, 40), 11))
TRIO = balls((24, 24, 40), ((12, 12, 10), 8), ((12, 12, 25), 8), ((12, 4, 34), 4))


def plan(decoder: str, **thresholds: float) -> InstancePlan:
    return InstancePlan(("border", "distance"), decoder, Thresholds(**thresholds))


def by(decoder: str, ids: np.ndarray, **thresholds: float) -> np.ndarray:
    return decode(*told(ids), plan(decoder, **thresholds))[0]


@pytest.mark.parametrize("ids", [PAIR, TRIO], ids=["discs", "balls"])
def test_touching_objects_are_one_by_components_and_apart_by_all_others(ids: np.ndarray) -> None:
    assert by("components", ids).max() == ndimage.label(ids > 0)[1] < ids.max()
    for decoder in ("watershed", "border", "distance"):
        found = by(decoder, ids)
        assert found.dtype == np.int32 and found.max() == ids.max()
        assert instance_ap(match_instances(found, ids, [0.9])) == 1, decoder


def test_a_run_without_channels_has_the_watershed_all_the_same() -> None:
    classes, _ = told(PAIR)
    found = decode(torch.from_numpy(classes), None, InstancePlan(decoder="watershed"))
    assert found.shape == (1, 40, 60) and found.max() == 2


def test_objects_of_classes_that_exclude_each_other_share_no_pixel_and_lie_in_their_masks() -> None:
    cells = np.stack([0.9 * (PAIR > 0), 0.7 * (np.roll(PAIR, 9, 1) > 0)]).astype(np.float32)
    values, masks = Classes("values", ("a", "b"), ((1,), (2, 3))), Classes("masks", ("a", "b"))
    assert (ObjectDecoder(InstancePlan(decoder="components"), masks)(cells, None) > 0).all(0).any()
    found = ObjectDecoder(InstancePlan(decoder="components"), values)(cells, None)
    assert not (found > 0).all(0).any() and found.max() > 0
    assert np.array_equal(found > 0, decided(torch.from_numpy(cells)[None], values)[0].numpy())


def test_the_watershed_goes_by_millimetres() -> None:
    ids = thick_slices()
    by_neck = InstancePlan(decoder="watershed")
    assert decode(told(ids, 0)[0], None, by_neck).max() == 1
    found = ObjectDecoder(by_neck)(told(ids, 0)[0], None, SLICES)[0]
    assert instance_ap(match_instances(found, ids, [0.9])) == 1
    for cubes in ((1, 1, 1), (0.7, 0.7000001, 0.7)):
        assert np.array_equal(decode(told(TRIO)[0], None, by_neck), decode(told(TRIO)[0], None, by_neck, cubes))


def test_each_class_is_decoded_by_its_own_channels() -> None:
    """The order is: the classes, their borders, their distances."""
    other = np.roll(PAIR, 4, 1)
    (first, further), (second, more) = told(PAIR), told(other)
    channels = np.stack([further[0], more[0], further[1], more[1]])
    for decoder in ("border", "distance"):
        found = decode(np.concatenate([first, second]), channels, plan(decoder))
        assert same_objects(np.roll(found[0], 4, 1)[:, 8:-8], found[1][:, 8:-8]) and found[0].max() == 2
        swapped = decode(np.concatenate([first, second]), channels[[1, 0, 3, 2]], plan(decoder))
        assert not np.array_equal(swapped, found)


@pytest.mark.parametrize("decoder", DECODERS)
def test_nothing_and_everything_are_no_trouble(decoder: str) -> None:
    for value, objects in ((0.0, 0), (1.0, 1)):
        found = decode(np.full((1, 9, 9), value), np.full((2, 9, 9), value / 4), plan(decoder))
        assert found.max() == objects and (found > 0).all() == bool(objects)


def test_thresholds_do_what_they_say() -> None:
    classes, channels = told(PAIR)
    low = 0.45 * classes
    assert decode(low, channels, plan("components"))[0].max() == 0
    assert decode(low, channels, plan("components", foreground=0.3))[0].max() == 1
    weak = np.stack([0.3 * channels[0], channels[1]])
    assert [decode(classes, weak, plan("border", border=b))[0].max() for b in (0.5, 0.2)] == [1, 2]
    assert [by("distance", PAIR, depth=depth).max() for depth in (0.2, 0.9)] == [2, 1]
    assert [by("watershed", PAIR, depth=depth).max() for depth in (0.2, 0.9)] == [2, 1]


def test_necks_are_relative_to_what_they_part() -> None:
    """The same shape at three times the size falls apart at the same depths."""
    small, large = (balls((n * 14, n * 30), ((n * 7, n * 8), n * 5), ((n * 7, n * 17), n * 5)) for n in (2, 6))
    parted = [[by("watershed", ids, depth=depth).max() for depth in (0.1, 0.4, 0.7)] for ids in (small, large)]
    assert parted[0] == parted[1] and set(parted[0]) == {1, 2}


def test_an_object_that_nothing_starts_in_is_one_object() -> None:
    classes, channels = told(PAIR)
    assert decode(classes, np.stack([np.ones_like(channels[0]), 0 * channels[1]]), plan("border"))[0].max() == 1
    assert decode(classes, 0 * channels, plan("distance"))[0].max() == 1


def test_small_objects_go_and_numbers_stay_without_gaps() -> None:
    ids = np.array([[1, 1, 0, 5, 0, 9, 9, 9]], np.int32)
    assert finished(ids, 0).tolist() == [[1, 1, 0, 2, 0, 3, 3, 3]]
    assert finished(ids, 2).tolist() == [[1, 1, 0, 0, 0, 2, 2, 2]]
    assert finished(ids, 4).tolist() == [[0] * 8]


def test_a_hole_belongs_to_the_one_object_around_it() -> None:
    ids = np.zeros((7, 14), np.int32)
    ids[1:6, 1:6], ids[2:5, 2:5] = 1, 0  # a ring
    ids[1:6, 8:11], ids[1:6, 11:13], ids[3, 10:12] = 2, 3, 0  # two objects around one hole
    found = filled(ids)
    assert (found[2:5, 2:5] == 1).all() and (found[3, 10:12] == 0).all()
    ids[3, 3] = 7  # what lies in the ring has a hole around it that two enclose
    assert np.array_equal(filled(ids), ids)
    ball = np.ones((3, 3, 3), np.int32)
    ball = np.pad(ball, 1)
    ball[2, 2, 2] = 0
    assert filled(ball).sum() == 27
    assert np.array_equal(filled(ball[2:3]), ball[2:3])  # at the border of a slab it goes on outside


@given(arrays(np.int32, array_shapes(min_dims=2, max_dims=3, max_side=9), elements=st.integers(0, 3)))
def test_only_holes_are_filled(ids: np.ndarray) -> None:
    """Against scipy, object by object."""
    found = filled(ids)
    assert np.array_equal(found[ids > 0], ids[ids > 0])
    for number in np.unique(ids[ids > 0]):
        alone = ndimage.binary_fill_holes(ids == number)
        assert not ((found == number) & ~alone).any()
        mine = np.where(ids == number, ids, 0)
        assert np.array_equal(filled(mine) > 0, alone)


@given(
    arrays(np.float32, array_shapes(min_dims=2, max_dims=3, max_side=8), elements=st.floats(0, 1, width=32)),
    st.sampled_from(sorted(DECODERS)),
    st.integers(0, 99),
)
def test_all_of_the_foreground_is_parted_and_nothing_else(probability: np.ndarray, decoder: str, seed: int) -> None:
    channels = np.random.default_rng(seed).random((2, *probability.shape))
    found = decode(probability[None], channels, plan(decoder, min_size=0))[0]
    mask = probability > 0.5
    assert np.array_equal(found > 0, mask | (filled(found) > 0)) and (found[mask] > 0).all()
    parts, count = ndimage.label(mask, np.ones((3,) * mask.ndim))
    assert len({(int(a), int(b)) for a, b in zip(found[mask], parts[mask])}) == found.max() >= count


def test_what_does_not_fit_is_told() -> None:
    classes, channels = told(PAIR)
    with pytest.raises(ConfigError, match="instances is none"):
        decode(classes, None, InstancePlan())
    for wrong in (None, channels[:1], channels[:, 1:]):
        with pytest.raises(ConfigError, match=r"there must be 2 channels \(border, distance\)"):
            decode(classes, wrong, plan("border"))


def test_real_nuclei_told_by_a_blurred_truth_are_found_again(real_data: Callable[[str], Path]) -> None:
    """Twelve pictures of the Data Science Bowl 2018: what the channels add shows."""
    found, classes = find_whole(real_data("dsb2018/stage1_train"))
    few = [case for case in found.cases if 20 < len(case["label"][0]) < 60][:12]
    truths = [read_instances(case, 2, classes)[0][0] for case in few]
    rng = np.random.default_rng(0)
    ap: dict[str, float] = {}
    for decoder in DECODERS:
        scores = []
        for truth in truths:
            maps = told(truth, blur=1.5)
            noisy = [np.clip(one + 0.06 * rng.standard_normal(one.shape), 0, 1) for one in maps]
            noisy = [ndimage.gaussian_filter(one, (0, 0.7, 0.7)) for one in noisy]
            found_ids = decode(*noisy, plan(decoder))[0]
            scores.append(instance_ap(match_instances(found_ids, truth, [0.5]))[0])
        ap[decoder] = float(np.mean(scores))
    assert ap["components"] < ap["watershed"] < min(ap["border"], ap["distance"])
    assert ap["border"] > 0.95 and ap["distance"] > 0.9
