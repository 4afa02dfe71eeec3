"""Scoring behind the network: in order, in groups, with no more kept than is needed, and ended when it fails."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import torch

from monaiseg.errors import ConfigError
from monaiseg.metrics import _behind
from monaiseg.metrics._behind import READ, ScoredBehind
from monaiseg.metrics.case_measures import Scores


class Slow:
    """Measures that wait to be let go, and note what they were given."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.seen: list[dict[str, Any]] = []

    def of_batch(self, output: dict[str, Any], masks: torch.Tensor) -> tuple[Scores, Scores]:
        assert self.let_go.wait(30)
        if output["id"] == ["wrong"]:
            raise ConfigError("it is wrong")
        self.seen.append(output)
        return {"of": masks.numpy()}, {}


def case(name: str, pixels: int = 1) -> tuple[dict[str, Any], torch.Tensor]:
    return {"id": [name], "pred": torch.ones(pixels), "image": torch.ones(9)}, torch.ones(pixels, dtype=torch.bool)


def started(slow: Slow) -> ScoredBehind:
    return ScoredBehind(slow)  # type: ignore[arg-type]


def test_small_cases_wait_for_others_and_large_ones_do_not() -> None:
    slow = Slow()
    slow.let_go.set()
    behind = started(slow)
    behind.add(*case("small"))
    assert not behind._running
    behind.add(*case("large", _behind.AT_ONCE))
    assert len(behind._running) == 1
    behind.add(*case("last"))
    assert [len(of["of"]) for of, _ in behind.results()] == [1, _behind.AT_ONCE, 1]
    assert [output["id"] for output in slow.seen] == [["small"], ["large"], ["last"]]
    assert all("image" not in output and set(output) <= set(READ) for output in slow.seen)


def test_no_more_groups_are_kept_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """The third waits for the first: it is let go only when the network has come to that."""
    monkeypatch.setattr(_behind, "AT_ONCE", 1)
    slow = Slow()
    behind = started(slow)
    for name in ("first", "second"):
        behind.add(*case(name))
    assert len(behind._running) == _behind.BEHIND and not slow.seen
    threading.Timer(0.2, slow.let_go.set).start()
    behind.add(*case("third"))
    assert slow.let_go.is_set() and len(behind._running) <= _behind.BEHIND
    assert len(behind.results()) == 3


def test_an_error_names_its_case_and_comes_with_a_later_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_behind, "AT_ONCE", 1)
    slow = Slow()
    slow.let_go.set()
    behind = started(slow)
    behind.add(*case("wrong"))
    behind.add(*case("sound"))
    with pytest.raises(ConfigError, match=r"^wrong: it is wrong$"):
        behind.add(*case("later"))
    behind.end()
    assert not any(thread.is_alive() for thread in behind._pool._threads)
