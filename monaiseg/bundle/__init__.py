"""What bundles and their commands need of monaiseg beyond the engine. Names load when first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monaiseg._lazy import lazy_names

if TYPE_CHECKING:
    from monaiseg.bundle.errors_shown import begin_together as begin_together
    from monaiseg.bundle.errors_shown import one_line_errors as one_line_errors
    from monaiseg.bundle.guarded import GuardedWorkflow as GuardedWorkflow
    from monaiseg.bundle.run_folder import RunFolder as RunFolder
    from monaiseg.bundle.shipped import copy_bundle as copy_bundle
    from monaiseg.bundle.shipped import find_bundle as find_bundle
    from monaiseg.bundle.shipped import shipped_bundles as shipped_bundles
    from monaiseg.bundle.trained import TrainedRun as TrainedRun

_HOMES = {
    "GuardedWorkflow": "monaiseg.bundle.guarded",
    "RunFolder": "monaiseg.bundle.run_folder",
    "TrainedRun": "monaiseg.bundle.trained",
    "begin_together": "monaiseg.bundle.errors_shown",
    "copy_bundle": "monaiseg.bundle.shipped",
    "find_bundle": "monaiseg.bundle.shipped",
    "one_line_errors": "monaiseg.bundle.errors_shown",
    "shipped_bundles": "monaiseg.bundle.shipped",
}
__all__ = sorted(_HOMES)  # noqa: PLE0605
__getattr__ = lazy_names(__name__, _HOMES)
