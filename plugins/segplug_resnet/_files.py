"""Files of weights: found, downloaded where that is asked for, checked against the hash in their name, read."""

from __future__ import annotations

import hashlib
import io
import re
import sys
from pathlib import Path

import torch

IMAGENET = {
    18: "resnet18-f37072fd.pth",
    34: "resnet34-b627a593.pth",
    50: "resnet50-11ad3fa6.pth",
    101: "resnet101-cd907fc2.pth",
    152: "resnet152-f82ba261.pth",
}
"""torchvision's files: its only weights of 18 and 34 layers (V1), its better ones (V2) of 50 and more."""
SOURCE = "https://download.pytorch.org/models/"

_HASH = re.compile(r"-([0-9a-f]{8,64})\.pth$", re.IGNORECASE)


def imagenet_file(depth: int) -> Path:
    """Return torchvision's file for a ResNet of that depth in the cache of torch.hub, downloaded if not there.

    Raises:
        ValueError: it cannot be downloaded.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / IMAGENET[depth]
    if not path.exists():
        _download(SOURCE + path.name, path)
    return path


def _download(url: str, path: Path) -> None:
    sys.stderr.write(f"downloading {url} to {path}\n")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), hash_prefix=_expected(path), progress=True)
    except Exception as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ValueError(f"{url}: cannot be downloaded ({reason}); fetch it elsewhere and put it at {path}") from error


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """Return the weights in a file: a state dict, or a dict that has one as `state_dict`, on the CPU.

    A prefix `module.`, which parallel training leaves, is dropped.

    Raises:
        ValueError: the file is missing or cannot be read, its content is not what the hash in its name says, or
            there are no weights in it.
    """
    content = _read(path)
    _check_hash(path, content)
    try:
        found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(
            f"{path}: is damaged, or holds more than tensors ({type(error).__name__}); fetch it again, or save a state "
            "dict alone"
        ) from error
    state = found.get("state_dict", found) if isinstance(found, dict) else found
    if not isinstance(state, dict) or not state or not all(_is_weight(*item) for item in state.items()):
        raise ValueError(f"{path}: holds a {type(state).__name__} that is no state dict; save one")
    return {key.removeprefix("module."): weight for key, weight in state.items()}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ValueError(
            f"{path}: there is no such file; set pretrained to a file of weights or to imagenet"
        ) from error
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror}); set pretrained to a readable file") from error


def _check_hash(path: Path, content: bytes) -> None:
    expected = _expected(path)
    digest = hashlib.sha256(content).hexdigest()[: len(expected)]
    if digest != expected:
        raise ValueError(
            f"{path}: its SHA-256 starts with {digest}, not with {expected} as its name says; fetch it again, or "
            "rename it if that is no hash"
        )


def _expected(path: Path) -> str:
    """Return the first digits of the SHA-256 that a file's name ends in, as torch.hub writes them; else nothing."""
    found = _HASH.search(path.name)
    return found[1].lower() if found else ""


def _is_weight(key: object, weight: object) -> bool:
    return isinstance(key, str) and isinstance(weight, torch.Tensor)
