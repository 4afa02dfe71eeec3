"""What makes thousands of inputs bearable."""

from __future__ import annotations

from typing import Any

import pytest
from monai.bundle import ComponentLocator


@pytest.fixture
def one_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let MONAI look through its modules once, and not for each input."""
    found: dict[str, Any] = {}
    scan = ComponentLocator._find_classes_or_functions

    def scanned(locator: ComponentLocator, names: Any) -> dict[str, Any]:
        if not found:
            found.update(scan(locator, names))
        return found

    monkeypatch.setattr(ComponentLocator, "_find_classes_or_functions", scanned)
