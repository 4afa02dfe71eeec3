"""What the key `instances` of a bundle stands for, and that a plan is read back as it was written."""

from __future__ import annotations

from typing import Any

import pytest

from monaiseg.errors import ConfigError
from monaiseg.instances import InstancePlan, Thresholds, instance_plan
from monaiseg.instances.decoding import DECODERS
from monaiseg.instances.plan import DECODER_NAMES, TunedOn, decoders_of


@pytest.mark.parametrize(
    ("key", "channels", "decoder"),
    [
        ("none", (), "none"),
        ("components", (), "components"),
        ("border", ("border",), "border"),
        ("distance", ("distance",), "distance"),
        (["border", "distance"], ("border", "distance"), "distance"),
        (("distance", "border"), ("border", "distance"), "distance"),
    ],
)
def test_the_key_says_what_is_learnt_and_what_decides(key: Any, channels: tuple[str, ...], decoder: str) -> None:
    plan = instance_plan(key)
    assert (plan.channels, plan.decoder, plan.factor) == (channels, decoder, 1 + len(channels))
    assert plan.wanted == (decoder != "none")


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("boarder", "did you mean 'border'?"),
        (["border", "border"], "each once"),
        (["components", "border"], "'components'"),
        (["none", "border"], "that word stands alone"),
        ([], "write a word, or several as"),
        (True, "write a word, or several as"),
    ],
)
def test_other_keys_are_refused_in_one_line(key: Any, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        instance_plan(key)
    assert str(error.value).startswith(f"instances is {key!r}") and told in str(error.value)


def test_there_is_a_decoder_of_each_name() -> None:
    assert tuple(DECODERS) == DECODER_NAMES


@pytest.mark.parametrize("decoder", DECODER_NAMES)
def test_a_plan_is_read_back_as_it_was_written(decoder: str) -> None:
    plan = InstancePlan(("border", "distance"), decoder, Thresholds(0.4, 0.3, 0.1, 25))
    assert InstancePlan.from_record(plan.record() | {"tuned": {}}) == plan


def test_a_decoder_needs_its_channel() -> None:
    assert decoders_of(()) == ("components", "watershed")
    assert decoders_of(("distance",)) == ("components", "watershed", "distance")
    with pytest.raises(ConfigError, match="decoder is 'border'; this network has the channels for"):
        InstancePlan(("distance",), "border")


def test_a_plan_names_the_thresholds_that_its_decoder_goes_by() -> None:
    plan = InstancePlan(("border",), "border", Thresholds(border=0.3))
    assert str(plan) == "decoder border, foreground 0.5, border 0.3, min_size 10"
    assert str(InstancePlan((), "components")) == "decoder components, foreground 0.5, min_size 10"


def test_a_tuned_plan_says_what_of_it_was_told_since() -> None:
    plan = InstancePlan((), "watershed", tuned=TunedOn(9, 0, 0.75))
    assert plan.told() == f"{plan}, as tuned on 9 cases"
    assert (
        plan.changed("watershed", {"depth": 0.2})
        .told()
        .endswith("depth 0.2, min_size 10, as tuned but for depth on 9 cases")
    )
    other = plan.changed("components", {})
    assert other.told() == str(other), "whose thresholds nobody tuned"
    seen = InstancePlan((), "watershed", tuned=TunedOn(9, 3, 0.75)).told()
    assert seen.endswith("on 9 cases, of which 3 are scored here, too well therefore; cross-fitted AP50 0.7500")
