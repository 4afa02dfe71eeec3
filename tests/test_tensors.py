"""What is saved can be read back without pickle."""

from __future__ import annotations

from collections import Counter, OrderedDict
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from monai.data import MetaTensor

from monaiseg._tensors import as_bytes, plain, read_tensors
from monaiseg.errors import TrainingError

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False)
    | st.text()
    | st.floats(allow_nan=False).map(np.float64)
    | st.integers(0, 9).map(np.int32)
    | st.lists(st.integers(0, 9)).map(np.array)
)
STATES = st.recursive(
    LEAVES,
    lambda within: (
        st.lists(within)
        | st.lists(within).map(tuple)
        | st.dictionaries(st.text(), within)
        | st.dictionaries(st.integers(), within).map(OrderedDict)
    ),
)


class Mode(str, Enum):
    MEAN = "mean"


def read(state: Any, folder: Path) -> Any:
    (folder / "state.pt").write_bytes(as_bytes({"state": state}))
    return read_tensors(folder / "state.pt")["state"]


@given(state=STATES)
def test_states_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, state: Any) -> None:
    made = plain(state)
    assert repr(read(made, tmp_path_factory.getbasetemp())) == repr(made)
    assert "np." not in repr(made) and "array" not in repr(made)


def test_of_what_only_pickle_could_read_the_content_is_kept(tmp_path: Path) -> None:
    image = MetaTensor(torch.arange(3.0), meta={"file": "a"})
    state = {"mode": Mode.MEAN, "milestones": Counter([2, 2, 5]), "sum": image, "where": {torch.device("cpu")}}
    found = read(plain(state), tmp_path)
    assert found["milestones"] == state["milestones"] and found["where"] == state["where"]
    assert found["mode"] == "mean" and type(found["mode"]) is str
    assert torch.equal(found["sum"], torch.arange(3.0)) and type(found["sum"]) is torch.Tensor


def test_what_cannot_be_kept_is_named() -> None:
    with pytest.raises(TrainingError, match=r"state::a::1 is a Path|state::a::1 is a PosixPath, which no checkpoint"):
        plain({"a": [1, Path("x")]})
