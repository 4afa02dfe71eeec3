"""A loss that is no number ends the training."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from monaiseg.engine.finite import BEHIND, FiniteLoss
from monaiseg.errors import TrainingError

NETWORK = nn.Linear(1, 1)

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")),
]


def look(check: FiniteLoss, value: float, device: str) -> None:
    """Let it look at some losses, the second of which is the value."""
    for step in range(1, 3 + BEHIND):
        loss = torch.tensor(value if step == 2 else 0.5, device=device)
        state = SimpleNamespace(iteration=step, epoch=1, output={"loss": loss}, batch={"id": ["a", f"b{step}"]})
        check(SimpleNamespace(state=state))
    check.settle()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_it_names_step_cases_and_mend(value, device, tmp_path):
    with pytest.raises(TrainingError) as raised:
        look(FiniteLoss(SimpleNamespace(path=tmp_path), NETWORK), float(value), device)
    told = str(raised.value)
    assert told.startswith(f"the loss is {value} at step 2 (epoch 1), cases a, b2: lower --lr")
    assert told.endswith("nothing was saved before")


def test_many_cases_are_counted(tmp_path):
    check = FiniteLoss(SimpleNamespace(path=tmp_path), NETWORK)
    (tmp_path / "last.pt").touch()
    state = SimpleNamespace(
        iteration=1, epoch=1, output={"loss": torch.tensor(torch.nan)}, batch={"id": list("abcdefghij")}
    )
    with pytest.raises(TrainingError, match=r"a, b, c, d, e, f, g, h and 2 more: .*the last good state is .*last\.pt"):
        check(SimpleNamespace(state=state))


def test_weights_that_are_no_numbers_are_not_kept(tmp_path):
    network = nn.Linear(2, 2)
    check = FiniteLoss(SimpleNamespace(path=tmp_path), network)
    check.settle()
    with torch.no_grad():
        network.weight[1, 0] = torch.inf
    with pytest.raises(TrainingError, match="weights are no numbers, though the loss was one: lower --lr"):
        check.settle()
