"""The encoders give what torchvision's ResNets gave for the same weights, as recorded once.

`RECORDED` was printed by `python tests/plugins/test_resnet_torchvision.py` with torchvision 0.28.0 and torch 2.13.0
on an x86-64 CPU. Neither the weights nor the picture come from a random generator, so other versions can repeat it.
"""

from collections.abc import Mapping

import pytest
import torch

from monaiseg import build_encoder

GOLDEN = 0.6180339887498949
RECORDED = {
    (18, "evaluation"): [-0.0027774254421, -0.004562997042, -0.0087050495445, 0.0007372190498, -0.0118068836485],
    (18, "training"): [-0.0031041909856, 0.0008025232554, 0.0050911908546, 0.0034174747745, -0.0095513183438],
    (34, "evaluation"): [-0.0027774254421, -0.0022055651145, -0.0035666616184, -0.0190196335972, -0.0137888060032],
    (34, "training"): [-0.0031041909856, 0.0002099684499, -0.0037840150615, -0.011709479467, 0.0004958681642],
    (50, "evaluation"): [-0.0027774254421, -0.0007326156296, 0.0083209489773, -0.0051802789441, 0.0051834014761],
    (50, "training"): [-0.0031041909856, -0.0012015315813, -0.0015675755929, 0.0013251962318, 0.0007757984626],
    (101, "evaluation"): [-0.0027774254421, -0.0007326156296, 0.0083209489773, 0.0083765210474, -0.0075136223623],
    (101, "training"): [-0.0031041909856, -0.0012015315813, -0.0015675755929, -0.0011742938198, -0.0052748674947],
    (152, "evaluation"): [-0.0027774254421, -0.0007326156296, 0.0020542753547, -0.0051690048387, -0.0068660697359],
    (152, "training"): [-0.0031041909856, -0.0012015315813, -0.0019884829471, -0.003617221478, -0.0092523584994],
}


def spread(shape: torch.Size, offset: int) -> torch.Tensor:
    """Return numbers in -1..1 without visible order, the same on every machine."""
    square = (torch.arange(shape.numel(), dtype=torch.float64) + offset) ** 2
    return (torch.frac(square * GOLDEN) * 2 - 1).reshape(shape)


def weights(like: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return weights and statistics of batch norm that are far from the initial ones."""
    made = {}
    for offset, key in enumerate(sorted(key for key in like if not key.startswith("fc."))):
        shape = like[key].shape
        if key.endswith("num_batches_tracked"):
            made[key] = torch.tensor(7)
        elif len(shape) > 1:
            made[key] = spread(shape, offset) * (6 / shape[1:].numel()) ** 0.5
        elif key.endswith(("weight", "running_var")):
            made[key] = 1 + spread(shape, offset) / 2
        else:
            made[key] = spread(shape, offset) / 4
    return made


def picture() -> torch.Tensor:
    return spread(torch.Size((2, 3, 64, 96)), 1000)


def signature(features: torch.Tensor) -> float:
    """Return one number that changes when any element does, or its place."""
    return float((features * spread(features.shape, 1)).mean() / features.abs().mean())


@pytest.mark.parametrize(("depth", "mode"), RECORDED)
def test_features_are_those_of_torchvision(depth, mode):
    encoder = build_encoder(f"resnet{depth}", spatial_dims=2, in_channels=3).double()
    encoder.load_state_dict(weights(encoder.state_dict()))
    with torch.no_grad():
        features = encoder.train(mode == "training")(picture())
    assert [signature(x) for x in features] == pytest.approx(RECORDED[depth, mode], rel=0, abs=1e-9)


def record() -> None:
    import torchvision

    for depth in (18, 34, 50, 101, 152):
        network = torchvision.models.get_model(f"resnet{depth}").double()
        network.fc = torch.nn.Identity()
        network.load_state_dict(weights(network.state_dict()))
        for mode in ("evaluation", "training"):
            network.train(mode == "training")
            with torch.no_grad():
                features = [network.relu(network.bn1(network.conv1(picture())))]
                x = network.maxpool(features[0])
                for stage in (network.layer1, network.layer2, network.layer3, network.layer4):
                    x = stage(x)
                    features.append(x)
            print(f"    {depth, mode}: {[round(signature(x), 13) for x in features]},")


if __name__ == "__main__":
    record()
