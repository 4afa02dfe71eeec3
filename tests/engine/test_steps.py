"""The training step: accumulation, clipping, autocast; the evaluation step: probabilities at the case's own size."""

import pytest
import torch
from monai.engines import SupervisedEvaluator, SupervisedTrainer
from torch import nn

from monaiseg.engine import EvaluationStep, Settings, TrainingStep, build_optimizer
from monaiseg.engine.steps import own_size
from monaiseg.errors import ConfigError
from monaiseg.losses import build_loss


def make_network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.InstanceNorm2d(4, affine=True), nn.ReLU(), nn.Conv2d(4, 1, 1)
    )


def batches(count: int, size: int) -> list[dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(1)
    image = torch.randn(count * size, 3, 16, 16, generator=generator)
    label = (torch.rand(count * size, 1, 16, 16, generator=generator) > 0.5).byte()
    return [{"image": i, "label": t} for i, t in zip(image.split(size), label.split(size))]


def train(loader, network=None, epochs=1, **options):
    settings = Settings(spatial_dims=2, device="cpu", **{"amp": False, **options})
    network = settings.place(network or make_network())
    trainer = SupervisedTrainer(
        device=settings.device,
        max_epochs=epochs,
        train_data_loader=loader,
        network=network,
        optimizer=build_optimizer("SGD", network, 0.1),
        loss_function=build_loss("bce_dice"),
        iteration_update=TrainingStep(settings),
        decollate=False,
    )
    trainer.run()
    return trainer


def difference(a: nn.Module, b: nn.Module) -> float:
    return max((p - q).abs().max().item() for p, q in zip(a.parameters(), b.parameters()))


def test_four_batches_of_two_equal_one_of_eight():
    small = train(batches(12, 2), accumulate=4).network
    large = train(batches(3, 8)).network
    assert difference(small, large) < 1e-5
    assert difference(small, make_network()) > 1e-2


def test_what_is_left_at_the_end_of_an_epoch_is_stepped_too():
    """Two batches of four are left over after four: they count as one batch of eight would."""
    network = train(batches(6, 4), accumulate=4).network
    large = [
        {key: torch.cat([b[key] for b in part]) for key in ("image", "label")}
        for part in (batches(6, 4)[:4], batches(6, 4)[4:])
    ]
    assert difference(network, train(large).network) < 1e-5


def test_clipping_bounds_the_step():
    tight = train(batches(1, 4), clip=1e-4).network
    assert 0 < difference(tight, make_network()) < 0.1 * 1e-4 * 3


def test_channels_last_changes_the_layout_and_not_the_result():
    last = train(batches(4, 2), channels_last=True)
    assert last.state.output["image"].is_contiguous(memory_format=torch.channels_last)
    assert difference(last.network, train(batches(4, 2), channels_last=False).network) < 1e-5


def test_bfloat16_computes_the_network_in_bfloat16_and_the_loss_in_float32():
    trainer = train(batches(2, 2), amp=True)
    assert trainer.state.output["pred"].dtype == torch.bfloat16
    assert trainer.state.output["loss"].dtype == torch.float32
    assert next(trainer.network.parameters()).dtype == torch.float32


class Heads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = make_network()

    def forward(self, x):
        y = self.body(x)
        return [y, y * 0.5] if self.training else y


def test_a_list_of_outputs_trains():
    network = train(batches(4, 2), network=Heads()).network
    assert difference(network.body, make_network()) > 1e-3


def evaluate(network, image, size, classes=None, **options):
    settings = Settings(spatial_dims=2, device="cpu", amp=False, **options)
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


@pytest.mark.slow
def test_compiled_training_equals_eager():
    from torch._inductor.exc import InductorError

    settings = Settings(spatial_dims=2, device="cpu", amp=False, compile=True)
    network = settings.place(make_network())
    try:
        compiled = settings.compiled(network)
        x = torch.randn(2, 3, 16, 16)
        result = compiled(x)
    except (InductorError, RuntimeError) as error:
        pytest.skip(f"no compiler here: {error}")
    assert torch.allclose(result, network(x), atol=1e-5)
    assert list(network.state_dict()) == list(make_network().state_dict())
