"""Labels of several classes: by value, by folder, by colour; what no class has is an error."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pictures import DISC, case, nifti, png, refused
from PIL import Image

from monaiseg.data import CaseShape, Classes, load_cases
from monaiseg.data.class_values import find_classes
from monaiseg.data.classes import classes_beside, classes_of
from monaiseg.data.labels import label_values, read_label
from monaiseg.errors import ConfigError, DataError

THREE = classes_of({"liver": 1, "tumour": 2, "vessel": 3}, "classes")
TOOLS = classes_of({"polyp": [255, 0, 0], "tool": [0, 255, 0]}, "classes")


@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 3)))
def test_values_become_a_channel_a_class(tmp_path_factory: pytest.TempPathFactory, values: np.ndarray) -> None:
    path = png(tmp_path_factory.getbasetemp(), values, name="values.png")
    label, had_edges = read_label(case(path), 2, THREE)
    assert label.dtype == np.uint8 and not had_edges
    assert np.array_equal(label, [values == 1, values == 2, values == 3])


def test_a_region_is_all_its_values(tmp_path: Path) -> None:
    values = np.array([[0, 1, 2, 3]], np.uint8)
    regions = Classes("values", ("whole", "core"), ((1, 2, 3), (3,)))
    label, _ = read_label(case(png(tmp_path, values)), 2, regions)
    assert label.tolist() == [[[0, 1, 1, 1]], [[0, 0, 0, 1]]]


def test_colours_become_a_channel_a_class(tmp_path: Path) -> None:
    pixels = np.zeros((4, 5, 3), np.uint8)
    pixels[1, 2], pixels[3] = (255, 0, 0), (0, 255, 0)
    label, _ = read_label(case(png(tmp_path, pixels)), 2, TOOLS)
    assert np.array_equal(label, [(pixels == (255, 0, 0)).all(-1), (pixels == (0, 255, 0)).all(-1)])


def test_float_labels_of_whole_numbers_are_values(tmp_path: Path) -> None:
    values = (np.arange(60).reshape(3, 4, 5) % 4).astype(np.float32)
    label, _ = read_label(case(nifti(tmp_path, values)), 3, THREE)
    assert label.shape == (3, 3, 4, 5) and np.array_equal(label[1], values == 2)


def test_a_value_or_colour_that_no_class_has_is_refused(tmp_path: Path) -> None:
    path = png(tmp_path, np.array([[0, 1, 7]], np.uint8))
    refused(lambda: read_label(case(path), 2, THREE), path, "holds 7, which no class has", "--classes")
    path = png(tmp_path, np.array([[[255, 0, 0], [1, 2, 3]]], np.uint8), name="c.png")
    refused(lambda: read_label(case(path), 2, TOOLS), path, "holds the colour (1, 2, 3), which no class has")


def test_interpolated_label_values_are_refused(tmp_path: Path) -> None:
    path = nifti(tmp_path, np.array([0, 1, 1.5, 2], np.float32).reshape(1, 2, 2))
    refused(lambda: label_values(path, 3), path, "not whole numbers; was it resized by interpolation?")


def test_palette_indices_are_values(tmp_path: Path) -> None:
    picture = Image.fromarray(np.array([[0, 1, 2, 3]], np.uint8))
    picture.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0])
    picture.save(tmp_path / "voc.png")
    assert label_values(str(tmp_path / "voc.png"), 2).tolist() == [[0, 1, 2, 3]]
    assert find_classes([case(str(tmp_path / "voc.png"))], 2).names == ("1", "2", "3")


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([0, 255], ("foreground",)),
        ([0, 1], ("foreground",)),
        ([0, 7], ("foreground",)),
        ([0], ("foreground",)),
        ([0, 1, 2], ("1", "2")),
        ([0, 1, 2, 3, 4], ("1", "2", "3", "4")),
        ([1, 2], ("1", "2")),
    ],
)
def test_classes_are_found_where_there_is_no_doubt(tmp_path: Path, values: list[int], names: tuple[str, ...]) -> None:
    path = png(tmp_path, np.resize(np.array(values, np.uint8), (6, 5)))
    assert find_classes([case(path)], 2).names == names


@pytest.mark.parametrize("values", [[0, 1, 3], [0, 128, 255], [0, 1, 255], [2, 3]])
def test_classes_are_asked_for_where_there_is(tmp_path: Path, values: list[int]) -> None:
    path = png(tmp_path, np.resize(np.array(values, np.uint8), (6, 5)))
    mend = ", ".join(f"'name{n}': {value}" for n, value in enumerate(value for value in values if value))
    refused(lambda: find_classes([case(path)], 2), path, "which may be classes", f'--classes "{{{mend}}}"')


def test_a_class_that_the_first_case_lacks_is_found(tmp_path: Path) -> None:
    first, second = (
        png(tmp_path, np.array([values], np.uint8), name=f"{n}.png") for n, values in enumerate(([0, 1, 0], [0, 1, 2]))
    )
    assert find_classes([case(first), case(second)], 2).names == ("1", "2")
    third = png(tmp_path, np.array([[0, 2, 2]], np.uint8), name="2.png")
    assert find_classes([case(third), case(first)], 2).names == ("1", "2")


def test_one_bad_mask_among_good_ones_makes_no_classes(tmp_path: Path) -> None:
    noise = png(tmp_path, np.arange(256, dtype=np.uint8).reshape(16, 16), name="0.png")
    good = png(tmp_path, 255 * DISC.astype(np.uint8), name="1.png")
    few = png(tmp_path, np.array([[0, 1, 2, 3]], np.uint8), name="2.png")
    for order in ([noise, good, few], [good, few, noise], [few, noise, good]):
        assert find_classes([case(path) for path in order], 2).names == ("foreground",)


def test_a_named_mask_may_have_grey_edges(tmp_path: Path) -> None:
    """Kvasir's masks are JPEG; `{'polyp': 255}` is how one names what they show."""
    Image.fromarray(255 * DISC.astype(np.uint8)).save(tmp_path / "mask.jpg", quality=80)
    path = str(tmp_path / "mask.jpg")
    named = read_label(case(path), 2, classes_of({"polyp": 255}, "classes"))[0]
    assert np.array_equal(named, read_label(case(path), 2)[0]) and named.any()


def test_colour_masks_ask_for_their_colours(tmp_path: Path) -> None:
    pixels = np.zeros((4, 5, 3), np.uint8)
    pixels[1:3] = (255, 0, 0)
    path = png(tmp_path, pixels)
    refused(lambda: find_classes([case(path)], 2), path, "--classes \"{'name': [255, 0, 0]}\"")


def test_tables_beside_the_data(tmp_path: Path) -> None:
    assert classes_beside(tmp_path) is None
    (tmp_path / "labelmap.txt").write_text("# label:color_rgb:parts:actions\nbackground:0,0,0::\npolyp:255,0,0::\n")
    assert str(classes_beside(tmp_path)) == "polyp = (255, 0, 0)"
    (tmp_path / "class_dict.csv").write_text("name,r,g,b\nBackground,0,0,0\nbone,0,0,128\nskin,9,9,9\n")
    assert str(classes_beside(tmp_path)) == "bone = (0, 0, 128), skin = (9, 9, 9)"
    (tmp_path / "classes.json").write_text(json.dumps({"a": 1, "b": [2, 3]}))
    assert str(classes_beside(tmp_path)) == "a = 1, b = 2+3"
    (tmp_path / "classes.json").write_text("{")
    with pytest.raises(DataError, match=r"classes.json: cannot be read as a table of classes"):
        classes_beside(tmp_path)


@pytest.mark.parametrize("table", [{}, {"background": 0}, {"a": "1"}, {"a": -1}, {"a": True}, {"a": 1.0}, {"a": []}])
def test_tables_that_cannot_be_used(table: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="give a value or a colour to each class"):
        classes_of(table, "classes")


def test_values_and_colours_cannot_be_mixed() -> None:
    with pytest.raises(ConfigError, match="mixes values and colours"):
        classes_of({"a": 1, "b": [255, 0, 0]}, "classes")


def test_what_a_record_holds_comes_back() -> None:
    for classes in (THREE, TOOLS, Classes("masks", ("a", "b"))):
        assert Classes.from_record(json.loads(json.dumps(classes.record()))) == classes


def test_the_shape_follows_the_data(tmp_path: Path) -> None:
    for number in range(3):
        for sub, values in (
            ("images", (9 * DISC).astype(np.uint8)),
            ("masks", np.uint8(DISC) + 1 - np.eye(40, 30, dtype=np.uint8)),
        ):
            (tmp_path / sub).mkdir(exist_ok=True)
            png(tmp_path / sub, values, name=f"{number}.png")
    split = load_cases(str(tmp_path))
    assert CaseShape(split=split).record() == {"spatial_dims": 2, "in_channels": 3, "out_channels": 2}
    assert CaseShape(2, 1, "auto", split).record() == {"spatial_dims": 2, "in_channels": 1, "out_channels": 2}
    with pytest.raises(ConfigError, match="in_channels is 0; it must be auto or a whole number from 1"):
        CaseShape(2, 0, "auto", split)
    named = load_cases(str(tmp_path), classes={"rim": 1, "disc": 2})
    assert named.classes.names == ("rim", "disc")
    assert Classes.from_record(named.record()["classes"]) == named.classes


def test_channels_that_hold_no_numbers_are_refused(tmp_path: Path) -> None:
    """NaN differs from itself, so that equal channels would look like colours."""
    path = nifti(tmp_path, np.full((4, 4, 4, 3), np.nan, np.float32))
    with pytest.raises(DataError, match="holds values that are no numbers"):
        label_values(path, 3)
