"""The conformance kit: small named checks of the contract of networks, encoders and blocks.

In a test file, one line gives a test a check:

    from monaiseg.testing.pytest import conformance

    test_conformance = conformance("my_net")

From a shell, `monaiseg check my_net` or `pytest --monaiseg my_net`; from Python, `assert_conforms("my_net")`.
Names load when first used: importing this package imports neither torch nor MONAI.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monaiseg._lazy import lazy_names

if TYPE_CHECKING:
    from monaiseg.testing._catalogue import checks as checks
    from monaiseg.testing._check import Check as Check
    from monaiseg.testing._check import CheckResult as CheckResult
    from monaiseg.testing._running import NotConforming as NotConforming
    from monaiseg.testing._running import assert_conforms as assert_conforms
    from monaiseg.testing._running import run_checks as run_checks
    from monaiseg.testing._suite import Suite as Suite

__all__ = ["Check", "CheckResult", "NotConforming", "Suite", "assert_conforms", "checks", "run_checks"]
__getattr__ = lazy_names(
    __name__,
    {
        "Check": "monaiseg.testing._check",
        "CheckResult": "monaiseg.testing._check",
        "NotConforming": "monaiseg.testing._running",
        "Suite": "monaiseg.testing._suite",
        "assert_conforms": "monaiseg.testing._running",
        "checks": "monaiseg.testing._catalogue",
        "run_checks": "monaiseg.testing._running",
    },
)
