"""Foreign weights: every weight is accounted for, and what is written is what the file had."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from strangers import entry_module, on_path, spec, write_distribution

import monaiseg
from monaiseg._registry import Entry, registry
from monaiseg.errors import ConfigError, OutputError, PluginError
from monaiseg.weights import (
    UnmatchedWeights,
    converted,
    import_weights,
    layout_owner,
    read_state,
    resolve_layout,
    save_weights,
)

NET = """
import torch
from torch import nn
from monaiseg.plugin import build_encoder


def conv(spatial_dims):
    return nn.Conv2d if spatial_dims == 2 else nn.Conv3d


class Net(nn.Module):
    def __init__(self, encoder, head):
        super().__init__()
        self.encoder = encoder
        self.head = head

    def forward(self, x):
        return self.head(self.encoder(x)[0])


class Trunk(nn.Module):
    def __init__(self, spatial_dims, in_channels, width=4):
        super().__init__()
        self.stem = conv(spatial_dims)(in_channels, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.out_channels, self.strides = (width,), (1,)

    def forward(self, x):
        return [self.norm(self.stem(x))]


def build_encoder_alone(*, spatial_dims, in_channels, pretrained=None, freeze=False):
    return Trunk(spatial_dims, in_channels)


def build(*, spatial_dims, in_channels, out_channels, encoder=None, width=4):
    if encoder is None:
        trunk = Trunk(spatial_dims, in_channels, width)
    else:
        trunk = build_encoder(encoder, spatial_dims=spatial_dims, in_channels=in_channels)
    return Net(trunk, conv(spatial_dims)(trunk.out_channels[0], out_channels, 1))


def build_bare(*, spatial_dims, in_channels, out_channels, encoder=None):
    return conv(spatial_dims)(in_channels, out_channels, 1)
"""

WEIGHTS = """
def from_elsewhere(state):
    unknown = [key for key in state if key.partition(".")[0] not in ("c", "n", "out")]
    if unknown:
        raise ValueError(f"{unknown[0]} is not one of its keys")
    names = {"c": "encoder.stem", "n": "encoder.norm", "out": "head"}
    return {names[key.partition(".")[0]] + "." + key.partition(".")[2]: value for key, value in state.items()}


def from_trunk(state):
    return {key.replace("c.", "stem.").replace("n.", "norm."): value for key, value in state.items()}


def failing(state):
    return {"a": state["a key that is not there"]}


def of_numbers(state):
    return {"head.weight": 1.0}
"""

LAYOUTS = {
    "elsewhere": "toy_weights.weights:from_elsewhere",
    "failing": "toy_weights.weights:failing",
    "numbers": "toy_weights.weights:of_numbers",
    "nowhere": "toy_weights.nowhere:convert",
}
SPECS = (
    spec("Network", "toy_net", "toy_weights.net:build", f"weights={LAYOUTS!r}"),
    spec("Network", "toy_bare", "toy_weights.net:build_bare"),
    spec(
        "Encoder",
        "toy_trunk",
        "toy_weights.net:build_encoder_alone",
        "weights={'trunk': 'toy_weights.weights:from_trunk'}",
    ),
)
SHAPES = dict(spatial_dims=2, in_channels=3, out_channels=1)


@pytest.fixture(scope="module", autouse=True)
def _toy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("toy")
    write_distribution(
        folder,
        "toy-weights",
        entry_points={"toy_weights": "toy_weights"},
        modules={
            "toy_weights/__init__.py": entry_module(*SPECS),
            "toy_weights/net.py": NET,
            "toy_weights/weights.py": WEIGHTS,
        },
    )
    with on_path(folder):
        yield


def foreign(parts: tuple[str, ...] = ("c", "n", "out"), width: int = 4) -> dict[str, torch.Tensor]:
    """Weights as elsewhere names them, all different from initial ones."""
    torch.manual_seed(1)
    state = {
        "c.weight": torch.randn(width, 3, 3, 3),
        "c.bias": torch.randn(width),
        "n.weight": torch.randn(width),
        "n.bias": torch.randn(width),
        "n.running_mean": torch.randn(width),
        "n.running_var": torch.rand(width),
        "n.num_batches_tracked": torch.tensor(7),
        "out.weight": torch.randn(1, width, 1, 1),
        "out.bias": torch.randn(1),
    }
    return {key: value for key, value in state.items() if key.partition(".")[0] in parts}


def saved(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


@pytest.mark.parametrize("form", ["bare", "state_dict", "parallel", "both"])
def test_each_weight_arrives(form: str, tmp_path: Path) -> None:
    state: dict[str, object] = dict(foreign())
    if form in ("parallel", "both"):
        state = {f"module.{key}": value for key, value in state.items()}
    if form in ("state_dict", "both"):
        state = {"epoch": 3, "state_dict": state}
    network, match = import_weights(saved(tmp_path / "a.pt", state), "elsewhere", "toy_net", **SHAPES)
    assert match.complete and len(match.matched) == 9 and match.untouched == ()
    names = {"c": "encoder.stem", "n": "encoder.norm", "out": "head"}
    ours = network.state_dict()
    for key, value in foreign().items():
        part, _, leaf = key.partition(".")
        assert torch.equal(ours[f"{names[part]}.{leaf}"], value)


def test_a_file_written_in_half_precision_arrives_in_single(tmp_path: Path) -> None:
    halves = {key: value.half() if value.is_floating_point() else value for key, value in foreign().items()}
    network, _ = import_weights(saved(tmp_path / "a.pt", halves), "elsewhere", "toy_net", **SHAPES)
    assert network.state_dict()["head.bias"].dtype == torch.float32
    assert torch.equal(network.state_dict()["head.bias"], halves["out.bias"].float())


def test_whatever_is_left_over_is_refused(tmp_path: Path) -> None:
    state = foreign() | {"c.gain": torch.ones(1), "out.bias": torch.ones(2)}
    del state["n.bias"]
    path = saved(tmp_path / "a.pt", state)
    with pytest.raises(UnmatchedWeights) as refused:
        import_weights(path, "elsewhere", "toy_net", **SHAPES)
    match = refused.value.match
    assert match.missing == ("encoder.norm.bias",)
    assert match.unexpected == ("encoder.stem.gain",)
    assert match.misshapen == {"head.bias": ((2,), (1,))}
    told = str(refused.value)
    assert "7 of the network's weights match, 1 missing (encoder.norm.bias), 1 unexpected (encoder.stem.gain)" in told
    assert "1 of another shape (head.bias is 2, not 1)" in told
    assert "\n" not in told and "--partial" in told


@pytest.mark.parametrize("key", ["n.bias", "c.gain", "out.bias"])
def test_each_kind_of_leftover_alone_is_refused(key: str, tmp_path: Path) -> None:
    state = foreign()
    state |= {"n.bias": {}, "c.gain": {"c.gain": torch.ones(1)}, "out.bias": {"out.bias": torch.ones(2)}}[key]
    if key == "n.bias":
        del state[key]
    with pytest.raises(UnmatchedWeights):
        import_weights(saved(tmp_path / "a.pt", state), "elsewhere", "toy_net", **SHAPES)


def test_in_part_the_rest_is_initial_and_repeatable(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.pt", foreign(("c",)) | {"out.bias": torch.ones(2)})
    random = torch.random.get_rng_state()
    first, match = import_weights(path, "elsewhere", "toy_net", partial=True, **SHAPES)
    assert torch.equal(torch.random.get_rng_state(), random), "the caller's random numbers go on as they would have"
    torch.rand(3)
    second, _ = import_weights(path, "elsewhere", "toy_net", partial=True, **SHAPES)
    assert match.matched == ("encoder.stem.weight", "encoder.stem.bias") and len(match.missing) == 6
    assert torch.equal(first.state_dict()["encoder.stem.bias"], foreign()["c.bias"])
    assert all(torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values()))


def test_in_part_means_at_least_something(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.pt", {"c.gain": torch.ones(1)})
    with pytest.raises(UnmatchedWeights, match=r"^(?!.*--partial)"):
        import_weights(path, "elsewhere", "toy_net", partial=True, **SHAPES)


def test_options_reach_the_network(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.pt", foreign(width=6))
    with pytest.raises(UnmatchedWeights, match="of another shape"):
        import_weights(path, "elsewhere", "toy_net", **SHAPES)
    network, match = import_weights(path, "elsewhere", "toy_net", arch_options={"width": 6}, **SHAPES)
    assert match.complete and network.encoder.out_channels == (6,)


def test_a_layout_of_the_encoder_fills_the_encoder_alone(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.pt", foreign(("c", "n")))
    network, match = import_weights(path, "trunk", "toy_net", encoder="toy_trunk", **SHAPES)
    assert match.complete and len(match.matched) == 7
    assert match.untouched == ("head.weight", "head.bias")
    assert torch.equal(network.state_dict()["encoder.norm.running_mean"], foreign()["n.running_mean"])
    path = saved(tmp_path / "b.pt", foreign(("c",)))
    with pytest.raises(UnmatchedWeights, match=r"encoder 'toy_trunk'.*5 missing"):
        import_weights(path, "trunk", "toy_net", encoder="toy_trunk", **SHAPES)


def test_a_layout_of_the_network_takes_its_encoder_too(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.pt", foreign())
    _, match = import_weights(path, "elsewhere", "toy_net", encoder="toy_trunk", **SHAPES)
    assert match.complete and len(match.matched) == 9


def test_a_network_without_a_part_called_encoder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no part called encoder"):
        import_weights(saved(tmp_path / "a.pt", foreign()), "trunk", "toy_bare", encoder="toy_trunk", **SHAPES)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("elsewere", "toy_net"), "network 'toy_net' reads elsewhere, .*did you mean 'elsewhere'"),
        (("elsewhere", "toy_bare"), "network 'toy_bare' reads none"),
        (("tronk", "toy_bare", "toy_trunk"), "encoder 'toy_trunk' reads trunk; did you mean 'trunk'"),
        (("trunk", "toy_net"), "a layout of encoders, name one with --encoder"),
    ],
)
def test_a_layout_that_nobody_reads(asked: tuple[str, ...], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        layout_owner(*asked)


def test_a_file_of_another_layout(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.pt", {"body.weight": torch.ones(1)})
    with pytest.raises(ConfigError, match=r"a\.pt: is not of the layout 'elsewhere'.*body\.weight is not one"):
        import_weights(path, "elsewhere", "toy_net", **SHAPES)


@pytest.mark.parametrize(
    ("layout", "told"), [("failing", "KeyError"), ("numbers", "gave no state dict"), ("nowhere", "cannot be imported")]
)
def test_a_function_that_fails_is_the_plugins_fault(layout: str, told: str) -> None:
    owner = layout_owner(layout, "toy_net")
    with pytest.raises(PluginError, match=rf"toy_weights \(toy-weights 1\.0\).*{told}"):
        converted(foreign(), layout, owner, "a.pt")


class Unsafe:
    """Something that only unpickling without limits would bring back."""


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (Unsafe(), "holds more than tensors"),
        ({"epoch": 3, "model": {"a": torch.ones(1)}}, "holds a dict with the keys epoch, model, not a state dict"),
        (torch.ones(1), "holds a Tensor, not a state dict"),
        ({}, "holds a dict, not a state dict"),
        ({"state_dict": 3}, "holds a int, not a state dict"),
    ],
)
def test_a_file_without_a_state_dict(content: object, told: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"a.pt: .*{told}"):
        read_state(saved(tmp_path / "a.pt", content))


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_state(tmp_path / "none.pt")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_state(tmp_path)
    (tmp_path / "text.pt").write_text("weights")
    with pytest.raises(ConfigError, match="is damaged"):
        read_state(tmp_path / "text.pt")


def test_a_prefix_that_only_some_have_stays(tmp_path: Path) -> None:
    state = {"module.a": torch.ones(1), "b": torch.ones(1)}
    assert set(read_state(saved(tmp_path / "a.pt", state))) == {"module.a", "b"}


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    network = monaiseg.build_network("toy_net", **SHAPES)
    path = save_weights(network, tmp_path / "new" / "model.pt")
    before = path.read_bytes()
    with pytest.raises(OutputError, match="is there already"):
        save_weights(network, path)
    assert path.read_bytes() == before
    state = torch.load(path, weights_only=True)
    monaiseg.build_network("toy_net", **SHAPES).load_state_dict(state)


def layouts() -> list[tuple[Entry, str]]:
    entries = [entry for kind in ("network", "encoder") for entry in registry().entries(kind)]
    return [(entry, layout) for entry in entries for layout in getattr(entry.spec, "weights", {})]


INSTALLED = layouts()


@pytest.mark.parametrize(("entry", "layout"), INSTALLED, ids=[f"{e.qualified}-{name}" for e, name in INSTALLED])
def test_every_installed_layout_is_there_and_drops_nothing_in_silence(entry: Entry, layout: str) -> None:
    stranger = torch.full((2, 3), 5.0)
    try:
        kept = resolve_layout(entry, layout)({"a_part_that_nobody_has.weight": stranger})
    except ValueError as error:
        told = str(error)
    else:
        told = " ".join(kept)
    assert "a_part_that_nobody_has" in told


def test_an_encoder_of_ours_takes_torchvisions_names(tmp_path: Path) -> None:
    small = {"encoder_options": {"widths": (4, 8, 16, 32)}, "decoder_channels": (16, 8, 8, 4, 4)}
    torch.manual_seed(3)
    theirs = monaiseg.build_encoder("resnet18", spatial_dims=2, in_channels=3, widths=(4, 8, 16, 32)).state_dict()
    path = saved(tmp_path / "a.pt", theirs | {"fc.weight": torch.ones(10, 32), "fc.bias": torch.ones(10)})
    network, match = import_weights(path, "torchvision", "unet", encoder="resnet18", arch_options=small, **SHAPES)
    assert match.complete and len(match.matched) == len(theirs)
    assert all(name.startswith(("decoder.", "head.")) for name in match.untouched) and match.untouched
    assert all(torch.equal(network.encoder.state_dict()[key], value) for key, value in theirs.items())


def test_a_compressed_checkpoint_is_refused(tmp_path: Path) -> None:
    """200 MB of zeros are 200 kB so, and torch inflates them without a word."""
    path = saved(tmp_path / "a.pt", {"a": torch.zeros(1000)})
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "b.pt", "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    assert torch.equal(read_state(path)["a"], torch.zeros(1000))
    with pytest.raises(ConfigError, match=r"b.pt: is compressed, .* save it with torch.save"):
        read_state(tmp_path / "b.pt")


def odd_tensors() -> dict[str, torch.Tensor]:
    return {
        "sparse": torch.eye(2).to_sparse(),
        "meta": torch.ones(2, device="meta"),
        "quantised": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
    }


@pytest.mark.parametrize("kind", ["sparse", "meta", "quantised"])
@pytest.mark.filterwarnings("ignore")
def test_tensors_that_no_network_here_has(kind: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"a.pt: {kind} is sparse, quantised or without values"):
        read_state(saved(tmp_path / "a.pt", {"plain": torch.ones(1), kind: odd_tensors()[kind]}))


class Acts:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch acted",)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_checkpoint_that_would_run_a_command_does_not(
    zipped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"a": Acts()}, "a.pt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(ConfigError, match=r"a.pt: cannot be loaded, as it is damaged or holds more than tensors"):
        read_state(Path("a.pt"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]
