"""What the keys of a bundle come to, and which values are refused."""

import copy
import json

import nibabel
import numpy as np
import pytest
import torch
from stepping import on_every_device

from monaiseg.data import Case
from monaiseg.engine import Settings
from monaiseg.errors import ConfigError
from monaiseg.nn import norm_layer


def make(**options) -> Settings:
    return Settings(**{"spatial_dims": 2, "device": "cpu", **options})


def test_auto_follows_the_dimensions():
    flat, volume = make(), make(spatial_dims=3)
    assert flat.roi_size == (128, 128)
    assert volume.roi_size == (64, 64, 64)
    assert flat.memory_format == torch.channels_last
    assert volume.memory_format == torch.channels_last_3d
    assert make(spatial_dims=3, channels_last=False).memory_format == torch.contiguous_format
    assert flat.batch_size > volume.batch_size


def test_auto_roi_is_no_larger_than_the_images():
    assert make(image_size=96).roi_size == (96, 96)
    assert make(image_size=[64, 256]).roi_size == (64, 128)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"amp": "false"}, "write --amp False"),
        ({"amp": 1}, "amp is 1; it must be True, False, auto, bfloat16 or float16"),
        ({"compile": "True"}, "write --compile True"),
        ({"channels_last": None}, "channels_last is None"),
        ({"spatial_dims": 4}, "spatial_dims is 4"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"batch_size": True}, "batch_size is True"),
        ({"accumulate": 2.0}, "accumulate is 2.0"),
        ({"clip": "1e-3"}, "write 1.0e-3"),
        ({"clip": -1}, "clip is -1"),
        ({"clip": float("nan")}, "clip is nan"),
        ({"roi_size": "big"}, "roi_size is 'big'"),
        ({"roi_size": [32, 32, 32]}, "roi_size"),
        ({"image_size": [32, 0]}, "image_size is 0"),
        ({"device": "gpu"}, "device is 'gpu'"),
        ({"spacing": 0}, "spacing is 0; it must be auto, none, millimetres above 0, or 2 of them as"),
        ({"spacing": [1, 1, 1]}, r'2 of them as "\[1.0, 1.0\]"'),
        ({"spacing": "1mm"}, "spacing is '1mm'"),
        ({"spacing": [1, -1]}, "spacing is -1"),
        ({"spacing": 1.5, "image_size": 64}, "spacing is 1.5 and image_size 64"),
    ],
)
def test_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        make(**options)


def test_channels_last_is_off_where_it_would_corrupt_memory(capsys):
    settings, narrow = make(), torch.nn.Sequential(torch.nn.Conv2d(8, 8, 1, stride=2))
    settings.place(narrow)
    assert settings.memory_format == torch.contiguous_format
    assert capsys.readouterr().out.startswith("channels_last: off, because")
    settings = make()
    settings.place(torch.nn.Sequential(torch.nn.Conv2d(8, 8, 1), torch.nn.Conv2d(16, 8, 1, stride=2)))
    assert settings.memory_format == torch.channels_last


def test_channels_last_is_off_where_gradients_would_be_wrong(capsys):
    settings = make()
    settings.place(torch.nn.Sequential(torch.nn.Conv2d(8, 8, 1), torch.nn.InstanceNorm2d(8)))
    assert settings.memory_format == torch.contiguous_format
    assert capsys.readouterr().out.startswith("channels_last: off, because torch's instance norm, as 1, has wrong")
    settings = make()
    settings.place(norm_layer("instance", 2, 8))
    assert settings.memory_format == torch.channels_last


@pytest.mark.parametrize(
    ("kind", "channels", "groups"),
    [
        (torch.nn.Conv2d, (24, 32), 1),
        (torch.nn.Conv2d, (48, 48), 2),
        (torch.nn.Conv2d, (32, 32), 32),
        (torch.nn.ConvTranspose2d, (32, 24), 1),
    ],
)
def test_dilated_convolutions_have_their_gradients_in_bfloat16(capsys, kind, channels, groups):
    """oneDNN's are NaN in channels-last order on processors with bfloat16 and without AMX."""
    settings = make(amp=True)
    conv = kind(*channels, 3, padding=4, dilation=4, groups=groups)
    assert gradient_error(settings, conv) < 0.02
    assert capsys.readouterr().out.startswith("channels_last: off, because a dilated convolution of groups")


def gradient_error(settings: Settings, conv: torch.nn.Module) -> float:
    conv = settings.place(conv)
    x = torch.rand(2, conv.in_channels, 64, 64)
    with settings.autocast():
        conv(x.to(memory_format=settings.memory_format)).float().square().mean().backward()
    exact = copy.deepcopy(conv).double()
    exact.zero_grad()
    exact(x.double()).square().mean().backward()
    return float((conv.weight.grad - exact.weight.grad).norm() / exact.weight.grad.norm())


@pytest.mark.parametrize(("amp", "channels", "dilation"), [(False, 24, 2), (True, 32, 2), (True, 24, 1)])
def test_channels_last_stays_where_convolutions_are_right(amp, channels, dilation):
    settings = make(amp=amp)
    assert gradient_error(settings, torch.nn.Conv2d(channels, 24, 3, dilation=dilation)) < 0.02
    assert settings.memory_format == torch.channels_last


def test_record_can_be_written_as_json():
    record = json.loads(json.dumps(make(amp=True).record()))
    assert record["amp"] == "torch.bfloat16"
    assert record["roi_size"] == [128, 128]


@on_every_device
@pytest.mark.parametrize(
    ("amp", "dtype"),
    [(True, torch.bfloat16), ("bf16", torch.bfloat16), ("float16", torch.float16), (False, torch.float32)],
)
def test_autocast_follows_amp(amp, dtype, device):
    a = torch.randn(4, 4, device=device)
    with make(amp=amp, device=device).autocast():
        assert (a @ a).dtype == dtype


@on_every_device
def test_one_scaler_for_a_run_that_acts_in_float16_alone(device):
    settings = make(amp="fp16", device=device)
    assert settings.scaler is settings.scaler
    assert settings.scaler.is_enabled() and settings.scaler.state_dict()
    assert make(amp=True, device=device).scaler.state_dict() == {}
    assert json.loads(json.dumps(settings.record())) == json.loads(json.dumps(make(amp="fp16", device=device).record()))


def pictures(folder, sizes):
    from PIL import Image

    cases = []
    for number, (height, width) in enumerate(sizes):
        path = folder / f"{number}.png"
        Image.new("L", (width, height)).save(path)
        cases.append({"image": str(path), "label": [], "id": str(number), "group": None})
    return cases


def test_auto_image_size_is_the_median_of_the_training_pictures(tmp_path):
    cases = pictures(tmp_path, [(64, 48), (70, 48), (1000, 90)])
    assert make(train=cases).image_size == (70, 48)
    assert make(train=cases).roi_size == (70, 48)
    assert make(train=pictures(tmp_path, [(900, 300)])).image_size == (256, 256)
    assert make(train=cases, image_size="none").image_size is None
    assert make(train=cases, image_size=[32, 40]).image_size == (32, 40)
    assert make(train=cases, spatial_dims=3).image_size is None


def volume(folder, shape, spacing=(1, 1, 1)):
    path = folder / "x".join(map(str, (*shape, *spacing, "volume.nii.gz")))
    nibabel.save(nibabel.Nifti1Image(np.zeros(shape, np.uint8), np.diag([*spacing, 1])), path)
    return Case(image=str(path), label=[], id=path.name, group=None)


def test_slices_and_volumes_keep_their_size_and_small_volumes_get_a_small_crop(tmp_path):
    assert make(train=[volume(tmp_path, (40, 30))]).image_size is None
    small = [volume(tmp_path, shape) for shape in ((35, 51, 36), (34, 47, 100), (33, 49, 17))]
    settings = make(train=small, spatial_dims=3)
    assert settings.image_size is None and settings.roi_size == (40, 56, 40)
    assert make(train=[volume(tmp_path, (90, 65, 64))], spatial_dims=3).roi_size == (64, 64, 64)


def test_spacing_is_made_one_where_it_differs_and_the_crop_follows(tmp_path):
    """At 2 mm a side the volumes are 20 to 80 voxels long, their median sizes 40, 90 and 20."""
    spacings = [(1, 1, 4), (2, 2, 2), (4, 2, 2)]
    cases = [volume(tmp_path, (40, 90, 20), spacing) for spacing in spacings]
    settings = make(train=cases, spatial_dims=3)
    assert settings.spacing == (2, 2, 2) and settings.roi_size == (40, 64, 24)
    assert json.loads(json.dumps(settings.record()))["spacing"] == [2, 2, 2]
    own = make(train=cases, spatial_dims=3, spacing="none")
    assert own.spacing is None and own.roi_size == (40, 64, 24)
    assert make(train=cases, spatial_dims=3, spacing=4).roi_size == (24, 48, 16)
    assert make(train=cases, spatial_dims=3, spacing=[1.0, 1, 4], roi_size=24).spacing == (1, 1, 4)
    assert make(train=cases, spatial_dims=3, image_size=32).spacing is None


def test_spacing_is_for_volumes(tmp_path):
    slices = [volume(tmp_path, (40, 30, 1), spacing) for spacing in ((1, 1, 5), (2, 1, 5))]
    assert make(train=slices).spacing == (1.5, 1)
    drawn = pictures(tmp_path, [(64, 48)])
    assert make(train=drawn).spacing is None
    with pytest.raises(ConfigError, match="pictures have none; give --image_size instead"):
        make(train=drawn, spacing=1)
