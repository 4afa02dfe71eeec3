"""Finds pictures that show the same: copies, near duplicates, and neighbouring frames of a video."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from monaiseg.data.cases import Case, images_of
from monaiseg.data.likeness import Features
from monaiseg.data.looks import Looks, each_read, look_of
from monaiseg.data.names import natural

Array = npt.NDArray[Any]

THRESHOLDS = {
    "near": 0.6,  # structure, of pictures whose colours agree: at least this much, and
    "unusual": 7,  # so often as far above the median of unrelated pictures as their third quartile is
    "most": 0.95,  # but no more than this
    "colours": 0.9,
    "plan": 0.3,  # without it, and without the colours, structure is not compared
    "sure": 0.8,  # structure, whatever the colours
    "rich": 0.15,  # share of a picture that must carry structure; with less of it, more is asked
    "sequence": 0.2,  # share of the neighbours by name that are alike, from which names are in an order
    "unlikely": 0.98,  # neighbours are alike that are more so than this share of pictures far apart
}
NEIGHBOURS = 10
"""How many of each picture's nearest in colour, and in plan, are compared in structure."""

ENTRIES = 500_000
"""Products that are held at once."""

CHUNK = 250
"""Neighbours by name that are compared at once."""

SAMPLE = 1000
ROUNDING = 1e-4
FEW = 30
"""Fewer cases than this cannot tell how alike unrelated ones are, nor whether their names are in an order."""


@dataclass(frozen=True)
class NearPair:
    """Two cases that show the same.

    Attributes:
        first: the position of a case; `second`: that of another one, further on.
        kind: `exact`: the same bytes; `near`: the same view; `sequence`: neighbours by name, in colours more alike
            than those of others, in a set whose neighbours mostly are.
        likeness: of their structure, up to 1; of a sequence, of their colours.
    """

    first: int
    second: int
    kind: str
    likeness: float


def find_duplicates(cases: Sequence[Case]) -> list[NearPair]:
    """Return the pairs of cases whose images show the same, by position; one image at a time is held.

    Raises:
        DataError: an image cannot be read.
    """
    looks, digests = Looks(), []
    for look, digest in each_read("comparing images", lambda case: (look_of(case), _digest(case)), cases):
        looks.add(look)
        digests.append(digest)
    exact = _exact(digests)
    known = {(pair.first, pair.second) for pair in exact}
    found = near_pairs(looks.all(), [images_of(case)[0] for case in cases])
    return sorted([*exact, *(pair for pair in found if (pair.first, pair.second) not in known)], key=_order)


def near_pairs(looks: Array, names: Sequence[str], side: Array | None = None) -> list[NearPair]:
    """Return the pairs of looks `[N, views, SIDE, SIDE, 3]` that are near each other or neighbours in a sequence.

    Args:
        looks: as `look` gives them.
        names: of their files, whose natural order may be that of a video.
        side: `[N]` of booleans; then only pairs across its two sides are looked for.
    """
    if len(looks) < 2:
        return []
    features = Features(looks)
    found = {(pair.first, pair.second): pair for pair in _sequence(features.colours, names)}
    found |= {(pair.first, pair.second): pair for pair in _near(features, side)}
    across = (pair for pair in found.values() if side is None or side[pair.first] != side[pair.second])
    return sorted(across, key=_order)


def groups_of(count: int, pairs: Iterable[NearPair]) -> list[int]:
    """Return the group of each of `count` cases, a number from 0: what pairs connect is one group."""
    ends = np.array([(pair.first, pair.second) for pair in pairs], int).reshape(-1, 2)
    graph = coo_matrix((np.ones(len(ends), bool), (ends[:, 0], ends[:, 1])), shape=(count, count))
    return [int(group) for group in connected_components(graph, directed=False)[1]]


def _order(pair: NearPair) -> tuple[int, int]:
    return pair.first, pair.second


def _pair(one: int, other: int, kind: str, likeness: float) -> NearPair:
    return NearPair(min(one, other), max(one, other), kind, round(float(likeness), 3))


def _digest(case: Case) -> bytes:
    digest = hashlib.sha256()
    for file in images_of(case):
        digest.update(Path(file).read_bytes())
    return digest.digest()


def _exact(digests: Sequence[bytes]) -> list[NearPair]:
    ordered = sorted(range(len(digests)), key=lambda position: (digests[position], position))
    copies = [list(same) for _, same in groupby(ordered, key=lambda position: digests[position])]
    return [NearPair(same[0], other, "exact", 1.0) for same in copies for other in same[1:]]


def _near(features: Features, side: Array | None) -> list[NearPair]:
    ends = np.union1d(
        _nearest(features.colours, side, THRESHOLDS["colours"]), _nearest(features.plan, side, THRESHOLDS["plan"])
    )
    firsts, seconds = np.divmod(ends, len(features.richness))
    least = _unusual(features)
    pairs = []
    for one in np.unique(firsts).tolist():
        others = seconds[firsts.searchsorted(one) : firsts.searchsorted(one, "right")]
        likeness = features.likeness(one, others)
        richness = np.minimum(features.richness[one], features.richness[others]) / THRESHOLDS["rich"]
        needed = 1 - (1 - least) * np.minimum(1, richness)
        of_one_colour = features.colours[others] @ features.colours[one] >= THRESHOLDS["colours"]
        near = (likeness >= needed) & (of_one_colour | (likeness >= THRESHOLDS["sure"]))
        pairs += [_pair(one, int(others[k]), "near", likeness[k]) for k in np.flatnonzero(near)]
    return pairs


def _unusual(features: Features) -> float:
    """Return from where on structure is too much alike for chance: patients in one position are alike as well."""
    count = len(features.richness)
    if count < FEW:
        return THRESHOLDS["sure"]
    draw = np.random.RandomState(0)
    asking = draw.permutation(count)[:200]
    alike = np.concatenate([features.likeness(one, (one + draw.randint(1, count, 20)) % count) for one in asking])
    median, third = np.quantile(alike, (0.5, 0.75))
    return float(np.clip(median + THRESHOLDS["unusual"] * (third - median), THRESHOLDS["near"], THRESHOLDS["most"]))


def _nearest(rows: Array, side: Array | None, least: float) -> Array:
    """Return each row's nearest others whose product with it is at least so much, a number a pair, see `_numbered`."""
    everyone = np.arange(len(rows))
    asking, asked = (everyone, everyone) if side is None else sorted((everyone[side], everyone[~side]), key=len)
    kept = min(NEIGHBOURS + (side is None), len(asked))  # everyone is nearest to itself
    others = rows if side is None else rows[asked]
    ends = [np.empty(0, np.int64)]
    step = max(1, ENTRIES // max(1, len(asked)))
    for start in range(0, len(asking), step):
        chunk = asking[start : start + step]
        alike = rows[chunk] @ others.T
        nearest = np.argpartition(-alike, kept - 1, axis=1)[:, :kept]
        row, column = np.nonzero(np.take_along_axis(alike, nearest, 1) >= least)
        ends.append(_numbered(chunk[row], asked[nearest[row, column]], len(rows)))
    return np.unique(np.concatenate(ends))


def _numbered(one: Array, other: Array, count: int) -> Array:
    """Return a number for each pair of two different positions, the same for both orders: first * count + second."""
    first, second = np.minimum(one, other), np.maximum(one, other)
    return np.asarray((first * count + second)[first != second])


def _sequence(colours: Array, names: Sequence[str]) -> list[NearPair]:
    """Return the neighbours by name that are alike, or nothing where names are in no order."""
    if len(colours) < FEW:
        return []
    order = sorted(range(len(names)), key=lambda position: natural(names[position]))
    sample = colours[order[:: max(1, len(order) // SAMPLE)]]
    apart = np.triu(np.ones((len(sample),) * 2, bool), k=len(sample) // 4)
    level = np.quantile((sample @ sample.T)[apart], THRESHOLDS["unlikely"]) + ROUNDING
    alike = _neighbours(colours, order)
    if (alike > level).mean() < THRESHOLDS["sequence"]:
        return []
    return [_pair(order[k], order[k + 1], "sequence", alike[k]) for k in np.flatnonzero(alike > level)]


def _neighbours(colours: Array, order: Sequence[int]) -> Array:
    """Return how alike each row is to the next one in an order, a few held at a time."""
    chunks = (colours[list(order[start : start + CHUNK + 1])] for start in range(0, len(order) - 1, CHUNK))
    return np.concatenate([(rows[:-1] * rows[1:]).sum(1) for rows in chunks])
