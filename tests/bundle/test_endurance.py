"""A long training needs no more at its end than after its first epochs."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest
from ignite.engine import Events

from monaiseg.bundle import GuardedWorkflow, find_bundle

EPOCHS = int(os.environ.get("MONAISEG_EPOCHS", "200"))
"""More by hand: MONAISEG_EPOCHS=2000 pytest tests/bundle/test_endurance.py."""

WARM = EPOCHS // 10


@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="needs /proc, to know what a process has")
@pytest.mark.slow
def test_memory_and_open_files(tmp_path, monkeypatch, write_pairs):
    """Resident memory grows by less than 2 % after a tenth of the epochs; as many files are open."""
    monkeypatch.chdir(tmp_path)
    workflow = GuardedWorkflow(
        str(find_bundle("unetpp") / "train.yaml"),
        run_id="training",
        data_root=str(write_pairs(tmp_path / "data", count=4)),
        epochs=EPOCHS,
        val_interval=5,
        arch_options={"features": (2, 4)},
        roi_size=16,
        image_size=16,
        device="cpu",
        checkpoint_minutes=0.001,
    )
    workflow.initialize()
    seen = []

    def look(engine):
        if engine.state.epoch in (WARM, EPOCHS):
            gc.collect()
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            seen.append((pages, len(os.listdir("/proc/self/fd"))))

    workflow.parser.get_parsed_content("train::trainer").add_event_handler(Events.EPOCH_COMPLETED, look)
    workflow.run()
    (before, files), (after, files_after) = seen
    print(f"{EPOCHS} epochs: resident pages {before} to {after} ({after / before - 1:+.2%}), open files {files}")
    assert after < 1.02 * before
    assert files_after == files
