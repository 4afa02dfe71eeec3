"""The training step: accumulation, clipping, autocast; the evaluation step: probabilities at the case's own size."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from ignite.engine import Events
from monai.engines import SupervisedEvaluator, SupervisedTrainer
from stepping import Batch, Heads, batches, difference, joined, make_network, make_trainer, on_every_device, train
from torch import nn

from monaiseg import build_network
from monaiseg.engine import EvaluationStep, ScheduledRate, Settings, build_scheduler
from monaiseg.engine.steps import own_size
from monaiseg.errors import ConfigError
from monaiseg.losses import build_loss

TYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}


def small_unetpp() -> nn.Module:
    torch.manual_seed(0)
    options = {"features": (4, 8), "norm": "instance"}
    shape = {"spatial_dims": 2, "in_channels": 3, "out_channels": 1}
    return build_network("unetpp", **shape, deep_supervision=True, arch_options=options)


def train_unetpp(loader: list[Batch], epochs: int, optimizer: str, loss: str, accumulate: int = 1) -> nn.Module:
    """Train along a schedule for so many epochs."""
    options = {"loss": loss, "lr": 0.01, "accumulate": accumulate}
    trainer = make_trainer(loader, small_unetpp(), epochs, optimizer, **options)
    scheduler = build_scheduler("onecycle", trainer.optimizer, epochs, len(loader), accumulate)
    ScheduledRate(scheduler, evaluator=trainer).attach(trainer)
    trainer.run()
    return trainer.plain


@pytest.mark.parametrize("optimizer", ["SGD", "AdamW"])
@pytest.mark.parametrize("loss", ["bce_dice", "DiceCELoss", "focal_tversky"])
def test_four_batches_of_two_equal_one_of_eight(optimizer: str, loss: str) -> None:
    """Over ten steps: two epochs of five."""
    small = train_unetpp(batches(20, 2), 2, optimizer, loss, accumulate=4)
    large = train_unetpp(batches(5, 8), 2, optimizer, loss)
    assert difference(small, large) < 1e-5
    assert difference(small, small_unetpp()) > 1e-2


@pytest.mark.parametrize("optimizer", ["SGD", "AdamW"])
def test_what_is_left_at_the_end_of_an_epoch_is_a_step_of_its_own(optimizer: str) -> None:
    """Two batches of four are left over after four: they count as one batch of eight would."""
    parts = batches(6, 4)
    large = train_unetpp([joined(parts[:4]), joined(parts[4:])], 3, optimizer, "bce_dice")
    assert difference(train_unetpp(parts, 3, optimizer, "bce_dice", accumulate=4), large) < 1e-5


def stepped_by_hand(parts: list[Batch], clip: float, amp: torch.dtype | None, device: str) -> tuple[nn.Module, float]:
    """A step of SGD on the mean gradient of some batches, clipped by torch, and the norm that it had."""
    network = Settings(spatial_dims=2, device=device).place(make_network())
    network.train()
    scale = 65536.0 if amp is torch.float16 else 1.0
    for part in parts:
        image = part["image"].to(device, memory_format=torch.channels_last)
        with torch.autocast(device, dtype=amp, enabled=amp is not None):
            predicted = network(image)
        (scale * build_loss("bce_dice")(predicted, part["label"].to(device)) / len(parts)).backward()
    for p in network.parameters():
        assert p.grad is not None
        p.grad /= scale
    norm = torch.nn.utils.clip_grad_norm_(network.parameters(), clip).item()
    torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4).step()
    return network, norm


@on_every_device
@pytest.mark.parametrize("amp", [False, "bfloat16", "float16"])
def test_clipping_is_torchs_on_the_accumulated_gradient(amp: bool | str, device: str) -> None:
    """Under float16 on the gradient as it is without its scale."""
    parts, clip = batches(3, 4), 1e-2
    expected, norm = stepped_by_hand(parts, clip, TYPES.get(str(amp)), device)
    assert norm > 2 * clip
    trained = train(parts, accumulate=3, clip=clip, amp=amp, device=device).plain
    assert difference(trained, expected) < 1e-7 < difference(trained, make_network())


def test_channels_last_changes_the_layout_and_not_the_result() -> None:
    last = train(batches(4, 2), channels_last=True)
    assert last.state.output["image"].is_contiguous(memory_format=torch.channels_last)
    assert difference(last.plain, train(batches(4, 2), channels_last=False).plain) < 1e-5


@on_every_device
@pytest.mark.parametrize("amp", TYPES)
def test_the_network_computes_in_the_type_and_the_loss_in_float32(amp: str, device: str) -> None:
    trainer = train(batches(8, 4), amp=amp, device=device)
    assert trainer.state.output["pred"].dtype == TYPES[amp]
    assert trainer.state.output["loss"].dtype == torch.float32
    assert next(trainer.plain.parameters()).dtype == torch.float32
    assert difference(trainer.plain, train(batches(8, 4), device=device).plain) < 3e-3
    assert difference(trainer.plain, make_network()) > 2e-2


class Small(nn.Module):
    """A loss whose gradients float16 cannot hold unless they are scaled: those below 6e-8 are 0."""

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return 1e-8 * (logits.float() - target).square().sum()


def test_small_gradients_do_not_vanish_in_float16() -> None:
    loader = batches(1, 1)
    wanted = train(loader, loss=Small(), lr=1e5).plain
    assert difference(train(loader, loss=Small(), lr=1e5, amp="float16").plain, wanted) < 1e-2
    assert difference(wanted, make_network()) > 0.1


class Large(nn.Module):
    """A loss whose gradients are too large for float16 at first, when the scale is 65536."""

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return 10 * (logits.float() - target).square().mean((1, 2, 3)).sum()


@on_every_device
def test_a_skipped_step_changes_neither_weights_nor_rate(device: str) -> None:
    trainer = make_trainer(batches(16, 4), loss=Large(), lr=1e-3, amp="float16", accumulate=2, device=device)
    scheduler = build_scheduler("polynomial", trainer.optimizer, epochs=1, batches=16, accumulate=2)
    weights, told = [weights_of(trainer.plain)], []

    def look(trainer: SupervisedTrainer) -> None:
        weights.append(weights_of(trainer.plain))
        told.append(trainer.state.output["stepped"])

    ScheduledRate(scheduler, evaluator=trainer).attach(trainer)
    trainer.add_event_handler(Events.ITERATION_COMPLETED, look)
    trainer.run()
    assert told == [not torch.equal(before, after) for before, after in pairwise(weights)]
    assert not any(told[::2]), "a step is after every other batch"
    assert not told[1] and told[-1], "the first one is skipped, the last one not"
    assert scheduler.last_epoch == sum(told)
    assert trainer.settings.scaler.get_scale() == 65536 * 0.5 ** (8 - sum(told))


def weights_of(network: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in network.parameters()])


def test_a_list_of_outputs_trains() -> None:
    trained = train(batches(4, 2), network=Heads()).plain
    assert difference(trained, Heads()) > 1e-3


def evaluate(network, image, size, classes=None, **options):
    settings = Settings(spatial_dims=2, **{"device": "cpu", "amp": False, **options})
    batch = {"image": image, "size": torch.tensor([size]), "id": ["a"]}
    evaluator = SupervisedEvaluator(
        device=settings.device,
        val_data_loader=[batch],
        network=settings.place(network),
        iteration_update=EvaluationStep(settings, classes),
        decollate=False,
    )
    evaluator.run()
    return evaluator.state.output


def test_evaluation_gives_probabilities_of_the_case():
    network, image = make_network(), torch.randn(1, 3, 16, 24)
    output = evaluate(network, image, (16, 24))
    with torch.no_grad():
        expected = network.eval()(image.contiguous(memory_format=torch.channels_last)).sigmoid()
    assert torch.allclose(output["pred"], expected, atol=1e-6)
    assert not output["pred"].requires_grad
    assert output["id"] == ["a"]


@on_every_device
@pytest.mark.parametrize("amp", TYPES)
def test_evaluation_in_half_the_bits_gives_probabilities_in_float32(amp, device):
    image = torch.randn(1, 3, 16, 24)
    half = evaluate(make_network(), image, (16, 24), amp=amp, device=device)["pred"]
    assert half.dtype == torch.float32
    whole = evaluate(make_network(), image, (16, 24), device=device)["pred"]
    assert not torch.equal(half, whole)
    assert torch.allclose(half, whole, atol=2e-2)


def test_probabilities_are_resized_to_the_case():
    assert evaluate(make_network(), torch.randn(1, 3, 16, 24), (50, 31))["pred"].shape == (1, 1, 50, 31)


def test_a_batch_of_cases_of_several_sizes_is_refused():
    settings = Settings(device="cpu", amp=False, spatial_dims=2)
    batch = {"image": torch.zeros(2, 3, 16, 16), "size": torch.tensor([(20, 30), (40, 50)]), "id": ["a", "b"]}
    evaluator = SupervisedEvaluator(
        device=settings.device,
        val_data_loader=[batch],
        network=settings.place(make_network()),
        iteration_update=EvaluationStep(settings),
        decollate=False,
    )
    with pytest.raises(
        ConfigError, match=r"a batch has cases of sizes \[\[20, 30\], \[40, 50\]\]; evaluate one at a time"
    ):
        evaluator.run()


def test_channels_beside_the_classes_are_given_apart():
    network, image = nn.Conv2d(3, 5, 1), torch.randn(1, 3, 16, 24)
    whole = evaluate(network, image, (20, 30))
    assert whole["pred"].shape == (1, 5, 20, 30) and "channels" not in whole
    parted = evaluate(network, image, (20, 30), classes=2)
    assert torch.equal(torch.cat([parted["pred"], parted["channels"]], 1), whole["pred"])
    assert parted["pred"].shape[1] == 2
    assert "channels" not in evaluate(network, image, (20, 30), classes=5)


def test_probabilities_of_the_right_size_are_not_touched():
    x = torch.rand(1, 1, 4, 5)
    assert own_size(x, (4, 5)) is x
    assert own_size(torch.rand(1, 1, 4, 5, 6), (8, 8, 8)).shape == (1, 1, 8, 8, 8)
