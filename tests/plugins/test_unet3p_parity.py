"""The UNet 3+ equals its authors' code, ZJUGiveLab/UNet-Version at 8ecd06740d18cf508e5c8b2cc2bf38a026aa0e9b.

Beside ours, with our weights carried over and the sigmoids at its ends left out, the authors' classes UNet_3Plus,
UNet_3Plus_DeepSup and UNet_3Plus_DeepSup_CGM gave every output with a difference of exactly 0.0 in float64 (torch
2.13.0, evaluation and training, dropout off). `RECORDED` holds values that their code gave.
"""

import pytest
import torch
from segplug_unet3p.weights import from_unet_version
from torch.nn import functional as F

from monaiseg import build_network

X = torch.randn(2, 3, 32, 48, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
TINY = dict(features=(4, 6, 8, 10, 12), cat_channels=4)
PLACES = (0, 777, 1535)
RECORDED = {
    ("UNet_3Plus", "eval"): [[-0.083979043, -2.097167226, -0.064489466]],
    ("UNet_3Plus", "train"): [[0.136820053, -0.634353879, -0.167981936]],
    ("UNet_3Plus_DeepSup", "train"): [
        [0.136820053, -0.634353879, -0.167981936],
        [0.320040284, 0.677735125, 0.8155065],
        [0.078296025, -1.67810284, 0.479564601],
        [0.608878107, 0.605705782, -0.149399011],
        [-0.705268571, 0.348573226, 0.462133284],
    ],
    ("UNet_3Plus_DeepSup_CGM", "eval"): [[0.066374633, 1.078108269, 0.464833394]],
    ("UNet_3Plus_DeepSup_CGM", "train"): [
        [-0.519643928, -1.130988233, -0.404627508],
        [-0.034513874, -0.564307814, -0.929860352],
        [-0.209013655, 0.571448789, 0.217914422],
        [0.108075015, 0.327852139, -0.717501716],
        [0.27229643, -0.789421009, -1.791545137],
    ],
}
NAMES = {
    "UNet_3Plus": ("unet3p", {}),
    "UNet_3Plus_DeepSup": ("unet3p", {"deep_supervision": True}),
    "UNet_3Plus_DeepSup_CGM": ("unet3p_cgm", {"deep_supervision": True, "gate_dropout": 0.0}),
}


def fill(network: torch.nn.Module) -> None:
    """Set what a state dict holds, by sorted key, from one stream of normal numbers."""
    stream = torch.Generator().manual_seed(1)
    for key, value in sorted(network.state_dict().items()):
        if not value.is_floating_point():
            continue
        drawn = torch.randn(value.shape, generator=stream, dtype=torch.float64)
        if key.endswith("running_var"):
            drawn = 0.5 + drawn.abs()
        elif value.ndim > 1:
            drawn = drawn * (2.0 / value[0].numel()) ** 0.5
        elif key.endswith("norm.weight"):
            drawn = 1 + 0.1 * drawn
        else:
            drawn = 0.1 * drawn
        value.copy_(drawn)


def ours(reference: str) -> torch.nn.Module:
    name, options = NAMES[reference]
    network = build_network(name, spatial_dims=2, in_channels=3, out_channels=1, bias=True, **options).double()
    fill(network)
    return network


def outputs_of(network: torch.nn.Module) -> list[torch.Tensor]:
    with torch.no_grad():
        outputs = network(X)
    outputs = outputs["logits"] if isinstance(outputs, dict) else outputs
    return outputs if isinstance(outputs, list) else [outputs]


@pytest.mark.parametrize(("reference", "mode"), RECORDED)
def test_the_authors_code_gave_these_values(reference, mode):
    outputs = outputs_of(ours(reference).train(mode == "train"))
    got = [[output.flatten()[place].item() for place in PLACES] for output in outputs]
    torch.testing.assert_close(torch.tensor(got), torch.tensor(RECORDED[reference, mode]), rtol=0, atol=2e-7)


class Plain:
    """The authors' network written out again, on a state dict with their keys; in 3D with instance norm."""

    def __init__(self, state: dict[str, torch.Tensor], train: bool) -> None:
        self.state, self.train = state, train
        self.flat = state["conv1.conv1.0.weight"].ndim == 4
        self.pool, self.linear = (F.max_pool2d, "bilinear") if self.flat else (F.max_pool3d, "trilinear")

    def conv(self, x, key):
        function = F.conv2d if self.flat else F.conv3d
        return function(x, self.state[f"{key}.weight"], self.state[f"{key}.bias"], padding=1)

    def cbr(self, x, conv, bn):
        if not self.flat:
            x = self.conv(x, conv)
            return F.relu(F.instance_norm(x, weight=self.state[f"{bn}.weight"], bias=self.state[f"{bn}.bias"]))
        mean, var = (None, None) if self.train else (self.state[f"{bn}.running_mean"], self.state[f"{bn}.running_var"])
        x = self.conv(x, conv)
        return F.relu(F.batch_norm(x, mean, var, self.state[f"{bn}.weight"], self.state[f"{bn}.bias"], self.train))

    def __call__(self, x):
        encoded = []
        for level in range(1, 6):
            x = self.pool(x, 2) if encoded else x
            for part in (1, 2):
                x = self.cbr(x, f"conv{level}.conv{part}.0", f"conv{level}.conv{part}.1")
            encoded.append(x)
        maps = dict(enumerate(encoded, 1))
        for stage in (4, 3, 2, 1):
            parts = []
            for scale in range(1, 6):
                if scale < stage:
                    source = self.pool(encoded[scale - 1], 2 ** (stage - scale), ceil_mode=True)
                    key = f"h{scale}_PT_hd{stage}"
                elif scale == stage:
                    source, key = encoded[scale - 1], f"h{scale}_Cat_hd{stage}"
                else:
                    source = F.interpolate(maps[scale], scale_factor=2 ** (scale - stage), mode=self.linear)
                    key = f"hd{scale}_UT_hd{stage}"
                parts.append(self.cbr(source, f"{key}_conv", f"{key}_bn"))
            maps[stage] = self.cbr(torch.cat(parts, 1), f"conv{stage}d_1", f"bn{stage}d_1")
        heads = [self.conv(maps[n], f"outconv{n}") for n in range(1, 6) if f"outconv{n}.weight" in self.state]
        return [F.interpolate(head, size=encoded[0].shape[2:], mode=self.linear) for head in heads]


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("reference", NAMES)
def test_a_second_writing_gives_the_same(reference, mode):
    network = ours(reference).train(mode == "train")
    state = network.state_dict()
    theirs = {key: state[mapped] for key, mapped in their_keys(state).items()}
    expected = Plain(theirs, mode == "train")(X)
    outputs = outputs_of(network)
    assert len(outputs) == (len(expected) if mode == "train" else 1)
    for output, wanted in zip(outputs, expected, strict=False):
        assert (output - wanted).abs().max() <= 1e-9 * wanted.abs().max()


def their_keys(state: dict[str, torch.Tensor]) -> dict[str, str]:
    """All keys that the authors' networks have, and ours for each; each of ours is somebody's."""
    parts = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    stems = [f"conv{n}.conv{m}.{k}" for n in range(1, 6) for m in (1, 2) for k in (0, 1)]
    stems += [f"outconv{n}" for n in range(1, 6)] + ["cls.1"]
    for stage in range(1, 5):
        stems += [f"conv{stage}d_1", f"bn{stage}d_1"]
        for scale in range(1, 6):
            kind = "PT" if scale < stage else "Cat" if scale == stage else "UT"
            name = f"h{'d' if scale > stage else ''}{scale}_{kind}_hd{stage}"
            stems += [f"{name}_conv", f"{name}_bn"]
    keys = [f"{stem}.{part}" for stem in stems for part in parts]
    renamed = {key: new for key in keys for new in from_unet_version({key: None}) if new in state}
    assert set(renamed.values()) == set(state)
    return renamed


def test_in_3d_a_second_writing_gives_the_same():
    network = build_network("unet3p", spatial_dims=3, in_channels=1, out_channels=2, bias=True, **TINY).double()
    fill(network)
    state = network.state_dict()
    x = torch.randn(1, 1, 32, 16, 48, dtype=torch.float64)
    expected = Plain({key: state[mapped] for key, mapped in their_keys(state).items()}, False)(x)[0]
    with torch.no_grad():
        output = network.eval()(x)
    assert (output - expected).abs().max() <= 1e-9 * expected.abs().max()


@pytest.mark.parametrize("key", ["conv6d_2.weight", "conv1.conv3.0.weight", "fc.weight"])
def test_an_unknown_key_is_named(key):
    with pytest.raises(ValueError, match=key.split(".")[0]):
        from_unet_version({key: None})
