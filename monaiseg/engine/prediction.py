"""Writes what a network predicts: label files of a case as those it was trained on, at the case's own size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ignite.engine import Engine, Events

from monaiseg._files import make_folder, write_bytes
from monaiseg.data import Case, Classes, images_of, is_volume, volume_geometry
from monaiseg.data.names import check_name
from monaiseg.data.writing import PICTURE, VOLUME, encode_picture, encode_volume, label_files
from monaiseg.errors import OutputError


class WriteMasks:
    """Of an evaluator: writes `<stem>.png` (0 and 255), or `<stem>.nii.gz` (0 and 1) with the volume's affine.

    Several classes are told as they were in training: by a file a class (`<stem>_<class>.png`), by value or by colour.

    Raises:
        DataError: at construction, if the id of a case or the name of a class would lead out of the folder.
        OutputError: at construction, if a file that would be written is there already.
    """

    def __init__(self, output_dir: str | Path, cases: Sequence[Case], classes: Classes) -> None:
        for case in cases:
            check_name(case["id"], "the id")
        if classes.kind == "masks":
            for name in classes.names:
                check_name(name, "the class")
        self.folder = make_folder(Path(output_dir), "--output_dir")
        self.classes = classes
        self.sources = {case["id"]: images_of(case)[0] for case in cases}
        endings = [""] if classes.kind != "masks" or len(classes) == 1 else [f"_{name}" for name in classes.names]
        for target in (self._target(name, ending) for name in self.sources for ending in endings):
            if target.exists():
                raise OutputError(f"{target}: is there already; choose another --output_dir")

    def attach(self, evaluator: Engine) -> None:
        """Write after each case."""
        evaluator.add_event_handler(Events.ITERATION_COMPLETED, self)
        evaluator.add_event_handler(Events.COMPLETED, self._tell)

    def __call__(self, evaluator: Engine) -> None:
        """Write the masks of the batch."""
        output = evaluator.state.output
        for name, probabilities in zip(output["id"], output["pred"], strict=True):
            source = self.sources[name]
            for ending, values in label_files(probabilities.cpu().numpy(), self.classes).items():
                volume = is_volume(source)
                content = encode_volume(values, volume_geometry(source).affine) if volume else encode_picture(values)
                write_bytes(self._target(name, ending), content)

    def _tell(self, evaluator: Engine) -> None:
        print(f"wrote masks of {len(self.sources)} cases to {self.folder}", flush=True)

    def _target(self, name: str, ending: str) -> Path:
        return self.folder / f"{name}{ending}{VOLUME if is_volume(self.sources[name]) else PICTURE}"
