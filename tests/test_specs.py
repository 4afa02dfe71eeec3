"""Specs are checked when they are made and cannot be changed afterwards."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest

from monaiseg.plugin import BlockSpec, EncoderSpec, NetworkSpec

GIVEN: dict[str, Any] = dict(name="toy", build="toy.net:build", summary="A toy.", spatial_dims=(2, 3))
CLASSES = [NetworkSpec, EncoderSpec, BlockSpec]


def make(cls: type, **changes: Any) -> Any:
    role = {"role": "unit"} if cls is BlockSpec else {}
    return cls(**{**GIVEN, **role, **changes})


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "Toy"),
        ("name", "1toy"),
        ("name", "toy-net"),
        ("name", "toy:net"),
        ("name", "toy net"),
        ("name", "toy\n"),
        ("name", None),
        ("build", ""),
        ("build", "toy.net"),
        ("build", "toy.net:"),
        ("build", ":build"),
        ("build", "toy.net:a.b"),
        ("build", "toy net:build"),
        ("build", len),
        ("summary", ""),
        ("summary", "Two\nlines."),
        ("summary", None),
        ("summary", 3),
        ("spatial_dims", ()),
        ("spatial_dims", 2),
        ("spatial_dims", [2, 3]),
        ("spatial_dims", (1,)),
        ("spatial_dims", (2, 3, 4)),
        ("spatial_dims", "23"),
        ("spatial_dims", None),
    ],
)
def test_a_field_that_cannot_be_is_refused_by_name(cls: type, field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field):
        make(cls, **{field: value})


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "a"), ("name", "r2_u_net"), ("build", "toy:Net"), ("build", "_a.b_c.d1:_build"), ("spatial_dims", (2,))],
)
def test_what_can_be_is_taken(cls: type, field: str, value: object) -> None:
    assert getattr(make(cls, **{field: value}), field) == value


@pytest.mark.parametrize("role", ["unit", "attention", "gate", "context"])
def test_roles(role: str) -> None:
    assert make(BlockSpec, role=role).role == role


@pytest.mark.parametrize("role", ["", "Unit", "head", None])
def test_other_roles_are_refused(role: str | None) -> None:
    with pytest.raises(ValueError, match="role"):
        make(BlockSpec, role=role)


@pytest.mark.parametrize("cls", CLASSES)
def test_only_what_must_be_given_has_no_default(cls: type) -> None:
    needed = [*GIVEN, "role"] if cls is BlockSpec else [*GIVEN]
    for field in needed:
        with pytest.raises(TypeError, match=field):
            cls(**{key: value for key, value in {**GIVEN, "role": "unit"}.items() if key in needed and key != field})
    spec = make(cls)
    optional = {field.name: getattr(spec, field.name) for field in fields(cls) if field.name not in needed}
    assert all(value in ("", 1, False, (), {}) for value in optional.values()), optional


@pytest.mark.parametrize("cls", CLASSES)
def test_specs_are_frozen_down_to_their_defaults(cls: type) -> None:
    spec = make(cls)
    for field in fields(cls):
        with pytest.raises(FrozenInstanceError):
            setattr(spec, field.name, "other")
    with pytest.raises(TypeError):
        spec.expected_failures["any"] = "reason"
    with pytest.raises(TypeError):
        cls("toy", "toy.net:build", "A toy.", (2, 3))


def test_the_kinds() -> None:
    assert [make(cls).kind for cls in CLASSES] == ["network", "encoder", "block"]
