"""monaiseg: medical image segmentation on MONAI in which a network is a plugin.

Names load when first used: `import monaiseg` imports neither torch nor MONAI.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from monaiseg._lazy import lazy_names

if TYPE_CHECKING:
    from monaiseg.build import build_network as build_network
    from monaiseg.plugin import build_block as build_block
    from monaiseg.plugin import build_encoder as build_encoder

__version__ = version("monaiseg")
__all__ = ["build_block", "build_encoder", "build_network"]
__getattr__ = lazy_names(
    __name__,
    {
        "build_network": "monaiseg.build",
        "build_encoder": "monaiseg.plugin",
        "build_block": "monaiseg.plugin",
    },
)
