"""Reads files of tensors that anyone may have written: without running code, and no larger than they are."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import torch

from monaiseg.errors import ConfigError


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


def _check_stored(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        if any(part.compress_type != zipfile.ZIP_STORED for part in archive.infolist()):
            raise ConfigError(f"{path}: is compressed, as no file of weights is; save it with torch.save")
