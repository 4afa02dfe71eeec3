"""The ResUNet++ against a second writing in plain functions, and against numbers of the authors' own code.

The second writing computes from a dict of weights with the names that the authors' PyTorch code gives them, so that
`from_resunetplusplus` carries them over. `RECORDED` was printed by

    git clone https://github.com/DebeshJha/ResUNetPlusPlus && git -C ResUNetPlusPlus checkout f07b906
    PYTHONPATH=tests python tests/plugins/test_resunetpp_parity.py ResUNetPlusPlus/resunet++_pytorch.py

(commit f07b9061530e49d093fce532fc57cd5a7dfc34fc, torch 2.13, CPU, float64). Weights and image come from a formula over
the sorted keys of our state dict, without a random generator, so that other versions can repeat it.
"""

import sys
from importlib.util import module_from_spec, spec_from_file_location

import pytest
import torch
from plugins.test_resnet_torchvision import spread
from plugins.test_resnet_torchvision import weights as filled
from segplug_resunetpp.weights import from_resunetplusplus
from torch.nn import functional as F

from monaiseg import build_network
from monaiseg.errors import ConfigError
from monaiseg.weights import import_weights

pytestmark = pytest.mark.filterwarnings("ignore:atrous rates")

RGB = dict(spatial_dims=2, in_channels=3, out_channels=1)
FEATURES = (16, 32, 64, 128, 256)
PIXELS = ((0, 0, 0, 0), (0, 0, 23, 31), (0, 0, 47, 63), (1, 0, 0, 63), (1, 0, 30, 17), (1, 0, 47, 0))
RECORDED = {
    "evaluation": [
        -1.0420551734181,
        -118.87402401916,
        -179.20164920209,
        -29.370424199581,
        91.261194224903,
        -993.55245068122,
        140.03267409647,
    ],
    "training": [
        0.017140290580206,
        3.0522230433369,
        -2.9792195003651,
        2.8975112771335,
        1.7664527858072,
        -0.59023211670145,
        0.17979866978281,
    ],
}
Weights = dict[str, torch.Tensor]


class Shapes:
    """The names and shapes of the authors' state dict, from what the layers are."""

    def __init__(self, dims: int, channels: int, features: tuple[int, ...]) -> None:
        self.dims = dims
        self.shapes: dict[str, tuple[int, ...]] = {}
        f0, f1, f2, f3, f4 = features
        self.unit("c1", channels, f0, stem=True)
        for name, a, b in (("c2", f0, f1), ("c3", f1, f2), ("c4", f2, f3)):
            self.unit(name, a, b)
        self.pyramid("b1", f3, f4)
        for name, skip, x, out in (("d1", f2, f4, f3), ("d2", f1, f3, f2), ("d3", f0, f2, f1)):
            for place, c in (("g_conv", skip), ("x_conv", x), ("gc_conv", x)):
                self.norm(f"{name}.a1.{place}.0", c)
                self.conv(f"{name}.a1.{place}.2", c, x)
            self.unit(f"{name}.r1", skip + x, out)
        self.pyramid("aspp", f1, f0)
        self.conv("output", f0, 1, size=1)

    def conv(self, name: str, a: int, b: int, size: int = 3) -> None:
        self.shapes |= {f"{name}.weight": (b, a, *(size,) * self.dims), f"{name}.bias": (b,)}

    def norm(self, name: str, c: int) -> None:
        leaves = ("weight", "bias", "running_mean", "running_var") if self.dims == 2 else ("weight", "bias")
        self.shapes |= {f"{name}.{leaf}": (c,) for leaf in leaves}
        if self.dims == 2:
            self.shapes[f"{name}.num_batches_tracked"] = ()

    def unit(self, name: str, a: int, b: int, stem: bool = False) -> None:
        conv1, norm2, conv2 = (0, 1, 3) if stem else (2, 3, 5)
        if not stem:
            self.norm(f"{name}.c1.0", a)
        self.conv(f"{name}.c1.{conv1}", a, b)
        self.norm(f"{name}.c1.{norm2}", b)
        self.conv(f"{name}.c1.{conv2}", b, b)
        self.conv(f"{name}.c2.0", a, b, size=1)
        self.norm(f"{name}.c2.1", b)
        self.shapes |= {f"{name}.attn.net.0.weight": (b // 8, b), f"{name}.attn.net.2.weight": (b, b // 8)}

    def pyramid(self, name: str, a: int, b: int) -> None:
        for place in (1, 2, 3, 4):
            self.conv(f"{name}.c{place}.0", a, b)
            self.norm(f"{name}.c{place}.1", b)
        self.conv(f"{name}.c5", b, b, size=1)

    def weights(self) -> Weights:
        return filled({name: torch.empty(shape) for name, shape in self.shapes.items()})


class Plain:
    """The ResUNet++ in functions; training moves the statistics in `weights`.

    In 3D its norm is instance norm, and its bridge has the rates 1, 2, 4, 6.
    """

    def __init__(self, dims: int, weights: Weights, training: bool) -> None:
        self.dims, self.weights, self.training = dims, weights, training

    def conv(self, name: str, x: torch.Tensor, stride: int = 1, rate: int = 1) -> torch.Tensor:
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        function = F.conv2d if self.dims == 2 else F.conv3d
        return function(x, weight, bias, stride=stride, padding=rate * (weight.shape[-1] // 2), dilation=rate)

    def norm(self, name: str, x: torch.Tensor) -> torch.Tensor:
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        if self.dims == 3:
            return F.instance_norm(x, weight=weight, bias=bias)
        mean, var = (self.weights[f"{name}.running_{what}"] for what in ("mean", "var"))
        return F.batch_norm(x, mean, var, weight, bias, training=self.training)

    def unit(self, name: str, x: torch.Tensor, stride: int = 1) -> torch.Tensor:
        stem = f"{name}.c1.5.weight" not in self.weights
        y = x if stem else F.relu(self.norm(f"{name}.c1.0", x))
        y = self.conv(f"{name}.c1.{0 if stem else 2}", y, stride)
        y = F.relu(self.norm(f"{name}.c1.{1 if stem else 3}", y))
        y = self.conv(f"{name}.c1.{3 if stem else 5}", y)
        y = y + self.norm(f"{name}.c2.1", self.conv(f"{name}.c2.0", x, stride))
        hidden = F.relu(y.flatten(2).mean(2) @ self.weights[f"{name}.attn.net.0.weight"].T)
        scale = torch.sigmoid(hidden @ self.weights[f"{name}.attn.net.2.weight"].T)
        return y * scale.reshape(*scale.shape, *[1] * self.dims)

    def pyramid(self, name: str, x: torch.Tensor, rates: tuple[int, ...] = (1, 6, 12, 18)) -> torch.Tensor:
        branches = [self.norm(f"{name}.c{n}.1", self.conv(f"{name}.c{n}.0", x, rate=r)) for n, r in enumerate(rates, 1)]
        return self.conv(f"{name}.c5", torch.stack(branches).sum(0))

    def step(self, name: str, skip: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        def part(place: str, of: torch.Tensor) -> torch.Tensor:
            return self.conv(f"{name}.a1.{place}.2", F.relu(self.norm(f"{name}.a1.{place}.0", of)))

        pool = F.max_pool2d if self.dims == 2 else F.max_pool3d
        gated = x * part("gc_conv", pool(part("g_conv", skip), 2) + part("x_conv", x))
        for axis in range(2, 2 + self.dims):
            gated = gated.repeat_interleave(2, axis)
        return self.unit(f"{name}.r1", torch.cat([gated, skip], 1))

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        c1 = self.unit("c1", x)
        c2 = self.unit("c2", c1, 2)
        c3 = self.unit("c3", c2, 2)
        x = self.unit("c4", c3, 2)
        x = self.pyramid("b1", x, (1, 6, 12, 18) if self.dims == 2 else (1, 2, 4, 6))
        for name, skip in (("d1", c3), ("d2", c2), ("d3", c1)):
            x = self.step(name, skip, x)
        return self.conv("output", self.pyramid("aspp", x))


def carried(weights: Weights, dims: int) -> Weights:
    ours = from_resunetplusplus(weights)
    return ours if dims == 2 else {k: w[..., None] if ".layers." in k else w for k, w in ours.items()}


@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
@pytest.mark.parametrize(("dims", "size"), [(2, (40, 64)), (2, (160, 24)), (3, (16, 24, 16))])
def test_it_computes_what_the_second_writing_does(dims, size, training):
    features = (8, 16, 16, 24, 32)
    weights = Shapes(dims, 2, features).weights()
    network = build_network("resunetpp", spatial_dims=dims, in_channels=2, out_channels=1, features=features).double()
    network.load_state_dict(carried(weights, dims))
    x = spread(torch.Size((2, 2, *size)), 1000)
    expected = Plain(dims, weights, training)(x)
    with torch.no_grad():
        found = network.train(training)(x)
    assert float(expected.std()) > 1e-3
    assert float((found - expected).abs().max()) <= 1e-9 * float(expected.abs().max())
    after = {key: w for key, w in network.state_dict().items() if not key.endswith("tracked")}
    wanted = carried(weights, dims)
    assert max(float((w - wanted[key]).abs().max()) for key, w in after.items()) <= 1e-9


def test_gradients_are_those_of_the_second_writing():
    features = (8, 16, 16, 24, 32)
    weights = Shapes(2, 3, features).weights()
    theirs = {key: w if ".running_" in key or not w.ndim else w.requires_grad_() for key, w in weights.items()}
    network = build_network("resunetpp", **RGB, features=features).double()
    network.load_state_dict(carried({key: w.detach() for key, w in weights.items()}, 2))
    x = spread(torch.Size((2, 3, 32, 48)), 1000)
    Plain(2, theirs, True)(x).square().mean().backward()
    network.train()(x).square().mean().backward()
    wanted = from_resunetplusplus({key: w.grad for key, w in theirs.items() if w.grad is not None})
    found = {name: p.grad for name, p in network.named_parameters()}
    assert found.keys() == wanted.keys()
    largest = max(float(grad.abs().max()) for grad in wanted.values())
    assert max(float((found[name] - wanted[name]).abs().max()) for name in found) <= 1e-9 * largest


def image() -> torch.Tensor:
    return spread(torch.Size((2, 3, 48, 64)), 1000)


def summary(logits: torch.Tensor) -> list[float]:
    """Return one number that changes when any logit does, or its place, and a few logits."""
    signature = (logits * spread(logits.shape, 1)).mean()
    return [float(value) for value in (signature, *(logits[pixel] for pixel in PIXELS))]


@pytest.mark.parametrize("mode", RECORDED)
def test_logits_are_those_of_the_authors_code(mode):
    network = build_network("resunetpp", **RGB).double()
    network.load_state_dict(filled(network.state_dict()))
    with torch.no_grad():
        logits = network.train(mode == "training")(image())
    assert summary(logits) == pytest.approx(RECORDED[mode], rel=0, abs=1e-9 * float(logits.abs().max()))


def test_a_file_of_theirs_is_imported_whole(tmp_path):
    weights = Shapes(2, 3, FEATURES).weights()
    torch.save(weights, tmp_path / "theirs.pth")
    network, match = import_weights(tmp_path / "theirs.pth", "resunetplusplus", "resunetpp", **RGB)
    assert match.complete
    assert torch.equal(
        network.decoder[2].gate.of_x[2].weight.double(), weights["d3.a1.x_conv.2.weight"].float().double()
    )


@pytest.mark.parametrize(
    "key", ["c5.c1.0.weight", "c1.c1.5.weight", "c1.c1.0.extra", "weight", "d1.a1.g_conv.1.weight"]
)
def test_a_key_that_is_not_theirs_is_named(key, tmp_path):
    with pytest.raises(ValueError, match=key.replace(".", r"\.")):
        from_resunetplusplus({key: torch.zeros(1)})
    torch.save({"output.bias": torch.zeros(1), key: torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(ConfigError, match=key) as caught:
        import_weights(tmp_path / "other.pth", "resunetplusplus", "resunetpp", **RGB)
    assert "\n" not in str(caught.value)


def record(path: str) -> None:
    spec = spec_from_file_location("reference", path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    theirs = module.build_resunetplusplus().double()
    state = theirs.state_dict()
    assert {key: tuple(w.shape) for key, w in state.items()} == Shapes(2, 3, FEATURES).shapes
    made = filled(build_network("resunetpp", **RGB).state_dict())
    names = {key: next(iter(from_resunetplusplus({key: w}))) for key, w in state.items()}
    theirs.load_state_dict({key: made[names[key]].reshape(w.shape) for key, w in state.items()})
    for mode in ("evaluation", "training"):
        with torch.no_grad():
            logits = theirs.train(mode == "training")(image())
        print(f'    "{mode}": {[float(f"{value:.14g}") for value in summary(logits)]},')


if __name__ == "__main__":
    record(sys.argv[1])
