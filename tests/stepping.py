"""What several tests of training steps share: a small network, batches, and MONAI's trainer with the step of ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from monai.engines import SupervisedTrainer
from torch import nn

from monaiseg.engine import Settings, TrainingStep, build_optimizer
from monaiseg.losses import build_loss
from monaiseg.nn import norm_layer

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
on_every_device = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=needs_cuda)])

Batch = dict[str, torch.Tensor]


def make_network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, bias=False), norm_layer("instance", 2, 4), nn.ReLU(), nn.Conv2d(4, 1, 1)
    )


class Heads(nn.Module):
    """With deep supervision: two outputs in training, one in evaluation."""

    def __init__(self) -> None:
        super().__init__()
        self.body = make_network()

    def forward(self, x: torch.Tensor) -> Any:
        y = self.body(x)
        return [y, y * 0.5] if self.training else y


def batches(count: int, size: int) -> list[Batch]:
    generator = torch.Generator().manual_seed(1)
    image = torch.randn(count * size, 3, 16, 16, generator=generator)
    label = (torch.rand(count * size, 1, 16, 16, generator=generator) > 0.5).byte()
    return [{"image": i, "label": t} for i, t in zip(image.split(size), label.split(size), strict=True)]


def joined(parts: Sequence[Batch]) -> Batch:
    """One batch of several."""
    return {key: torch.cat([part[key] for part in parts]) for key in parts[0]}


def make_trainer(
    loader: Sequence[Batch],
    network: nn.Module | None = None,
    epochs: int = 1,
    optimizer: str = "SGD",
    lr: float = 0.1,
    loss: Any = "bce_dice",
    **options: Any,
) -> SupervisedTrainer:
    """A trainer of `network`, of which `trainer.plain` is the module itself; options are those of the settings."""
    settings = Settings(spatial_dims=2, **{"amp": False, "device": "cpu", **options})
    network = settings.place(network or make_network())
    trainer = SupervisedTrainer(
        device=settings.device,
        max_epochs=epochs,
        train_data_loader=loader,
        network=settings.compiled(network),
        optimizer=build_optimizer(optimizer, network, lr),
        loss_function=build_loss(loss) if isinstance(loss, str) else loss,
        iteration_update=TrainingStep(settings),
        decollate=False,
    )
    trainer.plain, trainer.settings = network, settings
    return trainer


def train(*arguments: Any, **options: Any) -> SupervisedTrainer:
    """A trainer that has run."""
    trainer = make_trainer(*arguments, **options)
    trainer.run()
    return trainer


def difference(a: nn.Module, b: nn.Module) -> float:
    return max((p.cpu() - q.cpu()).abs().max().item() for p, q in zip(a.parameters(), b.parameters(), strict=True))
