"""Bad plugins: each costs only itself, is told in one line, and is named again when its name is asked for."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from importlib.metadata import version
from itertools import permutations
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from strangers import NET, entry_module, on_path, spec, write_distribution

from monaiseg._loading import ALLOW, DENY, STRICT, PluginRecord, load_plugins
from monaiseg._registry import Registry
from monaiseg.build import build_network
from monaiseg.cli import main
from monaiseg.errors import AmbiguousName, NameNotFound, PluginError

CORE = version("monaiseg")
BUILT_IN = {"unet", "unetpp"}
GOOD = entry_module(spec("Network", "good_net", "good_plugin.net:build"))
SIZES: dict[str, Any] = dict(spatial_dims=2, in_channels=1, out_channels=1)


class Bad(NamedTuple):
    """A bad plugin: its source, and what is to be said of it."""

    source: str
    stage: str
    cause: str
    requires: tuple[str, ...] = ()


HOOK = "from monaiseg.plugin import NetworkSpec, hookimpl\n\n\n@hookimpl\n"
NET_SPEC = spec("Network", "bad_net", "bad_plugin:build")
BAD = {
    "fails on import": Bad("import no_such_module_at_all", "import", "No module named 'no_such_module_at_all'"),
    "raises on import": Bad("raise RuntimeError('two\\nlines')", "import", "RuntimeError: two lines"),
    "syntax error": Bad("def broken(:", "import", "SyntaxError"),
    "ends the process": Bad("import sys\nsys.exit(3)", "import", "SystemExit: 3"),
    "hook raises": Bad(HOOK + "def monaiseg_specs():\n    raise KeyError('lost')", "call", "KeyError: 'lost'"),
    "hook raises midway": Bad(
        entry_module(NET_SPEC, NET_SPEC.replace("bad_net", "Bad Net")), "call", "ValueError: name 'Bad Net' must match"
    ),
    "hook ends the process": Bad(HOOK + "def monaiseg_specs():\n    raise SystemExit", "call", "SystemExit"),
    "hook gives nothing": Bad(HOOK + "def monaiseg_specs():\n    pass", "call", "'NoneType' object is not iterable"),
    "wrong signature": Bad(
        HOOK + "def monaiseg_specs(config):\n    return []", "register", "Argument(s) {'config'} are declared"
    ),
    "unknown hook": Bad(HOOK + "def monaiseg_models():\n    return []", "register", "unknown hook 'monaiseg_models'"),
    "known and unknown hook": Bad(
        entry_module(NET_SPEC) + "\n\n@hookimpl\ndef monaiseg_models():\n    return []",
        "register",
        "unknown hook 'monaiseg_models'",
    ),
    "no hook": Bad("def monaiseg_specs():\n    return []", "register", "implements no hook; is @hookimpl missing"),
    "unmet requirement": Bad(entry_module(NET_SPEC), "resolve", "requires monaiseg>=99", ("monaiseg>=99",)),
    "unreadable requirement": Bad(entry_module(NET_SPEC), "resolve", "'monaiseg what?'", ("monaiseg what?",)),
    "no spec": Bad(HOOK + "def monaiseg_specs():\n    return [{'name': 'net'}]", "call", "gave a dict, not a spec"),
    "same name twice": Bad(entry_module(NET_SPEC, NET_SPEC), "call", "gave the network 'bad_net' twice"),
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    """A folder on `sys.path` with one good stranger in it."""
    write_distribution(
        tmp_path,
        "good-dist",
        entry_points={"good": "good_plugin"},
        modules={"good_plugin/__init__.py": GOOD, "good_plugin/net.py": NET},
    )
    with on_path(tmp_path):
        yield tmp_path


def write_bad(site: Path, source: str, name: str = "bad", requires: tuple[str, ...] = ()) -> None:
    write_distribution(
        site,
        f"{name}-dist",
        version="0.7",
        entry_points={name: f"{name}_plugin"},
        modules={f"{name}_plugin.py": source},
        requires=requires,
    )


def load(**environ: str) -> dict[str, PluginRecord]:
    return {record.name: record for record in load_plugins(CORE, environ)}


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    assert {(record.name, record.levelno) for record in caplog.records} <= {("monaiseg", logging.WARNING)}
    assert not any(record.exc_info for record in caplog.records)
    return [record.getMessage() for record in caplog.records]


def loaded(records: dict[str, PluginRecord]) -> set[str]:
    return {name for name, record in records.items() if record.status == "loaded"}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_bad_plugin_costs_only_itself_and_is_told_in_one_line(
    site: Path, caplog: pytest.LogCaptureFixture, bad: Bad
) -> None:
    write_bad(site, bad.source, requires=bad.requires)
    records = load()
    assert BUILT_IN | {"good"} <= loaded(records)
    assert (records["bad"].status, records["bad"].stage) == ("failed", bad.stage)
    assert records["bad"].specs == ()
    assert "Traceback" in records["bad"].details

    (line,) = lines(caplog)
    assert line.startswith(f"plugin bad (bad-dist 0.7) failed at {bad.stage}: ")
    assert bad.cause in line
    assert f"{DENY}=bad" in line
    assert "\n" not in line

    with pytest.raises(NameNotFound) as error:
        Registry(list(records.values())).find("network", "bad_net")
    assert f"plugin bad (bad-dist 0.7) failed at {bad.stage}: " in str(error.value)
    assert bad.cause in str(error.value)
    assert "\n" not in str(error.value)


def test_good_plugins_are_loaded_without_a_word(site: Path, caplog: pytest.LogCaptureFixture) -> None:
    records = load()
    assert loaded(records) == set(records) >= BUILT_IN | {"good"}
    assert records["good"].label == "good (good-dist 1.0)"
    assert [spec.name for spec in records["good"].specs] == ["good_net"]
    assert lines(caplog) == []


@pytest.mark.parametrize(
    "requirement", ["monaiseg", f"MonaiSeg=={CORE}", "monaiseg>=99; extra == 'new'", "monaiseg-extras>=99", "numpy>=99"]
)
def test_met_and_foreign_requirements_are_no_obstacle(site: Path, requirement: str) -> None:
    write_bad(site, entry_module(NET_SPEC), requires=(requirement,))
    assert "bad" in loaded(load())


def test_a_development_version_of_the_core_meets_requirements(site: Path) -> None:
    write_bad(site, entry_module(NET_SPEC), requires=("monaiseg>=0.1",))
    records = {record.name: record for record in load_plugins("0.2.dev3", {})}
    assert records["bad"].status == "loaded"


def test_an_entry_point_name_claimed_twice_is_refused_to_both(site: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("first", "second"):
        write_distribution(
            site,
            f"{name}-dist",
            entry_points={"twin": f"{name}_plugin"},
            modules={f"{name}_plugin.py": entry_module(spec("Network", f"{name}_net", "good_plugin.net:build"))},
        )
    records = load_plugins(CORE, {})
    twins = [record for record in records if record.name == "twin"]
    assert [(twin.distribution, twin.status, twin.stage) for twin in twins] == [
        ("first-dist", "failed", "resolve"),
        ("second-dist", "failed", "resolve"),
    ]
    assert BUILT_IN | {"good"} <= {record.name for record in records if record.status == "loaded"}
    told = lines(caplog)
    assert [line.split(" failed")[0] for line in told] == [
        "plugin twin (first-dist 1.0)",
        "plugin twin (second-dist 1.0)",
    ]
    assert all("claimed by first-dist and second-dist" in line for line in told)
    with pytest.raises(NameNotFound, match=r"twin \(first-dist 1.0\).*twin \(second-dist 1.0\)"):
        Registry(records).find("network", "first_net")


def test_a_name_claimed_twice_without_metadata_is_refused_to_both(site: Path) -> None:
    write_bad(site, "", name="whole")
    info = site / "torso-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text("[monaiseg.plugins]\nwhole = whole_plugin\n")
    records = [record for record in load_plugins(CORE, {}) if record.name == "whole"]
    assert sorted(record.distribution for record in records) == ["unknown", "whole-dist"]
    assert {record.stage for record in records} == {"resolve"}


@pytest.mark.parametrize(
    ("build", "source", "cause"),
    [
        ("toy_net:build", None, "No module named 'toy_net'"),
        ("toy_net:build", "", "has no attribute 'build'"),
        ("toy_net:build", "build = 3", "is not callable but 3"),
        ("toy_net:build", "raise SystemExit(0)", "SystemExit: 0"),
    ],
)
def test_a_builder_that_cannot_be_imported(
    site: Path, capsys: pytest.CaptureFixture[str], build: str, source: str | None, cause: str
) -> None:
    write_bad(site, entry_module(spec("Network", "toy_net", build)), name="toy")
    if source is not None:
        (site / "toy_net.py").write_text(source)
    with pytest.raises(PluginError) as error:
        build_network("toy_net", **SIZES)
    assert "network 'toy_net' of plugin toy (toy-dist 0.7)" in str(error.value)
    assert repr(build) in str(error.value)
    assert cause in str(error.value)

    assert main(["networks", "--json"]) == 0
    assert {"toy_net", "good_net", "unet"} <= {row["network"] for row in json.loads(capsys.readouterr().out)}


def test_a_network_name_taken_twice_is_ambiguous_only_when_used(
    site: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    write_bad(site, entry_module(spec("Network", "unet", "good_plugin.net:build")), name="toy")
    with pytest.raises(AmbiguousName) as error:
        build_network("unet", **SIZES)
    assert "toy:unet or unet:unet" in str(error.value)
    assert type(build_network("toy:unet", **SIZES)).__name__ == "StrangerNet"
    assert type(build_network("unet:unet", **SIZES, features=(4, 8))).__module__.startswith("segplug_unet")
    assert type(build_network("unetpp", **SIZES, features=(4, 8))).__module__.startswith("segplug_unetpp")
    assert type(build_network("good_net", **SIZES)).__name__ == "StrangerNet"
    assert lines(caplog) == ["network 'unet' is claimed by several plugins; write toy:unet or unet:unet"]

    assert main(["networks", "--json"]) == 0
    names = [row["network"] for row in json.loads(capsys.readouterr().out)]
    assert {"toy:unet", "unet:unet", "unetpp", "good_net"} <= set(names)
    assert "unet" not in names


@pytest.fixture
def trace(site: Path) -> Path:
    """A file that exists once the plugin `writer` has been imported."""
    path = site / "imported"
    source = f"open({str(path)!r}, 'w').close()\n" + entry_module(spec("Network", "written", "good_plugin.net:build"))
    write_bad(site, source, name="writer")
    return path


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, {"good", "writer", *BUILT_IN}),
        ({DENY: "writer"}, {"good", *BUILT_IN}),
        ({DENY: " good ,writer,"}, BUILT_IN),
        ({DENY: ""}, {"good", "writer", *BUILT_IN}),
        ({ALLOW: "good"}, {"good"}),
        ({ALLOW: "good, writer"}, {"good", "writer"}),
        ({ALLOW: "good,writer", DENY: "writer"}, {"good"}),
        ({ALLOW: ""}, set()),
    ],
    ids=lambda value: str(sorted(value) if isinstance(value, set) else value),
)
def test_switches_act_before_import(trace: Path, environ: dict[str, str], wanted: set[str]) -> None:
    records = load(**environ)
    switched = {"good", "writer", *BUILT_IN}
    assert loaded(records) & switched == wanted
    assert {records[name].status for name in switched - wanted} <= {"disabled"}
    assert trace.exists() == ("writer" in wanted)
    if ALLOW in environ:
        assert loaded(records) == wanted


def test_a_disabled_plugin_is_named_when_its_network_is_asked_for(trace: Path) -> None:
    with pytest.raises(NameNotFound, match=r"plugin writer \(writer-dist 0.7\) is disabled"):
        Registry(load_plugins(CORE, {DENY: "writer"})).find("network", "written")


@pytest.mark.parametrize("variable", [ALLOW, DENY])
def test_unknown_names_in_switches_are_told(site: Path, caplog: pytest.LogCaptureFixture, variable: str) -> None:
    load(**{variable: "good,godo"})
    assert lines(caplog) == [f"{variable} names 'godo', but no such plugin is installed"]


def test_the_switches_are_read_from_the_environment(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DENY, "good")
    with pytest.raises(NameNotFound, match=r"good-dist 1.0\) is disabled"):
        build_network("good_net", **SIZES)


def test_strict_mode_raises(site: Path) -> None:
    write_bad(site, BAD["fails on import"].source)
    with pytest.raises(PluginError, match=r"plugin bad \(bad-dist 0.7\) failed at import: .*no_such_module_at_all"):
        load(**{STRICT: "1"})
    assert loaded(load(**{STRICT: "1", DENY: "bad"})) >= {"good", *BUILT_IN}
    assert "good" in loaded(load(**{STRICT: "0"}))


def test_the_order_of_the_disk_does_not_matter(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a", "b", "c")]
    for folder, own in zip(folders, ("zeta", "alpha", "mu"), strict=True):
        for entry in (own, "twin"):
            write_distribution(
                folder, f"{entry}-of-{folder.name}", entry_points={entry: "nowhere"}, modules={}, version="2"
            )
    outcomes = []
    for order in permutations(folders):
        with on_path(*order):
            outcomes.append([(r.name, r.distribution, r.status, r.error) for r in load_plugins(CORE, {})])
    assert all(outcome == outcomes[0] for outcome in outcomes)
    names = [outcome[0] for outcome in outcomes[0]]
    assert names == sorted(names)
    assert {"alpha", "mu", "zeta"} <= set(names) and names.count("twin") == 3


def test_the_command_lists_bad_plugins_and_shows_tracebacks_on_demand(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_bad(site, BAD["fails on import"].source)
    assert main(["plugins", "--json"]) == 0
    rows = {row["plugin"]: row for row in json.loads(capsys.readouterr().out)}
    assert (rows["bad"]["status"], rows["good"]["status"]) == ("failed", "loaded")
    assert rows["bad"]["error"].startswith("at import: ModuleNotFoundError: ")
    assert main(["plugins"]) == 0
    assert "Traceback" not in capsys.readouterr().out
    assert main(["plugins", "-v"]) == 0
    out = capsys.readouterr().out
    assert "bad (bad-dist 0.7)\nTraceback" in out and "bad_plugin.py" in out
