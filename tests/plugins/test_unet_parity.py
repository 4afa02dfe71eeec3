"""The UNet against second writings in plain torch and against numbers of two projects' own code.

`RECORDED` are outputs of

- the UNet of 4uiiurz1/pytorch-nested-unet at 557ea02f0b5d45ec171aae2282d2cd21562a633e,
- the Unet of segmentation_models.pytorch 0.6.0 (with torchvision 0.28.0, `encoder_weights=None`),

in float64 with torch 2.13.0 on an x86-64 CPU, with 3 channels and 2 classes. Their weights were those that the layout's
function turns into `filled("unet", ...)`. Beside ours they differed nowhere by more than 1e-14 (the sums of
pytorch-nested-unet's joined maps are in another order) and by 0.0; so did resnet18, 101 and 152 of the second.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from plugins.references import (
    NESTED_UNET,
    SMP,
    UNET_NODES,
    PlainNested,
    PlainSmpUnet,
    assert_equals,
    filled,
    outputs,
)

from monaiseg.weights import layout_owner, resolve_layout

PLAIN = dict(upsample="bilinear_aligned", bias=True)
RECORDED = {
    ("UNet", "evaluation"): [[0.0078776087848, -0.1779651921296, -0.6806965934245, -0.3972678460351]],
    ("UNet", "training"): [[-0.0007411320441, -1.13041402804, -1.049928532714, -0.002714146093574]],
    ("Unet 34", "evaluation"): [[-0.0013140618026, 75.94355679102, 106.0479902402, -123.1674123708]],
    ("Unet 34", "training"): [[0.0063548473543, -0.1358611675256, -0.04725468595314, 0.2464921241307]],
    ("Unet 50", "evaluation"): [[-0.0010011973247, -229.9870608872, 1997.374939994, -105.5680464908]],
    ("Unet 50", "training"): [[0.0031312749789, -0.8874687742187, -0.9306280265456, -0.2798309208859]],
}


@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
def test_it_is_the_unet_of_nested_unet(training: bool, tmp_path: Path) -> None:
    torch.manual_seed(1)
    widths = (4, 6, 9, 13, 18)
    second = PlainNested(widths, UNET_NODES, {"final": 4})
    assert_equals(second, "unet", NESTED_UNET, tmp_path, training, arch_options=dict(PLAIN, features=widths))


@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
@pytest.mark.parametrize("depth", [34, 50])
def test_it_is_the_unet_of_smp(depth: int, training: bool, tmp_path: Path) -> None:
    torch.manual_seed(2)
    widths, decoder = (4, 6, 9, 13), (20, 15, 12, 8, 6)
    options = {"encoder_options": {"widths": widths}, "decoder_channels": decoder}
    second = PlainSmpUnet(depth, widths, decoder)
    assert_equals(second, "unet", SMP, tmp_path, training, encoder=f"resnet{depth}", arch_options=options)


@pytest.mark.parametrize(
    ("name", "size", "options"),
    [
        ("UNet", (32, 48), dict(PLAIN, features=(32, 64, 128, 256, 512))),
        ("Unet 34", (64, 64), {"encoder": "resnet34"}),
        ("Unet 50", (64, 64), {"encoder": "resnet50"}),
    ],
)
def test_it_gives_what_their_code_gave(name: str, size: tuple[int, int], options: dict[str, object]) -> None:
    network = filled("unet", **options)
    for mode in ("evaluation", "training"):
        found, largest = outputs(network, size, training=mode == "training")
        for ours, theirs in zip(found, RECORDED[name, mode], strict=True):
            assert ours[0] == pytest.approx(theirs[0], rel=0, abs=1e-9)
            assert ours[1:] == pytest.approx(theirs[1:], rel=0, abs=1e-9 * largest)


@pytest.mark.parametrize(
    ("layout", "key"),
    [
        (NESTED_UNET, "conv0_1.conv1.weight"),
        (NESTED_UNET, "final1.weight"),
        (NESTED_UNET, "conv0_0.conv1.gain"),
        (NESTED_UNET, "conv0_0.conv3.weight"),
        (SMP, "decoder.blocks.x_0_0.conv1.0.weight"),
        (SMP, "decoder.blocks.5.conv1.0.weight"),
        (SMP, "decoder.blocks.0.attention1.attention.cSE.1.weight"),
        (SMP, "encoder.layer1.0.se_module.fc1.weight"),
        (SMP, "encoder.model.conv1.weight"),
        (SMP, "classification_head.3.weight"),
    ],
)
def test_a_key_of_another_network_is_named(layout: str, key: str) -> None:
    convert = resolve_layout(layout_owner(layout, "unet"), layout)
    with pytest.raises(ValueError, match=rf"^{key} is no weight of the U[Nn]et of "):
        convert({key: torch.zeros(4, 4, 3, 3)})
