"""Distributions of strangers, as tests need them: written into a folder, or as projects that pip can build."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from monaiseg._registry import registry

GROUP = "monaiseg.plugins"

NET = '''
"""Two convolutions, in 2D or 3D."""
from torch import nn


class StrangerNet(nn.Module):
    def __init__(self, spatial_dims, in_channels, out_channels, width, deep_supervision):
        super().__init__()
        conv = nn.Conv2d if spatial_dims == 2 else nn.Conv3d
        self.body = nn.Sequential(conv(in_channels, width, 3, padding=1), nn.ReLU())
        self.head = conv(width, out_channels, 1)
        self.deep_supervision = deep_supervision

    def forward(self, x):
        logits = self.head(self.body(x))
        return [logits, logits] if self.training and self.deep_supervision else logits


def build(*, spatial_dims, in_channels, out_channels, width=4):
    if width < 1:
        raise ValueError(f"width must be positive, not {width}")
    return StrangerNet(spatial_dims, in_channels, out_channels, width, False)


def build_deep(*, spatial_dims, in_channels, out_channels, deep_supervision=False, width=4):
    return StrangerNet(spatial_dims, in_channels, out_channels, width, deep_supervision)
'''

PARTS = '''
"""An encoder of three levels that begins at the image's own size, and a unit."""
from torch import nn


class Levels(nn.Module):
    def __init__(self, spatial_dims, in_channels):
        super().__init__()
        conv = nn.Conv2d if spatial_dims == 2 else nn.Conv3d
        self.out_channels, self.strides = (3, 5, 7), (1, 2, 8)
        self.stages = nn.ModuleList(
            [conv(in_channels, 3, 3, padding=1), conv(3, 5, 2, stride=2), conv(5, 7, 4, stride=4)]
        )

    def forward(self, x):
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


def build(*, spatial_dims, in_channels, pretrained=None, freeze=False):
    return Levels(spatial_dims, in_channels)


def unit(*, spatial_dims, in_channels, out_channels, stride=1):
    conv = nn.Conv2d if spatial_dims == 2 else nn.Conv3d
    return nn.Sequential(conv(in_channels, out_channels, 3, stride=stride, padding=1), nn.Tanh())
'''


def spec(kind: str, name: str, build: str, fields: str = "") -> str:
    """Return the source of a spec: `spec("Network", "toy", "toy.net:build")`."""
    return f"{kind}Spec(name={name!r}, build={build!r}, summary='A toy.', spatial_dims=(2, 3), {fields})"


def entry_module(*specs: str) -> str:
    """Return the source of an entry module whose hook gives the specs."""
    body = "".join(f"    yield {one}\n" for one in specs) or "    return ()\n"
    imports = "from monaiseg.plugin import BlockSpec, EncoderSpec, NetworkSpec, hookimpl\n\n\n"
    return f"{imports}@hookimpl\ndef monaiseg_specs():\n{body}"


def write_modules(folder: Path, modules: Mapping[str, str]) -> None:
    """Write sources to `folder`; keys are paths such as `toy/net.py`."""
    for path, source in modules.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(source)


def write_distribution(
    folder: Path,
    name: str,
    *,
    version: str = "1.0",
    entry_points: Mapping[str, str],
    modules: Mapping[str, str],
    requires: Sequence[str] = (),
) -> None:
    """Write a distribution as pip would have installed it into `folder`, which need only be put on `sys.path`."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    (info / "METADATA").write_text("\n".join(lines) + "\n")
    lines = [f"[{GROUP}]", *(f"{key} = {value}" for key, value in entry_points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    write_modules(folder, modules)


def write_project(
    folder: Path,
    name: str,
    *,
    version: str = "1.0",
    entry_points: Mapping[str, str],
    modules: Mapping[str, str],
    requires: Sequence[str] = ("monaiseg",),
) -> Path:
    """Write a project that `pip wheel` can build and return its folder."""
    write_modules(folder, modules)
    tops = sorted({Path(path).parts[0] for path in modules})
    points = "\n".join(f"{key} = {json.dumps(value)}" for key, value in entry_points.items())
    (folder / "pyproject.toml").write_text(
        f"""\
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "{version}"
requires-python = ">=3.10"
dependencies = {json.dumps(list(requires))}

[project.entry-points."{GROUP}"]
{points}

[tool.hatch.build.targets.wheel]
only-include = {json.dumps(tops)}
"""
    )
    return folder


@contextmanager
def on_path(*folders: Path) -> Iterator[None]:
    """Put folders on `sys.path`; afterwards forget them, all that was imported from them, and the registry."""
    path = list(sys.path)
    sys.path[:0] = [str(folder) for folder in folders]
    importlib.invalidate_caches()
    registry.cache_clear()
    try:
        yield
    finally:
        sys.path[:] = path
        registry.cache_clear()
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__dict__", {}).get("__file__")
            if file and any(Path(file).is_relative_to(folder) for folder in folders):
                del sys.modules[name]
