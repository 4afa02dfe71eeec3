"""The same seed gives the same weights, whatever the number of loader workers."""

import pytest

from monaiseg.cli import main

FLAGS = "--arch_options {'features':(4,8)} --epochs 2 --roi_size 32 --batch_size 4 --device cpu".split()


def weights(folder, data, monkeypatch, *flags) -> bytes:
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert main(["train", "unetpp", "--data_root", str(data), *FLAGS, *flags]) == 0
    (model,) = folder.glob("runs/*/model.pt")
    return model.read_bytes()


@pytest.mark.slow
def test_equal_bytes_for_any_number_of_workers(tmp_path, monkeypatch, write_pairs):
    data = write_pairs(tmp_path / "data", count=10)
    first = weights(tmp_path / "a", data, monkeypatch)
    assert weights(tmp_path / "b", data, monkeypatch) == first
    assert weights(tmp_path / "c", data, monkeypatch, "--num_workers", "1") == first
    assert weights(tmp_path / "d", data, monkeypatch, "--num_workers", "2") == first
    assert weights(tmp_path / "e", data, monkeypatch, "--seed", "1") != first
