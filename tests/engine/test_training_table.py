"""The Dice of what a training was shown, whatever form the network's output has."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from monaiseg.engine.training_table import training_overlap

LABEL = torch.tensor([[[[1, 1, 0, 0]]], [[[0, 0, 0, 1]]]], dtype=torch.uint8)
LOGITS = torch.tensor([[[[2.0, -1.0, 3.0, -4.0]]], [[[-1.0, -1.0, -1.0, 0.5]]]])


@pytest.mark.parametrize(
    "pred",
    [
        LOGITS,
        [LOGITS, -LOGITS],
        {"logits": [LOGITS, -LOGITS], "presence": torch.zeros(2, 1, 2)},
        torch.cat([LOGITS, torch.full_like(LOGITS, 9.0)], 1),
    ],
    ids=["tensor", "deep supervision", "auxiliary", "further channels"],
)
def test_it_is_that_of_the_main_output(pred: Any) -> None:
    twice, sizes = training_overlap(pred, LABEL).tolist()
    assert (twice, sizes) == (2 * 2, 3 + 3)
