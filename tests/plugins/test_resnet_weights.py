"""Weights for the ResNets: files and their hashes, torchvision's layout, other channels, pictures to volumes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
import torch
from segplug_resnet import _files
from segplug_resnet.weights import from_torchvision, to_channels, to_volume

from monaiseg import build_encoder
from monaiseg._registry import registry
from monaiseg.errors import OptionError

RGB = dict(spatial_dims=2, in_channels=3)
TINY = dict(widths=(4, 8, 16, 32))


def foreign(name: str = "resnet18", **options: object) -> dict[str, torch.Tensor]:
    """Return a state dict as torchvision saves it, with statistics that are far from the initial ones."""
    torch.manual_seed(1)
    state = build_encoder(name, **{**RGB, **TINY, **options}).state_dict()
    for key, value in state.items():
        if value.ndim == 1:
            value.uniform_(0.5, 1.5)
        elif key.endswith("num_batches_tracked"):
            value.fill_(3)
    return {**state, "fc.weight": torch.randn(1000, 32), "fc.bias": torch.randn(1000)}


def save(content: object, path: Path) -> Path:
    torch.save(content, path)
    return path


def save_hashed(content: object, folder: Path, digits: int = 8) -> Path:
    """Save as torch.hub names files: the first digits of the SHA-256 at the end of the name."""
    path = save(content, folder / "unnamed.pth")
    return path.rename(folder / f"some-{hashlib.sha256(path.read_bytes()).hexdigest()[:digits]}.pth")


def assert_loaded(encoder: torch.nn.Module, state: dict[str, torch.Tensor]) -> None:
    mine = encoder.state_dict()
    assert mine.keys() == {key for key in state if not key.startswith("fc.")}
    assert all(torch.equal(mine[key], state[key]) for key in mine)


def assert_refused(path: Path | str | bool, *words: str, name: str = "resnet18", **options: object) -> None:
    """The error is one line that has all the words."""
    with pytest.raises(OptionError) as caught:
        build_encoder(name, **{**RGB, **TINY, **options}, pretrained=path)
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in words), message


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"state_dict": s, "epoch": 3}], ids=["bare", "wrapped"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_file_of_torchvision_loads(tmp_path, wrap, prefix):
    state = foreign()
    path = save(wrap({prefix + key: value for key, value in state.items()}), tmp_path / "some.pth")
    for given in (path, str(path)):
        assert_loaded(build_encoder("resnet18", **RGB, **TINY, pretrained=given), state)


def test_the_home_folder_may_be_abbreviated(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    state = foreign()
    save(state, tmp_path / "some.pth")
    assert_loaded(build_encoder("resnet18", **RGB, **TINY, pretrained="~/some.pth"), state)


def test_a_frozen_encoder_keeps_what_it_loaded(tmp_path):
    state = foreign()
    encoder = build_encoder("resnet18", **RGB, **TINY, pretrained=save(state, tmp_path / "some.pth"), freeze=True)
    encoder.train()(torch.randn(2, 3, 32, 32))
    assert_loaded(encoder, state)


def test_counters_that_old_files_lack_are_zero(tmp_path):
    state = foreign()
    old = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    assert len(old) == len(state) - 20
    expected = {k: torch.zeros_like(v) if k.endswith("num_batches_tracked") else v for k, v in state.items()}
    assert_loaded(build_encoder("resnet18", **RGB, **TINY, pretrained=save(old, tmp_path / "old.pth")), expected)


@pytest.mark.parametrize("depth", [18, 34, 50, 101, 152])
def test_the_spec_names_the_layout_of_torchvision(depth):
    spec = registry().find("encoder", f"resnet{depth}").spec
    assert spec.weights == {"torchvision": "segplug_resnet.weights:from_torchvision"}
    assert list(from_torchvision({"fc.bias": torch.ones(1), "bn1.running_mean": torch.ones(1)})) == [
        "bn1.running_mean",
        "bn1.num_batches_tracked",
    ]


# Files that cannot be used.


@pytest.mark.parametrize("digits", [8, 64])
def test_a_file_whose_hash_is_right_loads(tmp_path, digits):
    state = foreign()
    path = save_hashed(state, tmp_path, digits)
    assert_loaded(build_encoder("resnet18", **RGB, **TINY, pretrained=path), state)


@pytest.mark.parametrize("suffix", [".pth", ".PTH"])
def test_a_file_whose_hash_is_wrong_is_refused_before_it_is_read(tmp_path, suffix):
    path = save(foreign(), tmp_path / f"some-0123abcd{suffix}")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    assert_refused(path, str(path), digest, "0123abcd", "fetch it again", "rename it")


@pytest.mark.parametrize("name", ["some-0123abc.pth", "some-0123abcd.pt", "some-0123abcd-2.pth", "a-0123abcd.pth.tar"])
def test_names_without_a_hash_promise_nothing(tmp_path, name):
    state = foreign()
    assert_loaded(build_encoder("resnet18", **RGB, **TINY, pretrained=save(state, tmp_path / name)), state)


def test_a_missing_file_is_refused(tmp_path):
    assert_refused(tmp_path / "no.pth", str(tmp_path / "no.pth"), "no such file", "imagenet")


def test_a_folder_is_refused(tmp_path):
    assert_refused(tmp_path, str(tmp_path), "cannot be read")


@pytest.mark.parametrize("pretrained", [True, 3])
def test_what_is_no_path_is_refused(pretrained):
    assert_refused(pretrained, repr(pretrained), "a file, imagenet or None")


class Payload:
    """Unpickled, it makes a folder: what weights from a stranger could do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def test_a_file_with_code_in_it_is_refused_and_not_run(tmp_path):
    path = save({"conv1.weight": Payload(tmp_path / "hacked")}, tmp_path / "some.pth")
    assert_refused(path, str(path), "more than tensors")
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize("content", [b"", b"text", None], ids=["empty", "text", "cut"])
def test_a_damaged_file_is_refused(tmp_path, content):
    path = save(foreign(), tmp_path / "some.pth")
    path.write_bytes(path.read_bytes()[:5000] if content is None else content)
    assert_refused(path, str(path), "is damaged", "fetch it again")


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, [torch.ones(1)], {"state_dict": 1}, torch.ones(1)])
def test_a_file_without_a_state_dict_is_refused(tmp_path, content):
    path = save(content, tmp_path / "some.pth")
    assert_refused(path, str(path), "no state dict")


def test_weights_of_another_network_are_refused(tmp_path):
    path = save(foreign(), tmp_path / "some.pth")
    assert_refused(path, str(path), "96 missing: layer1.2.conv1.weight", "choose the file", name="resnet34")
    assert_refused(path, "of another shape: layer1.0.conv1.weight is 4x4x3x3, not 4x4x1x1", name="resnet50")
    assert_refused(path, "conv1.weight is 4x3x7x7, not 8x3x7x7", widths=(8, 16, 32, 64))
    deeper = save(foreign("resnet34"), tmp_path / "deeper.pth")
    assert_refused(deeper, str(deeper), "96 unknown: layer1.2.conv1.weight, layer1.2.bn1.weight, ...")
    grey = save(foreign(in_channels=1), tmp_path / "grey.pth")
    assert_refused(grey, "conv1.weight is 4x1x7x7, not 4x3x7x7")
    deep = save(foreign(spatial_dims=3), tmp_path / "deep.pth")
    assert_refused(deep, "conv1.weight is 4x3x7x7x7, not 4x3x7x7")


def test_nothing_of_a_refused_file_is_loaded(tmp_path):
    from segplug_resnet.weights import load_pretrained

    encoder = build_encoder("resnet18", **RGB, **TINY)
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    state = foreign()
    del state["layer4.1.conv2.weight"]
    with pytest.raises(ValueError, match="1 missing"):
        load_pretrained(encoder, save(state, tmp_path / "some.pth"), 18)
    assert_loaded(encoder, before)


# torchvision's own file, in a cache of our own.


@pytest.fixture
def cache(tmp_path):
    before = torch.hub.get_dir()
    torch.hub.set_dir(tmp_path / "hub")
    yield tmp_path / "hub" / "checkpoints"
    torch.hub.set_dir(before)


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A folder that stands for the server: what is in it can be downloaded, nothing else."""
    folder = tmp_path / "server"
    folder.mkdir()
    monkeypatch.setattr(_files, "SOURCE", folder.as_uri() + "/")
    return folder


def test_the_files_are_those_of_torchvision():
    assert _files.SOURCE == "https://download.pytorch.org/models/"
    assert _files.IMAGENET == {
        18: "resnet18-f37072fd.pth",
        34: "resnet34-b627a593.pth",
        50: "resnet50-11ad3fa6.pth",
        101: "resnet101-cd907fc2.pth",
        152: "resnet152-f82ba261.pth",
    }


def test_imagenet_is_the_cached_file(cache, source, monkeypatch, capfd):
    cache.mkdir(parents=True)
    state = foreign("resnet34")
    monkeypatch.setitem(_files.IMAGENET, 34, save_hashed(state, cache).name)
    assert_loaded(build_encoder("resnet34", **RGB, **TINY, pretrained="imagenet"), state)
    assert capfd.readouterr().err == ""


def test_a_cached_file_that_is_damaged_is_refused(cache, source, monkeypatch):
    cache.mkdir(parents=True)
    path = save(foreign(), cache / "resnet18-f37072fd.pth")
    assert_refused("imagenet", str(path), "f37072fd", hashlib.sha256(path.read_bytes()).hexdigest()[:8], "again")


def test_a_file_that_is_not_cached_is_downloaded_and_that_is_said(cache, source, monkeypatch, capfd):
    state = foreign()
    name = save_hashed(state, source).name
    monkeypatch.setitem(_files.IMAGENET, 18, name)
    assert_loaded(build_encoder("resnet18", **RGB, **TINY, pretrained="imagenet"), state)
    assert f"downloading {(source / name).as_uri()} to {cache / name}" in capfd.readouterr().err
    assert [path.name for path in cache.iterdir()] == [name]


def test_a_download_that_fails_or_is_damaged_leaves_nothing(cache, source, monkeypatch):
    path = cache / "resnet18-f37072fd.pth"
    assert_refused("imagenet", (source / path.name).as_uri(), "cannot be downloaded", f"put it at {path}")
    save(foreign(), source / path.name)
    assert_refused("imagenet", "cannot be downloaded", "invalid hash value", "f37072fd")
    assert list(cache.iterdir()) == []


# Other channels, and volumes.


def loaded(folder: Path, state: dict[str, torch.Tensor], **options: object) -> torch.nn.Module:
    path = save(state, folder / "some.pth")
    return build_encoder("resnet18", **{**RGB, **TINY, **options}, pretrained=path).eval()


def test_a_grey_picture_gives_what_it_gives_as_rgb(tmp_path):
    state = foreign()
    grey = torch.randn(1, 1, 64, 64)
    with torch.no_grad():
        one, three = loaded(tmp_path, state, in_channels=1)(grey), loaded(tmp_path, state)(grey.expand(-1, 3, -1, -1))
    for a, b in zip(one, three):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("channels", "order"), [(2, [0, 1]), (4, [0, 1, 2, 0]), (7, [0, 1, 2, 0, 1, 2, 0])])
def test_other_channels_take_red_green_and_blue_in_turn(tmp_path, channels, order):
    state = foreign()
    rgb = state["conv1.weight"]
    weight = loaded(tmp_path, state, in_channels=channels).state_dict()["conv1.weight"]
    assert torch.equal(weight, torch.stack([rgb[:, c] * (3 / channels) for c in order], dim=1))


def test_weights_of_other_channels_are_left_alone():
    weight = torch.randn(4, 2, 7, 7)
    assert to_channels(weight, 5) is weight
    assert to_channels(torch.randn(4, 3, 7, 7), 6).sum() != 0


def test_inflated_kernels():
    flat = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    assert to_volume(flat, 3, "centre")[0, 0].tolist() == [[[0, 1, 0], [0, 2, 0]], [[0, 3, 0], [0, 4, 0]]]
    mean = to_volume(flat, 3, "mean")
    assert mean.shape == (1, 1, 2, 2, 3)
    torch.testing.assert_close(mean, flat.unsqueeze(-1).expand_as(mean) / 3)


@pytest.mark.parametrize("depth", [1, 7, 32, 45])
def test_a_constant_volume_gives_the_features_of_its_slice_with_centre_inflation(tmp_path, depth):
    state = foreign()
    slice_ = torch.randn(1, 3, 64, 64)
    flat, deep = loaded(tmp_path, state), loaded(tmp_path, state, spatial_dims=3, inflate="centre")
    with torch.no_grad():
        for a, b in zip(flat(slice_), deep(slice_.unsqueeze(-1).expand(*slice_.shape, depth))):
            expected = a.unsqueeze(-1).expand(*a.shape, b.shape[-1])
            torch.testing.assert_close(b, expected, rtol=1e-5, atol=1e-5 * float(a.abs().max()))


def test_a_constant_volume_gives_the_features_of_its_slice_with_mean_inflation_away_from_its_ends(tmp_path):
    state = foreign()
    slice_ = torch.randn(1, 3, 32, 32)
    flat, deep = loaded(tmp_path, state), loaded(tmp_path, state, spatial_dims=3)
    with torch.no_grad():
        expected, found = flat(slice_), deep(slice_.unsqueeze(-1).expand(*slice_.shape, 65))
    # The stem sees the padding in two slices at each end, and so does the max-pool; layer1 reaches four further.
    for level, border in ((0, 2), (1, 6)):
        wanted = expected[level].unsqueeze(-1).expand_as(found[level])
        inner = slice(border, found[level].shape[-1] - border)
        torch.testing.assert_close(found[level][..., inner], wanted[..., inner], rtol=1e-5, atol=1e-5)
        assert (found[level][..., 0] - wanted[..., 0]).abs().max() > 0.01


@pytest.mark.parametrize("depth", [18, 34, 50, 101, 152])
@pytest.mark.parametrize("inflate", ["mean", "centre"])
def test_weights_of_pictures_load_into_grey_volumes(tmp_path, depth, inflate):
    state = foreign(f"resnet{depth}")
    path = save(state, tmp_path / "some.pth")
    encoder = build_encoder(
        f"resnet{depth}", spatial_dims=3, in_channels=1, **TINY, pretrained=path, inflate=inflate
    ).state_dict()
    for key, weight in encoder.items():
        if weight.ndim < 5:
            assert torch.equal(weight, state[key])
        else:
            flat = state[key].sum(dim=1, keepdim=True) if key == "conv1.weight" else state[key]
            torch.testing.assert_close(weight.sum(dim=-1), flat)


def test_weights_of_volumes_load_as_they_are(tmp_path):
    state = foreign(spatial_dims=3)
    assert_loaded(loaded(tmp_path, state, spatial_dims=3), state)
    grey = loaded(tmp_path, state, spatial_dims=3, in_channels=1).state_dict()["conv1.weight"]
    assert torch.equal(grey, state["conv1.weight"].sum(dim=1, keepdim=True))
