"""Writes what a network predicts: label files of a case as those it was trained on, at the case's own size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ignite.engine import Engine, Events

from monaiseg._files import write_bytes
from monaiseg.data import Case, Classes, volume_geometry
from monaiseg.data.writing import encode_picture, encode_volume, label_files
from monaiseg.engine.case_files import CaseFiles, checked_probabilities, mask_endings


class WriteMasks:
    """Of an evaluator: writes `<stem>.png` (0 and 255), or `<stem>.nii.gz` (0 and 1) with the volume's affine.

    Several classes are told as they were in training: by a file a class (`<stem>_<class>.png`), by value or by colour.

    Raises:
        DataError: at construction, if the id of a case or the name of a class would lead out of the folder.
        OutputError: at construction, if a file that would be written is there already, or would be of two cases.
        ConfigError: the network gives NaN.
    """

    def __init__(self, output_dir: str | Path, cases: Sequence[Case], classes: Classes) -> None:
        self.files = CaseFiles(output_dir, cases, mask_endings(classes))
        self.classes = classes

    def attach(self, evaluator: Engine) -> None:
        """Write after each case."""
        evaluator.add_event_handler(Events.ITERATION_COMPLETED, self)
        evaluator.add_event_handler(Events.COMPLETED, self._tell)

    def __call__(self, evaluator: Engine) -> None:
        """Write the masks of the batch."""
        output = evaluator.state.output
        for name, predicted in zip(output["id"], output["pred"], strict=True):
            source, volume = self.files.sources[name], self.files.is_volume(name)
            for ending, values in label_files(checked_probabilities(name, predicted).numpy(), self.classes).items():
                content = encode_volume(values, volume_geometry(source).affine) if volume else encode_picture(values)
                write_bytes(self.files.path(name, ending), content)

    def _tell(self, evaluator: Engine) -> None:
        print(f"wrote masks of {len(self.files.sources)} cases to {self.files.folder}", flush=True)
