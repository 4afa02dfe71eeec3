"""What no input may do: end otherwise than well or in one line, hang, take the memory, write elsewhere, run code."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import resource
import signal
import sys
import traceback
import unicodedata
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from fuzzing.mutations import Random

from monaiseg.errors import MonaisegError

COUNT = int(os.environ.get("MONAISEG_FUZZ", "2000"))
"""Inputs of each kind."""

MEMORY = 3 * 2**30
"""Bytes that may really be taken: a small file may stand for a GiB of values, of which there may be copies."""

ROOM = 4 * MEMORY
"""Bytes that may be asked for: readers ask for room that a header declares, and touch no more than the file has."""

HANGS = 60
"""Seconds after which an input counts as one that hangs: the others take milliseconds."""

ACTING = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Characters that a terminal obeys, that turn what is written, or begin a line."""

RUNS_CODE = ("pickle.find_class", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "socket.connect")

WRITES = {
    **dict.fromkeys(("os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.chmod", "os.chown", "os.utime"), (0,)),
    **dict.fromkeys(("shutil.rmtree", "shutil.chown", "shutil.make_archive"), (0,)),
    **dict.fromkeys(("os.symlink", "os.link", "shutil.unpack_archive"), (1,)),
    **dict.fromkeys(("shutil.copyfile", "shutil.copymode", "shutil.copystat", "shutil.copytree"), (1,)),
    **dict.fromkeys(("os.rename", "shutil.move"), (0, 1)),
}
"""What changes the disk beside `open`, with the arguments that say where."""

WITHIN = {"os.mkdir": 2, "os.remove": 1, "os.rmdir": 1, "os.symlink": 2, "os.link": 3, "os.rename": 2}
"""The argument that has the open folder which a path is relative to, or -1; of `os.rename` that of the first path."""

Use = Callable[[], object]
Change = Callable[[Random, Sequence[bytes]], bytes]


class Hang(BaseException):
    """An input takes too long; no `except Exception` may hide it."""


class Watch:
    """Sees what Python does while an input is read: files that are written outside of a folder, and code that runs."""

    def __init__(self) -> None:
        self.folder: str | None = None
        self.seen: list[str] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.folder is None:
            return
        if event in RUNS_CODE:
            self.seen.append(f"{event} {arguments[:2]}")
        elif event == "open" and isinstance(arguments[0], str | bytes):
            if (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                self._changes(event, arguments[0])
        else:
            for number in WRITES.get(event, ()):
                within = arguments[WITHIN[event] + (event == "os.rename") * number] if event in WITHIN else -1
                self._changes(event, arguments[number], within)

    def _changes(self, event: str, path: Any, within: int = -1) -> None:
        """Note a change of the disk that is not in the folder."""
        if isinstance(path, int):
            path = f"/proc/self/fd/{path}"
        base = "" if within == -1 else os.readlink(f"/proc/self/fd/{within}")
        whole = os.path.abspath(os.path.join(base, os.fsdecode(path)))
        if self.folder is None or os.path.commonpath([self.folder, whole]) != self.folder:
            self.seen.append(f"writes {whole!r} ({event})")


WATCH = Watch()


@contextmanager
def limits() -> Iterator[None]:
    """Bound the memory that this process may ask for, and be ready to break off what hangs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    handler = signal.signal(signal.SIGALRM, _break_off)
    resource.setrlimit(resource.RLIMIT_AS, (taken + ROOM, hard))
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.signal(signal.SIGALRM, handler)


def _break_off(number: int, frame: FrameType | None) -> None:
    raise Hang


def _forget_most_taken() -> None:
    """Let the most memory that was taken be what is taken now: an earlier test, or input, must hide none.

    Nor may what was freed and is kept, as a run on the CPU has it.
    """
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)
    Path("/proc/self/clear_refs").write_text("5")


def _most_taken() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def fuzz(kind: str, path: Path, seeds: Sequence[bytes], change: Change, uses: Sequence[Use], root: Path) -> None:
    """Give `COUNT` changed seeds as the file `path` to the `uses` by turns; raise AssertionError with what went wrong.

    Each must work, or be refused in one line that names a place under `root`, where alone anything may be written; some
    must work, or else nothing behind the first check was reached.
    """
    findings: dict[str, list[int]] = {}
    _forget_most_taken()
    before = _most_taken()
    with limits():
        for number in range(COUNT):
            if number % 100 == 0:
                faulthandler.dump_traceback_later(10 * HANGS, exit=True)  # where no signal is heard
            path.write_bytes(change(np.random.default_rng((zlib.crc32(kind.encode()), number)), seeds))
            found = _tried(uses[number % len(uses)], str(root.resolve()), before)
            findings.setdefault(found, []).append(number)
    worked = len(findings.pop("", []))
    refused = len(findings.pop("refused", []))
    told = "\n".join(f"{len(numbers)} times, first input {numbers[0]}: {found}" for found, numbers in findings.items())
    assert not findings, f"{kind}, {COUNT} inputs, {worked} read, {refused} refused, {len(findings)} findings:\n{told}"
    assert min(worked, refused) > COUNT // 50, f"{kind}: {worked} of {COUNT} inputs are read, {refused} refused"


def _tried(use: Use, root: str, before: int) -> str:
    """Return what went wrong with an input; nothing if it was read, `refused` if that is what it was."""
    WATCH.folder, WATCH.seen = root, []
    signal.alarm(HANGS)
    found = ""
    try:
        use()
    except MonaisegError as error:
        found = "refused"
        if ACTING & set(map(unicodedata.category, str(error))) or root not in str(error):
            return f"is not told in a line that names the file: {type(error).__name__}{_where(error)}"
    except (Exception, Hang) as error:
        return f"{type(error).__name__}{_where(error)}"
    finally:
        signal.alarm(0)
        WATCH.folder = None
    if _most_taken() > before + MEMORY:
        _forget_most_taken()
        return f"takes over {MEMORY} bytes"
    return "; ".join(WATCH.seen) or found


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-2:]
    return "".join(f" < {Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
