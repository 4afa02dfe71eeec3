"""What YAML may say, what it means, and what is refused."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from data.augment.cases import applied, blobs

from monaiseg.data.augment import OPERATIONS, PRESETS, Augmentation, build_augmentation
from monaiseg.data.augment.sheet import settings_of
from monaiseg.errors import ConfigError

DOCS = Path(__file__).parents[3] / "docs" / "data.md"


def names(augmentation: Augmentation) -> list[list[str]]:
    return [[operation.name for operation in choice.operations] for choice in augmentation.choices]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("dims", "size"), [(2, (24, 24)), (3, (10, 9, 8))])
@pytest.mark.parametrize("preset", PRESETS)
def test_presets_build_and_run(preset: str, dims: int, size: tuple[int, ...], channels: int) -> None:
    if dims == 3 and preset == "polyp":
        with pytest.raises(ConfigError, match=rf"augment {preset}: \w+ works in 2 dimensions only; .* volume"):
            build_augmentation(preset, dims, channels)
        return
    image, label = blobs(16, channels, *size)
    result, moved = applied(build_augmentation(preset, dims, channels), image, label, bounded=dims == 2)
    assert result.shape == image.shape and moved.shape == label.shape and result.isfinite().all()
    assert torch.equal(result, image) == (preset == "none")


def test_presets_leave_colours_out_where_there_are_none() -> None:
    colour = {name for name, operation in OPERATIONS.items() if operation.colour}
    assert names(build_augmentation("nuclei", 3, 3)) == names(build_augmentation("nuclei", 3, 1))
    for preset in PRESETS:
        grey, rgb = (names(build_augmentation(preset, 2, channels)) for channels in (1, 3))
        assert not colour & {name for choice in grey for name in choice}
        assert [kept for choice in rgb if (kept := [name for name in choice if name not in colour])] == grey


def test_polyp_has_every_operation_of_its_recipe() -> None:
    """Everything that the published recipe for polyps does, by name."""
    polyp = {name for choice in names(build_augmentation("polyp", 2, 3)) for name in choice}
    assert polyp == set(OPERATIONS) - {"crop", "low_resolution"}


def test_a_list_in_yaml() -> None:
    text = """
    - flip
    - {name: rot90, p: 1}
    - {name: gamma, p: 0.25, gamma: [0.5, 2]}
    - {name: one_of, p: 0.3, of: [blur, {name: gaussian_noise, sigma: 0.1}]}
    """
    augmentation = build_augmentation(yaml.safe_load(text), 2, 3)
    assert names(augmentation) == [["flip"], ["flip"], ["rot90"], ["gamma"], ["blur", "gaussian_noise"]]
    assert [choice.p for choice in augmentation.choices] == [0.5, 0.5, 1, 0.25, 0.3]
    assert augmentation.choices[3].operations[0].parameters() == {"gamma": (0.5, 2.0)}
    assert augmentation.choices[4].operations[1].parameters() == {"sigma": (0.1, 0.1)}


def test_the_same_list_can_be_built_twice() -> None:
    entries = [{"name": "one_of", "p": 0.3, "of": [{"name": "blur"}]}, {"name": "flip", "p": 1}]
    before = yaml.safe_dump(entries)
    assert names(build_augmentation(entries, 2, 3)) == names(build_augmentation(entries, 2, 3))
    assert yaml.safe_dump(entries) == before


@pytest.mark.parametrize(("dims", "flips", "turns"), [(2, 2, 1), (3, 3, 3)])
def test_a_flip_or_turn_without_an_axis_is_one_an_axis(dims: int, flips: int, turns: int) -> None:
    assert names(build_augmentation(["flip", "rot90"], dims, 1)) == [["flip"]] * flips + [["rot90"]] * turns
    chosen = [{"name": "flip", "axis": 1}, {"name": "rot90", "plane": [0, 1]}]
    assert names(build_augmentation(chosen, dims, 1)) == [["flip"], ["rot90"]]


def test_probabilities_are_kept() -> None:
    listed = [{"name": "gamma", "p": 0.2}, {"name": "one_of", "p": 0.6, "of": ["blur", "grey", "clahe"]}]
    augmentation = build_augmentation(listed, 2, 3)
    drawn = [augmentation.draw((0, 0, index), (3, 16, 16)).names for index in range(2000)]
    share = {name: sum(name in names for names in drawn) / len(drawn) for name in ("gamma", "blur", "grey", "clahe")}
    assert share["gamma"] == pytest.approx(0.2, abs=0.04)
    assert all(share[name] == pytest.approx(0.2, abs=0.04) for name in ("blur", "grey", "clahe"))
    assert max(len(names) for names in drawn) == 2


BAD: list[tuple[Any, str]] = [
    ("ligth", "augment is 'ligth'; did you mean 'light'?"),
    ("None", "augment is 'None'; did you mean 'none'?"),
    (None, "augment is None"),
    (3, "augment is 3; there is light, none"),
    (["flp"], "there is no operation 'flp'; did you mean 'flip'?"),
    (["one_off"], "there is no operation 'one_off'; did you mean 'one_of'?"),
    ([{"name": "gamma", "gama": 2}], "gamma has no parameter 'gama'; did you mean 'gamma'?"),
    ([{"name": "gamma", "gamma": "1e-1"}], "gamma.gamma is '1e-1'; it must be a number; in YAML write 1.0e-3"),
    ([{"name": "gamma", "gamma": [1.2, 0.5]}], "gamma.gamma is [1.2, 0.5]; the low end must come first"),
    ([{"name": "gamma", "gamma": [1, 2, 3]}], "gamma.gamma is [1, 2, 3]; it must be a number or [low, high]"),
    ([{"name": "gamma", "gamma": 0}], "gamma.gamma is 0; it must be a number from 0.01 to 100"),
    ([{"name": "gaussian_noise", "sigma": float("nan")}], "gaussian_noise.sigma is nan; it must be a number"),
    ([{"name": "gaussian_noise", "sigma": -1}], "gaussian_noise.sigma is -1; it must be a number from 0"),
    ([{"name": "flip", "p": 1.5}], "p of flip is 1.5; it must be a number from 0 to 1"),
    ([{"name": "flip", "p": True}], "p of flip is True; it must be a number"),
    ([{"name": "flip", "axis": -1}], "flip.axis is -1; it must be a whole number from 0"),
    ([{"name": "rot90", "plane": [1, 1]}], "rot90.plane is [1, 1]; it must be two axes"),
    ([{"name": "blur", "widths": [4]}], "blur.widths is [4]; it must be odd numbers from 3 to 31"),
    ([{"name": "coarse_dropout", "holes": 2.5}], "coarse_dropout.holes is 2.5; it must be a whole number from 1"),
    ([{"name": "crop_resize", "centre": "yes"}], "crop_resize.centre is 'yes'; it must be True or False"),
    (["crop"], "crop needs a size"),
    ([{"name": "flip", "axis": 5}], "augment: flip has axis 5; axes go from 0 to 1"),
    ([{"name": "rot90", "plane": [0, 2]}], "augment: rot90 has plane [0, 2]; axes go from 0 to 1"),
    ([{"name": "one_of", "of": [{"name": "flip", "axis": 2}]}], "augment: flip has axis 2; axes go from 0 to 1"),
    ([{"name": "crop", "size": [8, 8, 8]}], "crop.size is [8, 8, 8]; give 2 entries, one an axis"),
    ([{"name": "crop", "size": [8, 33]}], "crop.size is [8, 33], larger than what it is cut out of, [32, 32]"),
    (
        [{"name": "crop", "size": [8, 8]}, {"name": "crop", "size": [9, 8]}],
        "crop.size is [9, 8], larger than what it is cut out of, [8, 8] (roi_size, or the image); give at most that",
    ),
    ([{"name": "crop", "size": [8, 8], "p": 0.5}], "p of crop is 0.5; it must be 1"),
    ([{"name": "one_of", "of": [{"name": "crop", "size": [8, 8]}]}], "crop in one_of: the cases of a batch are of one"),
    ([{"name": "crop", "size": 64}], "crop.size is 64; it must be a size an axis"),
    ([{"p": 0.5}], "{'p': 0.5} names no operation"),
    ([7], "7 names no operation"),
    ([{"name": "one_of", "p": 0.5}], "one_of needs a list of operations"),
    ([{"name": "one_of", "of": []}], "one_of needs a list of operations"),
    ([{"name": "one_of", "of": ["blur"], "prob": 1}], "one_of has no parameter 'prob'"),
    ([{"name": "one_of", "of": [{"name": "blur", "p": 0.5}]}], "blur in one_of: its operations are equally likely"),
    ([{"name": "one_of", "of": [{"name": "one_of", "of": ["blur"]}]}], "one_of in one_of"),
]


@pytest.mark.parametrize(("augment", "message"), BAD, ids=[message[:30] for _, message in BAD])
def test_what_cannot_be_used_is_refused_in_one_line(augment: Any, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        build_augmentation(augment, 2, 3, crop=(32, 32))
    assert message in str(raised.value) and "\n" not in str(raised.value)


def test_a_crop_is_always_done() -> None:
    augmentation = build_augmentation([{"name": "crop", "size": [8, 9]}], 2, 1, crop=(16, 16))
    assert {augmentation.draw((0, 0, index), (1, 20, 20)).pose.shape for index in range(50)} == {(8, 9)}


def test_a_list_is_not_trimmed_silently() -> None:
    with pytest.raises(ConfigError, match="augment: hsv is for 3 channels, not 1; leave it out"):
        build_augmentation(["flip", "hsv"], 2, 1)
    with pytest.raises(ConfigError, match="augment: clahe works in 2 dimensions only"):
        build_augmentation(["flip", {"name": "one_of", "of": ["gamma", "clahe"]}], 3, 1)


def rows(preset: str) -> list[str]:
    """The table of a preset, as docs/data.md has it."""
    lines = []
    for entry in PRESETS[preset]:
        of = entry.get("of", [entry])
        for one in of:
            parameters = {key: value for key, value in one.items() if key not in ("name", "p")}
            set_to = OPERATIONS[one["name"]].from_parameters(parameters).parameters()
            settings = ", ".join(settings_of({key: value for key, value in set_to.items() if key in parameters}))
            group = f", one of {len(of)}" if "of" in entry else ""
            lines.append(
                f"| `{one['name']}`{group} | {settings}{' ' if settings else ''}| {entry['p'] / len(of):.3g} |"
            )
    return lines


@pytest.mark.parametrize("preset", [preset for preset in PRESETS if PRESETS[preset]])
def test_the_documentation_lists_what_presets_do(preset: str) -> None:
    section = DOCS.read_text().split(f"**`{preset}`** ")[1].split("\n**`")[0].split("\n#")[0]
    table = [line for line in section.splitlines() if line.startswith("| `")]
    assert table == rows(preset), "\n".join(rows(preset))


def test_the_documentation_lists_every_operation_with_its_parameters() -> None:
    section = DOCS.read_text().split("### Operations")[1].split("### Presets")[0]
    listed = {line.split("`")[1]: line for line in section.splitlines() if line.startswith("| `")}
    assert set(listed) == set(OPERATIONS)
    for name, operation in OPERATIONS.items():
        assert all(f"`{field.name}`" in listed[name] for field in dataclasses.fields(operation))
        where = "RGB" if operation.colour else "2D, 3D" if 3 in operation.spatial_dims else "2D"
        assert listed[name].endswith(f"| {where} |")


def test_augmentation_is_imported_without_its_filters(tmp_path: Path) -> None:
    """kornia takes a third of a second: only what needs it loads it."""
    script = "import sys, monaiseg.data.augment; print('kornia' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.stdout.strip() == "False", done.stderr
