"""Checks of what a plugin says and does before anything is computed."""

from __future__ import annotations

import inspect

from monaiseg.build import resolve
from monaiseg.errors import MonaisegError
from monaiseg.testing._catalogue import checks
from monaiseg.testing._check import KINDS, NotApplicable, case_id, check, require
from monaiseg.testing._subject import Subject

CONTRACT = {
    "network": {"spatial_dims", "in_channels", "out_channels"},
    "encoder": {"spatial_dims", "in_channels", "pretrained", "freeze"},
    "unit": {"spatial_dims", "in_channels", "out_channels", "stride"},
    "attention": {"spatial_dims", "channels"},
    "gate": {"spatial_dims", "skip_channels", "x_channels"},
    "context": {"spatial_dims", "in_channels", "out_channels"},
}
"""The options that a builder of each kind, or role, is called with."""


@check("found by its name through the entry point of a distribution", kinds=KINDS, after=(), once=True)
def entry_point(subject: Subject) -> None:
    """The entry point is loaded in a fresh process, and its hook must give the same spec."""
    entry = subject.entry
    through = f"the entry point {entry.plugin.name!r} of {entry.plugin.distribution}"
    require(subject.observation.found, f"a fresh process does not find it through {through}")


@check("the entry module imports neither torch nor monai", kinds=KINDS, after=(), once=True)
def entry_without_torch(subject: Subject) -> None:
    """The entry module is imported and its hook called in a fresh process."""
    heavy = subject.observation.heavy
    require(not heavy, f"the entry module imports {' and '.join(heavy)}; give the builder as 'module:attribute'")


@check("import and construction print nothing", kinds=KINDS, after=(), once=True)
def quiet(subject: Subject) -> None:
    """Both streams of that process are read; warnings are allowed."""
    printed = subject.observation.printed
    require(not printed, f"it prints {printed[0][:80]!r}" if printed else "")


@check("import and construction open nothing and call no accelerator", kinds=KINDS, after=(), once=True)
def self_contained(subject: Subject) -> None:
    """In that process, files, sockets and processes beyond the import system are heard of, and torch is listened to."""
    opened = subject.observation.opened
    require(not opened, f"it calls {', '.join(opened[:3])}")


@check("the builder spells out its options, keyword-only and each with a default", kinds=KINDS, after=(), once=True)
def options(subject: Subject) -> None:
    """The builder's signature is read; `deep_supervision` must be in it exactly where the spec has it."""
    spec = subject.spec
    parameters = inspect.signature(resolve(subject.entry)).parameters
    contract = CONTRACT[getattr(spec, "role", spec.kind)]
    missing = sorted(contract - set(parameters))
    for p in parameters.values():
        loose = p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
        require(not loose, f"the builder takes {p}; spell each option out, so that a misspelt one is refused")
        if spec.kind != "block":
            require(p.kind is p.KEYWORD_ONLY, f"the option {p.name} can be given by position; write a bare * before it")
        require(p.default is not p.empty or p.name in contract, f"the option {p.name} has no default")
    require(not missing, f"the builder has no option {', '.join(missing)}")
    if spec.kind == "network":
        deep = "deep_supervision" in parameters
        says = getattr(spec, "deep_supervision", False)
        require(deep == says, f"the spec says deep_supervision={says}, and the builder {'has' if deep else 'lacks'} it")


@check("what the spec declares is of use", kinds=KINDS, after=(), once=True)
def declarations(subject: Subject) -> None:
    """Size rules give whole numbers from 1; `expected_failures` names checks and reasons."""
    for name in ("size_divisor", "min_size"):
        try:
            value = subject.rule(name)
        except MonaisegError:
            raise
        except Exception as error:
            value = f"{type(error).__name__}: {error}"
        whole = isinstance(value, int) and not isinstance(value, bool) and value > 0
        require(whole, f"{name} gives {value!r} for the options {subject.options}, not a whole number from 1")
    known = {case_id(c.name, dims) for c in checks(subject.spec.kind) for dims in (None, *subject.spec.spatial_dims)}
    for name, reason in subject.spec.expected_failures.items():
        require(name in known, f"expected_failures names {name!r}, which is no check of {subject.spec.kind}s")
        require(bool(reason), f"expected_failures gives no reason for {name!r}")


@check("can be built in each number of dimensions that it declares", kinds=KINDS, after=())
def builds(subject: Subject) -> None:
    """It is built with the options of `tiny`, and with its own defaults."""
    subject.build()
    if subject.options != subject.given:
        subject.build_default()


@check("with the options of `tiny` it has under 1 M parameters", kinds=("network", "encoder"))
def tiny(subject: Subject) -> None:
    """The parameters are counted, where the spec has `tiny`."""
    if not getattr(subject.spec, "tiny", None) or subject.given:
        raise NotApplicable("the spec has no tiny" if not subject.given else "it is built with other options")
    count = sum(p.numel() for p in subject.build().parameters())
    require(count < 1_000_000, f"it has {count:,} parameters")
