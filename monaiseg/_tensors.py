"""Files of tensors, read whoever wrote them: without running code, and no larger than they are."""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from monaiseg.errors import ConfigError, TrainingError

NUMBERS_AND_TEXT: tuple[type[Any], ...] = (bool, int, float, complex, str, bytes)


def read_tensors(path: Path) -> Any:
    """Return what `torch.save` wrote into a file, on the CPU.

    Raises:
        ConfigError: the file cannot be read, is damaged, holds more than tensors, or is compressed, which `torch.save`
            does not do and by which a small file can fill the memory.
    """
    try:
        if zipfile.is_zipfile(path):
            _check_stored(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except (ConfigError, MemoryError):
        raise
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror or error}); give a file of weights") from error
    except Exception as error:
        told = f"it is damaged or holds more than tensors ({type(error).__name__})"
        raise ConfigError(f"{path}: cannot be loaded, as {told}; restore it, or save a state dict alone") from error


def as_bytes(state: Mapping[str, Any]) -> bytes:
    """Return the file of a state that `read_tensors` reads back: a zip with a CRC-32 a tensor."""
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    return buffer.getvalue()


def plain(value: Any, key: str = "state") -> Any:
    """Return a state of which all can be read back without pickle: numpy's numbers and arrays as Python's.

    Raises:
        TrainingError: it holds something else than tensors, numbers, text, and lists and dicts of them.
    """
    if isinstance(value, Mapping):
        entries = {plain(name, key): plain(entry, f"{key}::{name}") for name, entry in value.items()}
        return Counter(entries) if isinstance(value, Counter) else entries
    if isinstance(value, list | tuple | set):
        each = [plain(entry, f"{key}::{number}") for number, entry in enumerate(value)]
        return each if isinstance(value, list) else set(each) if isinstance(value, set) else tuple(each)
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, torch.Tensor):
        return value.as_subclass(torch.Tensor)
    if value is None or isinstance(value, torch.dtype | torch.device):
        return value
    for kind in NUMBERS_AND_TEXT:
        if isinstance(value, kind):
            return value[:] if isinstance(value, str) else kind(value)  # of an enumeration its text, not its name
    raise TrainingError(
        f"{key} is a {type(value).__name__}, which no checkpoint can hold; let its state_dict, or the metric, give "
        "tensors or numbers"
    )


def _check_stored(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        if any(part.compress_type != zipfile.ZIP_STORED for part in archive.infolist()):
            raise ConfigError(f"{path}: is compressed, as no file of weights is; save it with torch.save")
