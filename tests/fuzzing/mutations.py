"""Damaged copies of valid files, each a function of a seed alone: bytes that moved, or words of a text."""

from __future__ import annotations

import io
import json
import re
import struct
import zipfile
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

import numpy as np

Random = np.random.Generator

NUMBERS = (*range(10), 127, 128, 255, 256, 4096, *(2**bits + more for bits in (15, 16, 24, 31, 32) for more in (-1, 0)))
"""Whole numbers at which sizes, counts and offsets turn over."""

FORMATS = ("<B", "<H", ">H", "<I", ">I", "<Q", ">Q", "<f", ">f")

WORDS = (
    *("", " ", "\n", "\t", "\0", "\x1b[31m", "\u202e", "\ufeff", "\ud800", "{'a': " * 3000, "[" * 3000, "9" * 5000),
    *"null true NaN Infinity -1 0 1e999 1.5 [] {} [ ] { } \" ' , ; : # | - @ $ % ~ \\ / // ..".split(),
    *"é <script> [red] %s {0} &a *a @a %a a::b $1+ !!python/name:os.system _target_ _mode_ _disabled_".split(),
    *"../x /nowhere/a.png image label fold split train id group".split(),
)
"""Words that mean something to one of the formats, or to whoever shows them."""

HEADER = 400
"""Half of the changes are made to this many bytes at the beginning."""


def damaged(random: Random, seeds: Sequence[bytes]) -> bytes:
    """Return one of the seeds with one to eight changes."""
    content = bytearray(seeds[random.integers(len(seeds))])
    for _ in range(random.integers(1, 9)):
        if not content:
            break
        _CHANGES[random.integers(len(_CHANGES))](random, content, seeds)
    return bytes(content)


def _place(random: Random, content: bytearray) -> int:
    within = min(len(content), HEADER) if random.random() < 0.5 else len(content)
    return int(random.integers(within))


def _flip(random: Random, content: bytearray, _: Sequence[bytes]) -> None:
    content[_place(random, content)] ^= 1 << random.integers(8)


def _byte(random: Random, content: bytearray, _: Sequence[bytes]) -> None:
    content[_place(random, content)] = random.integers(256)


def _number(random: Random, content: bytearray, _: Sequence[bytes]) -> None:
    form = FORMATS[random.integers(len(FORMATS))]
    number = NUMBERS[random.integers(len(NUMBERS))]
    written = struct.pack(form, number if form[1] in "Qf" else number % 256 ** struct.calcsize(form))
    at = _place(random, content)
    content[at : at + len(written)] = written


def _digits(random: Random, content: bytearray, _: Sequence[bytes]) -> None:
    """Exchange a number that is written in digits."""
    found = list(re.finditer(rb"\d+", content[: 4 * HEADER]))
    if found:
        run = found[random.integers(len(found))]
        content[run.start() : run.end()] = str(NUMBERS[random.integers(len(NUMBERS))]).encode()


def _cut(random: Random, content: bytearray, _: Sequence[bytes]) -> None:
    del content[_place(random, content) :]


def _drop(random: Random, content: bytearray, _: Sequence[bytes]) -> None:
    at = _place(random, content)
    del content[at : at + random.integers(1, 40)]


def _repeat(random: Random, content: bytearray, _: Sequence[bytes]) -> None:
    at = _place(random, content)
    content[at:at] = content[at : at + random.integers(1, 40)] * int(random.integers(1, 4))


def _splice(random: Random, content: bytearray, seeds: Sequence[bytes]) -> None:
    other = seeds[random.integers(len(seeds))]
    at, start = _place(random, content), int(random.integers(len(other)))
    content[at:] = other[start:]


_CHANGES = (_flip, _byte, _number, _number, _digits, _cut, _drop, _repeat, _splice)


def rezipped(random: Random, seeds: Sequence[bytes]) -> bytes:
    """Return a zip file of which one part is damaged and has the checksum of what it is now, or the file itself."""
    seed = seeds[random.integers(len(seeds))]
    if random.random() < 0.4 or not zipfile.is_zipfile(io.BytesIO(seed)):
        return damaged(random, seeds)
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(seed)) as old, zipfile.ZipFile(buffer, "w") as new:
        changed = old.namelist()[random.integers(2) * random.integers(len(old.namelist()))]
        for name in old.namelist():
            content = old.read(name) or b"\0"
            new.writestr(name, damaged(random, [content]) if name == changed else content)
    return buffer.getvalue()


def reworded(random: Random, seeds: Sequence[bytes]) -> bytes:
    """Return one of the seeds, which are texts, with one to four words exchanged, dropped, repeated or added."""
    words = re.findall(r"\w+|\s+|.", seeds[random.integers(len(seeds))].decode())
    for _ in range(random.integers(1, 5)):
        at = int(random.integers(len(words)))
        kept = (words[at], words[random.integers(len(words))])[random.integers(2)]
        new = WORDS[random.integers(len(WORDS))]
        words[at : at + 1] = ([new], [], [kept, words[at]], [words[at], new], [kept])[random.integers(5)]
        words = words or [""]
    return "".join(words).encode(errors="surrogatepass")


def damaged_text(random: Random, seeds: Sequence[bytes]) -> bytes:
    """Return a text with other words three times in four, else with other bytes."""
    return (damaged if random.random() < 0.25 else reworded)(random, seeds)


def damaged_json(random: Random, seeds: Sequence[bytes]) -> bytes:
    """Return a JSON text of which half the time one to three values are others, else one that is damaged as text."""
    if random.random() < 0.5:
        return damaged_text(random, seeds)
    content = json.loads(seeds[random.integers(len(seeds))])
    change_values(random, content)
    return json.dumps(content).encode()


def change_values(random: Random, content: Any) -> None:
    """Let one to three values in a content be others."""
    for _ in range(random.integers(1, 4)):
        places = list(_places(content))
        holder, key = places[random.integers(len(places))]
        other, there = places[random.integers(len(places))]
        new = (*VALUES, other[there], [holder[key]], WORDS[random.integers(len(WORDS))])
        holder[key] = deepcopy(new[random.integers(len(new))])


VALUES = (None, True, 0, -1, 1.5, 10**30, float("nan"), "", "0", [], {}, [[]], {"a": 1})


def _places(content: Any) -> Iterator[tuple[Any, Any]]:
    """Give every list and mapping in a content with each of its keys."""
    keys = content if isinstance(content, dict) else range(len(content)) if isinstance(content, list) else ()
    for key in keys:
        yield content, key
        yield from _places(content[key])
