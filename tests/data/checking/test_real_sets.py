"""The real sets: what is true of their files is found, and no false error is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from monaiseg.data.checking import CheckReport, check_data

Reports = Callable[[str], CheckReport]


@pytest.fixture(scope="module")
def report(real_data: Callable[[str], Path]) -> Reports:
    """Gives the report of a real set, made once."""
    made: dict[str, CheckReport] = {}

    def of(name: str) -> CheckReport:
        root = real_data(name)
        if name not in made:
            made[name] = check_data(root)
        return made[name]

    return of


def record(report: CheckReport) -> dict[str, Any]:
    return report.record()


@pytest.mark.parametrize(
    "name",
    ["dsb2018/stage1_train", "kvasir-seg", "cvc-clinicdb/TIF", "cvc-clinicdb/PNG", "cvc-clinicdb", "msd-hippocampus"],
)
def test_no_false_error(report: Reports, name: str) -> None:
    assert [fault for fault in report(name).faults if fault.severity == "error"] == []


def test_dsb2018_sizes_and_colour(report: Reports) -> None:
    facts = record(report("dsb2018/stage1_train"))
    assert len(facts["sizes"]) == 9 and {"256x256", "1040x1388"} <= set(facts["sizes"])
    assert facts["stored"] == {"RGBA": 498} and "partly transparent" not in facts["counts"]
    assert facts["counts"]["in colour"] / 498 == pytest.approx(1 / 6, abs=0.01)
    assert facts["label_values"] == {"255": 498}


def test_dsb2018_instances_and_their_overlaps(report: Reports) -> None:
    facts = record(report("dsb2018/stage1_train"))
    assert (facts["instances"]["least"], facts["instances"]["most"]) == (1, 375)
    assert facts["counts"]["labels with overlapping instances"] >= 1
    assert (facts["overlapping_pixels"]["least"], facts["overlapping_pixels"]["most"]) == (1, 2)
    assert "overlap" not in {fault.kind for fault in report("dsb2018/stage1_train").faults}


def test_cvc_tiffs_are_refused_by_pillow_and_have_grey_masks(report: Reports) -> None:
    facts = record(report("cvc-clinicdb/TIF"))
    assert facts["counts"]["refused by Pillow, read by tifffile"] == sum(facts["cases"].values()) == 21
    assert facts["labels_stored"] == {"L": 21}


def test_one_cvc_mask_in_four_has_grey_edges_and_pngs_are_rgb(report: Reports) -> None:
    facts = record(report("cvc-clinicdb/PNG"))
    assert facts["labels_stored"] == {"RGB": 102}
    assert facts["counts"]["labels with grey edges, thresholded at 127"] / 102 == pytest.approx(1 / 4, abs=0.02)


def test_a_random_split_of_cvc_is_warned_about(report: Reports) -> None:
    (fault,) = (fault for fault in report("cvc-clinicdb").faults if fault.kind == "random_split")
    assert "71 of its 102 cases" in fault.message and "frames of a video" in fault.message
    assert fault.message.endswith(f"monaiseg data split {report('cvc-clinicdb').found.root} --by near_duplicates")


def test_cvc_is_there_twice_and_one_is_taken(report: Reports) -> None:
    assert report("cvc-clinicdb").found.root.name == "PNG"
    assert any("TIF and PNG hold the same cases" in note for note in report("cvc-clinicdb").found.notes)


def test_near_duplicates_of_kvasir_are_named(report: Reports) -> None:
    near = [fault for fault in report("kvasir-seg").faults if fault.kind in ("near_duplicate", "near_leak")]
    told = {
        (Path(fault.file).stem, Path(fault.message.split(";")[0].split(" as ")[1].split(",")[0]).stem) for fault in near
    }
    assert {("620", "459"), ("593", "510")} <= told and len(told) == 22
    assert [fault.file for fault in near if fault.kind == "near_leak" and "/validation/" not in fault.file] == []
    assert len([fault for fault in near if fault.kind == "near_leak"]) == 4


@pytest.mark.parametrize("name", ["dsb2018/stage1_train", "msd-hippocampus"])
def test_what_is_alike_by_nature_is_not_called_a_duplicate(report: Reports, name: str) -> None:
    kinds = {fault.kind for fault in report(name).faults}
    assert not kinds & {"near_duplicate", "near_leak", "random_split", "duplicate"}


def test_kvasir_masks_are_jpeg(report: Reports) -> None:
    facts = record(report("kvasir-seg"))
    assert facts["cases"] == {"train": 800, "validation": 100} and facts["sizes"] == {"352x352": 900}
    assert facts["counts"]["labels with grey edges, thresholded at 127"] == 900
    assert facts["greys"]["mean"] == pytest.approx(65, abs=2)
    assert facts["label_values"] == {}
    assert facts["overcount"]["least"] > 1.01 and facts["overcount"]["mean"] > 1.05


def test_hippocampus_intensities_and_types(report: Reports) -> None:
    facts = record(report("msd-hippocampus"))
    assert facts["high"]["least"] == pytest.approx(112, abs=2) and facts["high"]["most"] == pytest.approx(
        1.7e6, rel=0.01
    )
    assert set(facts["stored"]) == {"uint8", "float32"} and facts["spacings_mm"] == {"1 x 1 x 1": 195}
    assert facts["label_values"] == {"1": 195, "2": 195}
    kinds = {fault.kind for fault in report("msd-hippocampus").faults}
    assert kinds == {"float_label", "intensity"} and facts["labels_stored"]["float32"] >= 1
    absurd = [fault for fault in report("msd-hippocampus").faults if fault.kind == "intensity"]
    assert len(absurd) == 25 and all("that of the median image is 1944.88" in fault.message for fault in absurd)
