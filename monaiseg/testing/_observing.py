"""The process that `_observe` watches: imports and builds what a plugin provides, and notes what that does."""

from __future__ import annotations

import contextlib
import json
import pickle
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import FrameType
from typing import Any

from monaiseg._loading import _call, _register
from monaiseg.hookspecs import GROUP
from monaiseg.specs import Spec
from monaiseg.testing._observe import MARK

WATCHED = (
    "open",
    "socket.",
    "urllib.Request",
    "subprocess.Popen",
    "os.system",
    "os.posix_spawn",
    "os.fork",
    "os.exec",
    "os.mkdir",
    "os.remove",
    "os.rename",
)
DEVICES = {
    "torch.cuda": ("_lazy_init", "is_available", "device_count", "current_device", "synchronize", "empty_cache"),
    "torch.accelerator": ("is_available", "device_count", "current_accelerator", "current_device_index"),
    "torch.xpu": ("_lazy_init", "is_available", "device_count"),
    "torch.mps": ("is_available", "device_count", "empty_cache"),
    "torch.backends.mps": ("is_available",),
}


class Watch:
    """Notes, while it is on, what is opened outside the import system, and calls for an accelerator.

    Args:
        packages: of the plugin. What the import of another package does is that one's own affair.
    """

    def __init__(self, packages: set[str]) -> None:
        self.packages = packages
        self.opened: list[str] = []
        self.on = False
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on or not event.startswith(WATCHED):
            return
        if event == "open" and (isinstance(arguments[0], int) or str(arguments[0]).endswith((".py", ".pyc"))):
            return  # a descriptor that is open already, or source code, as decorators of torch.jit read it
        if self._blames(sys._getframe(1)):
            self._note(f"{event} {arguments[0]!r}" if event == "open" else event)

    def _note(self, what: str) -> None:
        if what not in self.opened:
            self.opened.append(what)

    def _blames(self, frame: FrameType | None) -> bool:
        """Tell whether the plugin did it: going outwards, its code is met before the import system is."""
        while frame is not None:
            if frame.f_code.co_filename.startswith("<frozen importlib"):
                return False
            if _package(frame) in self.packages:
                return True
            frame = frame.f_back
        return True

    def watch_devices(self) -> None:
        """Note calls for an accelerator too; torch must be loaded."""
        for path, names in DEVICES.items():
            module = sys.modules.get(path)
            for name in names:
                if hasattr(module, name):
                    setattr(module, name, partial(self._ask, f"{path}.{name}", getattr(module, name)))

    def _ask(self, name: str, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        frame = sys._getframe(1)
        # Torch asks for devices on its own account, too; that it initialises one is for somebody's sake.
        by_torch = _package(frame) == "torch" and not name.endswith("_lazy_init")
        if self.on and not by_torch and self._blames(frame):
            self._note(name)
        return original(*args, **kwargs)


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


@contextlib.contextmanager
def phase(watch: Watch) -> Iterator[None]:
    """Mark what is printed within on both streams, and watch it."""
    for stream in (sys.stdout, sys.stderr):
        print(MARK, end="", file=stream, flush=True)
    watch.on = True
    try:
        yield
    finally:
        watch.on = False
        for stream in (sys.stdout, sys.stderr):
            print(MARK, end="", file=stream, flush=True)


def _entry_points(task: dict[str, Any]) -> list[EntryPoint]:
    named = [point for point in entry_points(group=GROUP) if point.name == task["plugin"]]
    return [point for point in named if point.dist is not None and point.dist.name == task["distribution"]]


def _import_entry(points: list[EntryPoint], task: dict[str, Any], watch: Watch) -> tuple[bool, list[str]]:
    """Return whether the plugin's entry point leads to the spec, and the heavy packages that it imports."""
    before = set(sys.modules)
    specs: list[Spec] = []
    with phase(watch), contextlib.suppress(Exception):
        for point in points:
            specs += _call(_register(point, point.load()))
    told = [(spec.kind, spec.name, spec.build) for spec in specs]
    return task["spec"] in told, sorted((set(sys.modules) - before) & {"torch", "monai"})


def _construct(task: dict[str, Any], watch: Watch) -> None:
    from monaiseg._registry import registry
    from monaiseg.testing._subject import construct

    registry()
    watch.watch_devices()
    with phase(watch):
        for options in task["variants"]:
            # That it can be built is for other checks to say.
            with contextlib.suppress(Exception):
                construct(task["spec"][0], task["qualified"], options)


def main() -> None:
    """Do the task given as the argument, and tell in the file that it names."""
    task, told = pickle.loads(bytes.fromhex(sys.argv[1]))
    points = _entry_points(task)
    modules = [task["spec"][2], *(point.value for point in points)]
    watch = Watch({module.partition(":")[0].partition(".")[0] for module in modules} - {"torch", "monai", "monaiseg"})
    found, heavy = _import_entry(points, task, watch)
    _construct(task, watch)
    Path(told).write_text(json.dumps({"found": found, "heavy": heavy, "opened": watch.opened}))


if __name__ == "__main__":
    main()
