"""What every loss keeps: a finite scalar that teaches, and 0 for what is right, for every kind of training output."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from monaiseg.losses import LOSSES, PresenceLoss, build_loss

SHAPES = {
    "2D, one class": (2, 1, 16, 18),
    "2D, two classes": (2, 2, 16, 16),
    "3D, one class": (2, 1, 12, 10, 12),
    "3D, two classes": (2, 2, 12, 12, 10),
}
MASKS = ("empty", "full", "ordinary")
HALF = (torch.bfloat16, torch.float16)
DTYPES = (torch.float32, *HALF)
FAINT = ("DiceLoss", "GeneralizedDiceLoss", "TverskyLoss")
"""Whose gradient is a millionth of others' where a mask is empty, too little for float16; docs/losses.md says so."""

every_loss = pytest.mark.parametrize("name", LOSSES)
every_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())


def truth(mask: str, shape: tuple[int, ...], name: str = "") -> torch.Tensor:
    """Masks of that kind; boxes of the classes do not overlap, and no class does where the loss forbids it."""
    target = torch.full(shape, float(mask == "full"))
    if mask == "full" and name == "lovasz_softmax":
        target[:, 1:] = 0
    if mask == "ordinary":
        for channel in range(shape[1]):
            target[:, channel, 1 + 5 * channel : 5 + 5 * channel, 2:8] = 1
    return target


def loss_and_gradient(name: str, logits: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """In float16 the gradient is that of the scaled loss, as it is in training: it would vanish otherwise."""
    logits = logits.clone().requires_grad_()
    value = build_loss(name)(logits, target)
    torch.amp.GradScaler("cpu", enabled=logits.dtype is torch.float16).scale(value).backward()
    assert logits.grad is not None
    return value.detach(), logits.grad


@every_loss
@every_shape
def test_what_is_wrong_teaches(name: str, shape: tuple[int, ...]) -> None:
    for mask, dtype, prediction in product(MASKS, DTYPES, ("inverted", "random")):
        target = truth(mask, shape, name)
        logits = 4 - 8 * target if prediction == "inverted" else 8 * torch.rand(shape) - 4
        value, gradient = loss_and_gradient(name, logits.to(dtype), target)
        case = (mask, dtype, prediction)
        assert value.shape == () and value.dtype == torch.float32, case
        assert value.isfinite() and value > 0, case
        assert gradient.isfinite().all(), case
        if dtype is not torch.float16 or mask != "empty" or name not in FAINT:
            assert all(image.any() for image in gradient), (*case, "each image must teach")


@every_loss
@every_shape
def test_what_is_right_costs_nothing(name: str, shape: tuple[int, ...]) -> None:
    for mask, dtype in product(MASKS, DTYPES):
        target = truth(mask, shape, name)
        value, _ = loss_and_gradient(name, (60 * (2 * target - 1)).to(dtype), target)
        assert abs(value.item()) < 1e-5, (mask, dtype)


@every_loss
def test_sure_predictions_have_a_finite_gradient(name: str) -> None:
    for mask, strength in product(MASKS, (-200, -100, -20, 20, 100, 200)):
        target = truth(mask, (2, 2, 16, 16), name)
        value, gradient = loss_and_gradient(name, strength * (2 * target - 1), target)
        assert value.isfinite() and gradient.isfinite().all(), (mask, strength)


@every_loss
@every_shape
def test_better_costs_less_than_worse(name: str, shape: tuple[int, ...]) -> None:
    target, loss = truth("ordinary", shape), build_loss(name)
    good = 6 * (2 * target - 1)
    assert loss(good, target) < loss(torch.randn(shape), target) < loss(-good, target)


@every_loss
def test_a_step_down_the_gradient_lowers_the_loss(name: str) -> None:
    target = truth("ordinary", (2, 2, 16, 16))
    logits = torch.randn(target.shape)
    value, gradient = loss_and_gradient(name, logits, target)
    assert build_loss(name)(logits - 1e-3 * gradient / gradient.norm(), target) < value


@every_loss
def test_every_channel_counts(name: str) -> None:
    """MONAI's Hausdorff losses leave the first channel out by default, as background."""
    shape = (2, 3, 16, 16)
    gradient = loss_and_gradient(name, torch.randn(shape), truth("ordinary", shape))[1]
    assert gradient.abs().sum((0, 2, 3)).min() > 0


@every_loss
def test_every_kind_of_output(name: str) -> None:
    loss, shape = build_loss(name), (2, 2, 16, 16)
    first, target = torch.randn(shape), truth("ordinary", shape)
    heads = [first, first * 2 - 1, -first]
    mean = torch.stack([loss(head, target) for head in heads]).mean()
    assert loss([first], target) == loss(first, target)
    assert torch.allclose(loss(heads, target), mean)
    assert torch.equal(loss({"logits": heads, "edges": torch.ones(2, 1)}, target), loss(heads, target))
    assert torch.equal(loss({"logits": first}, target), loss(first, target))
    assert torch.equal(loss(first, target.byte()), loss(first, target)), "labels come as uint8"


@every_loss
def test_presence_is_added_and_its_branch_learns(name: str) -> None:
    loss, target = build_loss(name), truth("ordinary", (2, 2, 16, 16))
    heads = [torch.randn(target.shape, requires_grad=True) for _ in range(2)]
    presence = torch.zeros(2, 1, 2, requires_grad=True)
    value = loss({"logits": heads, "presence": presence}, target)
    torch.testing.assert_close(value, loss(heads, target) + PresenceLoss()(presence, target))
    value.backward()
    assert presence.grad is not None and presence.grad.abs().min() > 0
    assert all(head.grad is not None and head.grad.any() for head in heads)


@every_loss
def test_it_is_computed_in_float32_also_inside_autocast(name: str) -> None:
    loss, target = build_loss(name), truth("ordinary", (2, 1, 16, 16))
    for dtype in HALF:
        logits = torch.randn(target.shape).to(dtype)
        expected = loss(logits.float(), target)
        with torch.autocast("cpu", dtype=dtype):
            for outputs in (logits, [logits, logits], {"logits": logits}):
                value = loss(outputs, target)
                assert value.dtype == torch.float32 and torch.equal(value, expected)


def test_a_loss_too_large_for_float16_is_finite() -> None:
    """All is wrong, far from any outline: the squared distances of a picture of 512 pixels a side reach 262,144."""
    target = torch.zeros(1, 1, 512, 512)
    target[..., :4, :4] = 1
    logits = (8 - 16 * target).half().requires_grad_()
    value = build_loss("HausdorffDTLoss")(logits, target)
    value.backward()
    assert torch.finfo(torch.float16).max < value < torch.inf
    assert logits.grad is not None and logits.grad.isfinite().all()


@every_loss
@every_shape
def test_it_is_a_mean_over_cases(name: str, shape: tuple[int, ...]) -> None:
    """So that batches whose gradients are added up equal one large batch; docs/losses.md names the exception."""
    loss, target = build_loss(name), torch.cat([truth(mask, shape, name) for mask in ("ordinary", "empty")])
    logits = torch.randn(target.shape)
    whole = loss(logits, target)
    parts = torch.stack([loss(*part) for part in zip(logits.split(2), target.split(2), strict=True)]).mean()
    if name == "LogHausdorffDTLoss":
        assert parts < whole, "a logarithm of the mean"
    else:
        torch.testing.assert_close(parts, whole)


@every_loss
def test_neither_logits_nor_masks_are_written_to(name: str) -> None:
    target = truth("ordinary", (2, 2, 16, 16))
    logits, masks = torch.randn(target.shape), target.clone()
    kept = logits.clone()
    loss_and_gradient(name, logits, masks)
    build_loss(name)(logits, masks)
    assert torch.equal(logits, kept) and torch.equal(masks, target)
