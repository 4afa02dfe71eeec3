"""The UNet++ against second writings in plain torch and against numbers of two projects' own code.

`RECORDED` are outputs of

- the NestedUNet of 4uiiurz1/pytorch-nested-unet at 557ea02f0b5d45ec171aae2282d2cd21562a633e, its list turned around,
- the UnetPlusPlus of segmentation_models.pytorch 0.6.0 (with torchvision 0.28.0, `encoder_weights=None`),

in float64 with torch 2.13.0 on an x86-64 CPU, with 3 channels and 2 classes. Their weights were those that the layout's
function turns into `filled("unetpp", ...)`. Beside ours they differed by 0.0, and so did resnet18, 101 and 152.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from plugins.references import (
    ALL_NODES,
    NESTED_UNET,
    SMP,
    PlainNested,
    PlainSmpNested,
    assert_equals,
    filled,
    outputs,
)

from monaiseg.weights import layout_owner, resolve_layout

PLAIN = dict(upsample="bilinear_aligned", bias=True)
RECORDED = {
    ("NestedUNet", "evaluation"): [[-0.0072359030055, 1.041465536718, 0.2027855829104, -1.181763657051]],
    ("NestedUNet", "training"): [[0.0073082456222, 1.77279626168, -0.4031764723903, -1.513259207532]],
    ("NestedUNet DS", "evaluation"): [[0.0064946566639, -0.2797926876023, 3.103485653752, -0.7896064815332]],
    ("NestedUNet DS", "training"): [
        [0.0057341775639, -0.9835697427877, 1.372373928809, -0.2230915592361],
        [0.0228184657161, 1.842608802442, 0.9947874842261, 0.05684812260734],
        [0.00748167669, 1.226384749627, -0.02699520237153, -0.2607323638047],
        [-0.0197505971935, 2.140151513102, 0.4769691120153, -0.83781694712],
    ],
    ("UnetPlusPlus 34", "evaluation"): [[0.0006404270037, 14.1119735639, -59.51243962784, 2.758116563806]],
    ("UnetPlusPlus 34", "training"): [[0.0143920911605, -0.7256058631756, 0.0582201880719, -0.05203754610141]],
    ("UnetPlusPlus 50", "evaluation"): [[0.0084627251108, 4.650653430328, 94.21312809801, 55.69060207493]],
    ("UnetPlusPlus 50", "training"): [[0.0056094728458, -0.5131695603084, 0.1091018645251, 0.5833825313347]],
}


@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
@pytest.mark.parametrize("supervised", [False, True], ids=["one head", "four heads"])
def test_it_is_the_nested_unet(supervised: bool, training: bool, tmp_path: Path) -> None:
    torch.manual_seed(1)
    widths = (4, 6, 9, 13, 18)
    heads = {f"final{j}": j for j in (1, 2, 3, 4)} if supervised else {"final": 4}
    second = PlainNested(widths, ALL_NODES, heads)
    options = dict(deep_supervision=supervised, arch_options=dict(PLAIN, features=widths))
    assert_equals(second, "unetpp", NESTED_UNET, tmp_path, training, **options)


@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
@pytest.mark.parametrize("depth", [34, 50])
def test_it_is_the_unet_plus_plus_of_smp(depth: int, training: bool, tmp_path: Path) -> None:
    torch.manual_seed(2)
    widths = (4, 6, 9, 13)
    options = {"encoder_options": {"widths": widths}}
    second = PlainSmpNested(depth, widths)
    assert_equals(second, "unetpp", SMP, tmp_path, training, encoder=f"resnet{depth}", arch_options=options)


@pytest.mark.parametrize(
    ("name", "size", "options"),
    [
        ("NestedUNet", (32, 48), PLAIN),
        ("NestedUNet DS", (32, 48), dict(PLAIN, deep_supervision=True)),
        ("UnetPlusPlus 34", (64, 64), {"encoder": "resnet34"}),
        ("UnetPlusPlus 50", (64, 64), {"encoder": "resnet50"}),
    ],
)
def test_it_gives_what_their_code_gave(name: str, size: tuple[int, int], options: dict[str, object]) -> None:
    network = filled("unetpp", **options)
    for mode in ("evaluation", "training"):
        found, largest = outputs(network, size, training=mode == "training")
        for ours, theirs in zip(found, RECORDED[name, mode], strict=True):
            assert ours[0] == pytest.approx(theirs[0], rel=0, abs=1e-9)
            assert ours[1:] == pytest.approx(theirs[1:], rel=0, abs=1e-9 * largest)


@pytest.mark.parametrize(
    ("layout", "key"),
    [
        (NESTED_UNET, "conv5_0.conv1.weight"),
        (NESTED_UNET, "conv1_4.conv1.weight"),
        (NESTED_UNET, "final5.weight"),
        (NESTED_UNET, "conv0_1.bn1.gain"),
        (SMP, "decoder.blocks.0.conv1.0.weight"),
        (SMP, "decoder.blocks.x_1_4.conv1.0.weight"),
        (SMP, "decoder.blocks.x_0_0.attention1.attention.cSE.1.weight"),
        (SMP, "encoder.layer1.0.se_module.fc1.weight"),
        (SMP, "classification_head.3.weight"),
    ],
)
def test_a_key_of_another_network_is_named(layout: str, key: str) -> None:
    convert = resolve_layout(layout_owner(layout, "unetpp"), layout)
    with pytest.raises(ValueError, match=rf"^{key} is no weight of the (NestedUNet|UnetPlusPlus) of "):
        convert({key: torch.zeros(4, 4, 3, 3)})
