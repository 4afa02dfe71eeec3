"""The errors monaiseg raises: each message is one line with the cause and the mend, each class has its exit code."""

from __future__ import annotations

import difflib
import errno
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Literal

WORKER = re.compile(r"DataLoader worker \(pid(?:\(s\))? ([\d, ]+)\) (?:is killed|exited)")
PEER_LOST = re.compile(r"gloo.*Connection (closed|reset) by peer|NCCL communicator was|NCCL.*remote process exited")
PEER_SILENT = re.compile(
    r"Timed out waiting \d+ms for (send|recv)|timeout caused pair closure|wait timeout after \d+ms|"
    r"Timed out after \d+ seconds waiting for clients|socket has timed out after|collective operation timeout"
)
CPU_FULL = "DefaultCPUAllocator: can't allocate memory"
"""How torch words what it has no class of error for."""


class MonaisegError(Exception):
    """Base of every error that monaiseg raises on purpose; `exit_code` is what the command line ends with."""

    exit_code = 1

    def __str__(self) -> str:
        return printable(" ".join(super().__str__().splitlines()))


class ConfigError(MonaisegError):
    """A setting of a bundle or an argument has a value that cannot be used."""

    exit_code = 2


class OptionError(ConfigError):
    """A network, encoder or block was given an option that it does not have, or lacks one that it needs."""


class NameNotFound(ConfigError):
    """No installed plugin provides that network, encoder or block."""


class AmbiguousName(ConfigError):
    """Several plugins provide the plain name; the qualified `plugin:name` is needed."""


DataKind = Literal[
    "unusable",
    "unpaired",
    "same_name",
    "name",
    "unreadable",
    "frames",
    "mode",
    "size",
    "dimensions",
    "channels",
    "classes",
    "values",
    "colour",
    "transparent",
    "gaps",
    "not_finite",
    "spacing",
    "orientation",
    "list",
]
"""What may be wrong with data, in a word; docs/data.md says what each means."""


class DataError(MonaisegError):
    """A data folder or one of its files cannot be used; the message names it, `kind` says in a word what is wrong."""

    exit_code = 3

    def __init__(self, message: str, kind: DataKind = "unusable") -> None:
        super().__init__(message)
        self.kind = kind


class PluginError(MonaisegError):
    """A plugin is broken: it fails to import, or its builder does."""

    exit_code = 4


class OutputError(MonaisegError):
    """A file of a run cannot be written; what was written before is intact."""

    exit_code = 5


class TrainingError(MonaisegError):
    """A training, or a prediction, went wrong as it ran: its loss is no number, memory is out, a process was killed."""

    exit_code = 7


def cause_of(error: BaseException) -> BaseException:
    """Return the monaiseg error that `error` was raised from, however often it was wrapped; else `error` itself.

    A full disk counts as one wherever it showed: TensorBoard writes too. Of an error in a worker of a loader there is
    only the printed traceback, in the message of another one; the error is made anew from it.
    """
    for link in chain_of(error):
        if (told := _told_by_a_worker(link)) is not None:
            return told
        if isinstance(link, MonaisegError):
            return link
        if isinstance(link, OSError) and link.errno in (errno.ENOSPC, errno.EROFS, errno.EDQUOT):
            return OutputError(f"{link.filename or 'the run folder'}: cannot be written ({link.strerror}); free space")
        if (fault := _fault_of_the_machine(link)) is not None:
            return fault
    return error


def _fault_of_the_machine(error: BaseException) -> MonaisegError | None:
    """Return the line for memory that is out, a process that was killed, or what cannot be compiled here."""
    text = str(error)
    if (worker := WORKER.search(text)) is not None:
        return TrainingError(
            f"a process that loads data (pid {worker[1]}) was killed, often because memory is out; lower --num_workers "
            "or --batch_size, then go on with monaiseg resume RUN"
        )
    if PEER_LOST.search(text):
        return TrainingError(
            "another process of this training has ended, for a reason that it tells itself; mend that, then go on with "
            "monaiseg resume RUN, with as many processes as there are"
        )
    if PEER_SILENT.search(text):
        return TrainingError(
            "another process of this training did not answer in time: it hangs, or never began; see what it tells, end "
            "it, then go on with monaiseg resume RUN"
        )
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or CPU_FULL in text:
        return TrainingError(
            "memory is out; lower --batch_size (--accumulate keeps the step's size), --roi_size or --image_size, or "
            "compute in bfloat16 with --amp True"
        )
    if any(base.__name__ == "TorchDynamoException" for base in type(error).__mro__):
        return ConfigError(
            f"compile is True, but torch cannot compile this network here ({text.strip().splitlines()[0]}); install "
            "what it lacks, often a C++ compiler, or write --compile False"
        )
    return None


def chain_of(error: BaseException) -> Iterator[BaseException]:
    """Give an error, what it was raised from, and so on."""
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen:
        yield link
        seen.add(id(link))
        link = link.__cause__ or link.__context__


def _told_by_a_worker(error: BaseException) -> MonaisegError | None:
    text = str(error.args[0]) if error.args else ""
    if not text.startswith("Caught ") or "\nOriginal Traceback" not in text:
        return None
    found = re.search(r"^monaiseg\.errors\.(\w+): (.+)$", text, re.MULTILINE)
    kind = globals().get(found[1]) if found else None
    return kind(found[2]) if found and kind is not None else None


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, or where it has none its type."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def printable(text: str) -> str:
    """Return text that does nothing to whoever shows it: control characters, and what turns writing, as escapes."""
    if text.isprintable():
        return text
    acting = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return "".join(
        one.encode("unicode_escape").decode() if unicodedata.category(one) in acting else one for one in text
    )


def suggest(name: str, known: Iterable[str]) -> str:
    """Return the end of an error message: the nearest known names, or all of them where none is near."""
    known = sorted({one for one in known if one})
    plain = {k.lower(): k for k in known}
    near = [plain[match] for match in difflib.get_close_matches(str(name).lower(), plain, n=3, cutoff=0.6)]
    if near:
        return f"; did you mean {' or '.join(repr(n) for n in near)}?"
    return f"; there is {', '.join(known)}" if known else "; there is none"
