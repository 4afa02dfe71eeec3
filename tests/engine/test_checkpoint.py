"""The file of a training's state: whole, verified, with one before it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from monaiseg.engine.checkpoint import DAMAGED, LAST, PARTS, PREVIOUS, read_checkpoint, write_checkpoint
from monaiseg.errors import ConfigError


def state(step: int) -> dict[str, object]:
    return dict.fromkeys(PARTS, 0) | {"iteration": step, "network": {"weight": torch.arange(1000.0) + step}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for step in (1, 2, 3):
        write_checkpoint(tmp_path, state(step))
    return tmp_path


def test_the_last_two_are_kept(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [LAST, PREVIOUS]
    assert read_checkpoint(folder)["iteration"] == 3
    assert torch.load(folder / PREVIOUS, weights_only=True)["iteration"] == 2


def test_nothing_was_written(tmp_path: Path) -> None:
    assert read_checkpoint(tmp_path) is None


def test_each_flipped_bit_is_seen_or_changes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A bit of padding may be flipped without harm; a weight never is another one."""
    whole, rng = (folder / LAST).read_bytes(), np.random.default_rng(0)
    before, seen = (folder / PREVIOUS).read_bytes(), 0
    for place in rng.integers(0, 8 * len(whole), 300):
        content = bytearray(whole)
        content[place // 8] ^= 1 << place % 8
        (folder / LAST).write_bytes(content)
        (folder / PREVIOUS).write_bytes(before)
        kept = read_checkpoint(folder)
        assert torch.equal(kept["network"]["weight"], state(kept["iteration"])["network"]["weight"])
        seen += kept["iteration"] == 2
    assert seen > 200
    assert f"{folder / LAST}: is damaged" in capsys.readouterr().out


@pytest.mark.parametrize("length", [0, 10, 0.5, 0.99])
def test_a_cut_file_gives_way_to_the_one_before_it(folder: Path, length: float) -> None:
    whole = (folder / LAST).read_bytes()
    cut = whole[: int(length * len(whole)) if length < 1 else int(length)]
    (folder / LAST).write_bytes(cut)
    assert read_checkpoint(folder)["iteration"] == 2
    assert (folder / DAMAGED).read_bytes() == cut and not (folder / PREVIOUS).exists()
    assert read_checkpoint(folder)["iteration"] == 2, "which is the last one now"


def test_killed_between_the_two_names(folder: Path) -> None:
    (folder / LAST).unlink()
    assert read_checkpoint(folder)["iteration"] == 2 and (folder / LAST).exists()


def test_with_no_good_one_it_is_refused(folder: Path) -> None:
    for name in (LAST, PREVIOUS):
        (folder / name).write_bytes(b"PK no zip")
    with pytest.raises(ConfigError, match=PREVIOUS):
        read_checkpoint(folder)
    (folder / PREVIOUS).unlink()
    with pytest.raises(ConfigError, match=f"{LAST}: is damaged .*start a new run"):
        read_checkpoint(folder)


def test_what_is_no_state_of_a_training_is_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1)}, tmp_path / LAST)
    with pytest.raises(ConfigError, match="is not the whole state of a training"):
        read_checkpoint(tmp_path)
