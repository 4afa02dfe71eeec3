"""Every kind of set in every layout: it is read back equal, or refused in one line."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import conversion_sets as sets
import pytest

from monaiseg.data.cases import images_of
from monaiseg.data.converting import TARGETS, convert_data
from monaiseg.data.finding import find_whole
from monaiseg.data.labels import read_label
from monaiseg.data.reading import image_shape, read_image
from monaiseg.data.volumes import is_volume, volume_geometry
from monaiseg.errors import DataError

Make = Callable[[Path], None]

NO_VOLUME = {"decathlon": "the Decathlon holds volumes; --to nnunet holds pictures"}
NO_INSTANCES = {"dsb2018": "does not tell instances apart; --to images_masks holds it"}
PICTURES = NO_VOLUME | NO_INSTANCES
VOLUMES = {"dsb2018": "DSB2018 holds pictures; --to images_masks holds volumes"}
SEVERAL = dict.fromkeys(("images_masks", "class_masks"), "several pictures; --to nnunet or --to list holds them")
OVERLAP = dict.fromkeys(("images_masks", "nnunet"), "classes overlap, which values cannot tell; --to class_masks")
NO_REGIONS = {"decathlon": "the Decathlon has no classes of several values; --to nnunet holds them"}
CROSSING = {"nnunet": "a and b share values without one holding the other, which nnU-Net cannot tell"}

REFUSED: dict[Make, dict[str, str]] = {
    sets.two_valued: PICTURES,
    sets.grey_pictures: PICTURES,
    sets.alpha_pictures: PICTURES,
    sets.deep_pictures: PICTURES,
    sets.float_pictures: PICTURES,
    sets.class_folders: PICTURES,
    sets.overlapping_folders: PICTURES | OVERLAP,
    sets.colours: PICTURES,
    sets.colours_on_white: PICTURES,
    sets.values_with_gaps: PICTURES,
    sets.named_classes: PICTURES,
    sets.one_named_class: PICTURES,
    sets.unnamed_values: PICTURES,
    sets.nifti: VOLUMES,
    sets.nifti_plain: VOLUMES,
    sets.nrrd_volumes: VOLUMES,
    sets.one_slice: VOLUMES,
    sets.four_axes: VOLUMES,
    sets.several_pictures: PICTURES | SEVERAL,
    sets.several_volumes: VOLUMES,
    sets.regions: VOLUMES | NO_REGIONS,
    sets.crossing_regions: VOLUMES | NO_REGIONS | CROSSING,
    sets.grouped_list: PICTURES,
    sets.split_set: PICTURES,
    sets.split_list: PICTURES,
    sets.nuclei: NO_VOLUME,
}
"""For each kind of set the layouts that cannot hold it, and what is said."""


class Held(NamedTuple):
    """All that a case is: none of it is of its files."""

    part: str
    group: str | None
    image: tuple[Any, ...]
    masks: dict[str, Any]
    places: list[Any]


def held(root: Path, groups: bool = True) -> dict[str, Held]:
    """What training sees of each case, by id; without groups where the layout has no place for them."""
    found, classes = find_whole(root)
    return {
        case["id"]: Held(
            part,
            case["group"] if groups else None,
            read_image(case["image"], len(image_shape(case)[1]), image_shape(case)[0]).tolist(),
            dict(zip(classes.names, read_label(case, len(image_shape(case)[1]), classes)[0].tolist(), strict=True)),
            places([*images_of(case), *(c for c in case["label"] if isinstance(c, str))]),
        )
        for part, cases in found.parts.items()
        for case in cases
    }


def places(files: list[str]) -> list[Any]:
    """Where the volumes of a case lie: one place, if all do."""
    affines = [volume_geometry(file).affine.round(4).tolist() for file in files if is_volume(file)]
    return [affine for number, affine in enumerate(affines) if affine not in affines[:number]]


@pytest.mark.parametrize("to", TARGETS)
@pytest.mark.parametrize("make", REFUSED, ids=lambda make: make.__name__)
def test_a_set_comes_back_equal_or_is_refused(
    make: Make, to: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    if make is sets.nrrd_volumes and find_spec("nrrd") is None:
        pytest.skip("needs pynrrd")
    source, once, twice = tmp_path / "source", tmp_path / "once", tmp_path / "twice"
    make(source)
    if to in REFUSED[make]:
        with pytest.raises(DataError, match=REFUSED[make][to]) as refusal:
            convert_data(source, once, to)
        assert "\n" not in str(refusal.value) and [path.name for path in tmp_path.iterdir()] == ["source"]
        return
    assert convert_data(source, once, to) == len(held(source))
    assert find_whole(once)[0].layout == to
    groups = to == "list"
    assert held(once) == held(source, groups)
    told = f"2 groups of cases are not kept: {to} has no place for them"
    assert (told in caplog.text) is (make is sets.grouped_list and not groups)
    convert_data(once, twice, "nnunet" if make is sets.several_pictures else "class_masks")
    assert held(twice) == held(source, groups=False), "what was written is as good a source"
