"""What the tests of this folder share: a small set, a run trained on one, a disk that is soon full."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from interrupted import only_run
from signalled import train

from monaiseg.cli import main

SMALL = (
    "--arch_options {'features':(4,8,16)} --epochs 2 --roi_size 32 --batch_size 4 --lr 0.01 --device cpu --amp False "
    "--val_interval 1"
).split()


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, write_pairs) -> SimpleNamespace:
    """Train a small UNet++ for two epochs on ten pairs: `root`, `run` (its folder), `data`."""
    root = tmp_path_factory.mktemp("trained")
    data = write_pairs(root / "data", count=10)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        assert main(["train", "unetpp", "--data_root", str(data), *SMALL]) == 0
    (run,) = (path for path in (root / "runs").iterdir() if (path / "run.json").exists())
    return SimpleNamespace(root=root, run=run, data=data)


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory, write_pairs) -> Path:
    """A folder of eight pairs, which no test may change."""
    return write_pairs(tmp_path_factory.mktemp("pairs") / "data", count=8)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pairs: Path) -> Path:
    """A folder of one's own to work in, in which `data` is the eight pairs."""
    monkeypatch.chdir(tmp_path)
    Path("data").symlink_to(pairs)
    return tmp_path


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory, pairs: Path) -> Path:
    """The run of `signalled.train` that nobody interrupts."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert train(pairs) == 0
    return only_run(folder)


@pytest.fixture
def small_disk() -> Iterator[Callable[[Path, str], Path]]:
    """What mounts a file system of a size, as mount writes it, at a new folder."""
    folders: list[Path] = []

    def mount(folder: Path, size: str) -> Path:
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip("mounting a small file system is not permitted here")
        folders.append(folder)
        return folder

    yield mount
    for folder in folders:
        subprocess.run(["umount", "-l", folder], check=True)
