"""What a bundle would execute, and what of it reaches outside."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from monai.bundle import ConfigParser

from monaiseg.bundle import shipped_bundles
from monaiseg.bundle.executed import Executed, executed
from monaiseg.errors import ConfigError

FILES = [file for folder in shipped_bundles().values() for file in sorted(folder.glob("*.yaml"))]


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_shipped_bundles_name_nothing_outside(file: Path) -> None:
    found = list(executed(ConfigParser.load_config_file(str(file))))
    text = file.read_text()
    assert len([one for one in found if one.kind == "component"]) == text.count("_target_:")
    assert len([one for one in found if one.kind == "expression"]) == text.count('"$')
    assert not [one for one in found if one.outside]


def test_each_is_listed_with_its_place() -> None:
    config = {"a": {"_target_": "DiceLoss", "weight": "$[1, 2]"}, "run": ["$@a(1)", "plain", {"b": "@a"}]}
    assert list(executed(config)) == [
        Executed("a", "component", "DiceLoss", ()),
        Executed("a::weight", "expression", "$[1, 2]", ()),
        Executed("run::0", "expression", "$@a(1)", ()),
    ]


@pytest.mark.parametrize(
    ("text", "outside"),
    [
        ("$torch.os.system('x')", {"os", "posix"}),
        ("$__import__('os').system('x')", {"__import__"}),
        ("$import os", {"os"}),
        ("$import os.path as p", {"os"}),
        ("$from pathlib import Path", {"pathlib"}),
        ("$from monai.transforms import Resize", set()),
        ("$from torch import os", {"os"}),
        ("$[torch][0].os.system('x')", {"torch"}),
        ("$(lambda t: t.os)(torch.nn).system('x')", {"torch.nn"}),
        ("$np.zeros(3)", {"np"}),
        ("$Path('x')", {"Path"}),
        ("$().__class__.__bases__", {"__class__", "__bases__"}),
        ("$open('x')", {"open"}),
        ("$monaiseg.__main__.main", {"__main__"}),
        ("$[x for x in @a::b if len(x)]", set()),
        ("$(lambda q, *r: q + 1)(@c#0)", set()),
        ("$torch.nn.ReLU()", set()),
        ("$torch.optim.lr_scheduler.StepLR", set()),
        ("$@validate::scores.table", set()),
    ],
)
def test_expressions(text: str, outside: set[str]) -> None:
    (found,) = executed({"key": text})
    assert found.kind == "expression" and set(found.outside) == outside


@pytest.mark.parametrize(
    ("target", "outside"),
    [
        ("DiceLoss", ()),
        ("torch.optim.Adam", ()),
        ("monaiseg.build_network", ()),
        ("monai.bundle.scripts.os.system", ("posix",)),
        ("os.system", ("os",)),
        ("mine.of.my.own", ("mine",)),
        ("builtins.eval", ("builtins",)),
        ("monaiseg.__main__", ("__main__",)),
    ],
)
def test_components(target: str, outside: tuple[str, ...]) -> None:
    """What another package gave to a trusted one is still the other's."""
    assert list(executed({"key": {"_target_": target}})) == [Executed("key", "component", target, outside)]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"_target_": "DiceLos"}, "key: there is no DiceLos; did you mean 'DiceLoss'"),
        ({"_target_": "torch.optim.Adan"}, "key: there is no torch.optim.Adan; did you mean 'Adam'"),
        ({"_target_": "monaiseg.nowhere.at_all"}, "there is no monaiseg.nowhere.at_all; mend its _target_, or install"),
        ({"_target_": "Zxqw"}, "key: there is no Zxqw; mend its _target_"),
        ("$1 +", r"key: '\$1 \+' is no Python \(invalid syntax\); mend it"),
        ("$'\0'", "is no Python"),
        ("$" + "(" * 3000 + ")" * 3000, "is no Python"),
    ],
)
def test_what_cannot_run_is_refused(config: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        list(executed({"key": config}))


def test_nothing_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "system", pytest.fail)
    mark = tmp_path / "mark"
    named = {"_target_": "os.system", "command": "x"}
    config = {"a": f"$open({str(mark)!r}, 'w')", "b": named, "c": "$torch.os.system('x')"}
    assert len(list(executed(config))) == 3 and not mark.exists()


@given(st.text())
def test_any_text_is_listed_or_refused(text: str) -> None:
    with contextlib.suppress(ConfigError):
        assert len(list(executed({"key": f"${text}"}))) == 1
