"""What every generated kind promises: its form, the same pixels everywhere, and a mask that leaves work to do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from monaiseg.data import generate_nuclei, generate_polyps, generate_structure
from monaiseg.data.generated import GENERATED, generated_kind
from monaiseg.errors import ConfigError

KINDS = sorted(GENERATED)
PICTURES = [kind for kind in KINDS if not GENERATED[kind].classes]
SHARES = {"nuclei": (0.10, 0.30), "polyps": (0.03, 0.30)}
MEAN_SHARES = {"nuclei": (0.15, 0.25), "polyps": (0.10, 0.18)}


def test_the_kinds() -> None:
    assert {name: kind.generate for name, kind in GENERATED.items()} == {
        "nuclei": generate_nuclei,
        "polyps": generate_polyps,
        "structures": generate_structure,
    }


@pytest.mark.parametrize(
    ("kind", "version", "facts"),
    [
        ("nuclei", 1, [(3642, 36.56), (3358, 52.89), (3137, 25.14)]),
        ("polyps", 1, [(2021, 105.15), (3121, 122.47), (1683, 116.58)]),
        ("structures", 1, [(1708, 83.10), (1830, 66.58), (1468, 159.79)]),
    ],
)
def test_a_version_stands_for_its_pixels(kind: str, version: int, facts: list[tuple[int, float]]) -> None:
    """Where an area or a mean moves, the version must: a folder of the old one would be taken for the new one."""
    assert GENERATED[kind].version == version
    for seed, (area, mean) in enumerate(facts):
        image, mask = GENERATED[kind].generate(seed)
        assert (mask > 0).sum() == area
        assert image.mean() == pytest.approx(mean, rel=2e-4)


@pytest.mark.parametrize("name", ["nuclie", "Polyps", "", None, 3, ["nuclei"]])
def test_an_unknown_kind_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"^generated is "):
        generated_kind(name)


@pytest.mark.parametrize("kind", PICTURES)
def test_form(kind: str) -> None:
    image, mask = GENERATED[kind].generate(3)
    assert image.shape == (128, 128, 3) and image.dtype == np.uint8
    assert mask.shape == (128, 128) and mask.dtype == np.uint8
    assert set(np.unique(mask)) == {0, 255}


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_bytes_and_no_global_state(kind: str) -> None:
    generate = GENERATED[kind].generate
    first = generate(5)
    np.random.seed(123)
    generate(6)
    again = generate(5)
    assert [part.tobytes() for part in first] == [part.tobytes() for part in again]


@pytest.mark.parametrize("kind", KINDS)
def test_different_seeds_differ(kind: str, whole_set: Callable) -> None:
    cases = whole_set(kind)
    assert len({image.tobytes() for image, _ in cases}) == len(cases)
    assert len({truth.tobytes() for _, truth in cases}) == len(cases)


@pytest.mark.parametrize("kind", PICTURES)
def test_share_of_the_foreground(kind: str, whole_set: Callable) -> None:
    shares = [float(truth.mean()) for _, truth in whole_set(kind)]
    least, most = SHARES[kind]
    assert least <= min(shares) and max(shares) <= most
    least, most = MEAN_SHARES[kind]
    assert least <= np.mean(shares) <= most


@pytest.mark.parametrize("kind", PICTURES)
@pytest.mark.parametrize("size", [64, 96, 200])
def test_other_sizes_keep_form_and_share(kind: str, size: int) -> None:
    least, most = SHARES[kind]
    for seed in range(6):
        image, mask = GENERATED[kind].generate(seed, size)
        assert image.shape == (size, size, 3) and mask.shape == (size, size)
        assert least <= (mask > 0).mean() <= most


@pytest.mark.parametrize("kind", PICTURES)
def test_too_small_a_size_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="64"):
        GENERATED[kind].generate(0, 32)
