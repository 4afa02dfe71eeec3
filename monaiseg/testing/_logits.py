"""The check that outputs are logits, which tells them by where training can move them."""

from __future__ import annotations

import torch
from torch import nn

from monaiseg._seeding import seeded
from monaiseg.testing._check import check, require
from monaiseg.testing._outcome import heads
from monaiseg.testing._outputs import only_norms_evaluate
from monaiseg.testing._subject import Subject, evaluate

REACH = 2.0
"""Logits must be able to pass it on both sides of zero; what a sigmoid, softmax, tanh or ReLU gives cannot."""


@check("gives logits, in training and in evaluation: no sigmoid, no softmax")
def logits(subject: Subject) -> None:
    """Trained to push one class up and the other down, every head must pass 2 and -2; sums to 1 are looked for too."""
    for variant in subject.variants():
        network = subject.build(**variant)
        (x,) = subject.inputs()
        _require_unbounded(heads(evaluate(network, x)), "evaluation")
        _push_apart(network, x)
        _require_unbounded(heads(evaluate(network, x)), "evaluation")
        only_norms_evaluate(network)
        for number, head in enumerate(heads(network(x))):
            where = "training" if number == 0 else f"head {number} in training"
            low, high = float(head.min()), float(head.max())
            reach = f"{where} stays within {low:.3g} and {high:.3g}, however it is trained: is there an activation?"
            require(low < -REACH and high > REACH, reach)


def _require_unbounded(outputs: list[torch.Tensor], where: str) -> None:
    for output in outputs:
        sums = output.sum(1)
        require(not torch.allclose(sums, torch.ones_like(sums), atol=1e-4), f"{where} sums to 1, as after a softmax")
        within = bool((output >= 0).all() and (output <= 1).all())
        require(not within, f"all of {where} is between 0 and 1, as after a sigmoid")


def _push_apart(network: nn.Module, x: torch.Tensor, most: int = 200) -> None:
    """Move the first class up and the second down, until all heads are far out or give in."""
    only_norms_evaluate(network)
    optimizer = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], lr=0.02)
    with seeded(1):
        for _ in range(most):
            outputs = heads(network(x))
            if all(float(head.min()) < -2 * REACH and float(head.max()) > 2 * REACH for head in outputs):
                return
            optimizer.zero_grad()
            # A head that is far out already has had its share.
            loss = sum((_clipped(head[:, 1]) - _clipped(head[:, 0]) for head in outputs), torch.zeros(()))
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()


def _clipped(head: torch.Tensor) -> torch.Tensor:
    return head.clamp(-4 * REACH, 4 * REACH).mean()
