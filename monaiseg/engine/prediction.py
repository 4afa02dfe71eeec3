"""Writes what a network predicts: a mask file a case, at the case's own size."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import nibabel
import numpy as np
import numpy.typing as npt
from ignite.engine import Engine, Events
from PIL import Image

from monaiseg._files import make_folder, write_bytes
from monaiseg.data import Case, images_of, is_volume, volume_geometry
from monaiseg.errors import OutputError


class WriteMasks:
    """Of an evaluator: writes `<stem>.png` (0 and 255), or `<stem>.nii.gz` (0 and 1) with the volume's affine.

    With several classes there is a file a class: `<stem>_class0.png` and so on.

    Raises:
        OutputError: at construction, if a file that would be written is there already.
    """

    def __init__(self, output_dir: str | Path, cases: Sequence[Case], classes: int) -> None:
        self.folder = make_folder(Path(output_dir), "--output_dir")
        self.classes = classes
        self.sources = {case["id"]: Path(images_of(case)[0]) for case in cases}
        for target in (path for name in self.sources for path in self._targets(name)):
            if target.exists():
                raise OutputError(f"{target}: is there already; choose another --output_dir")

    def attach(self, evaluator: Engine) -> None:
        """Write after each case."""
        evaluator.add_event_handler(Events.ITERATION_COMPLETED, self)
        evaluator.add_event_handler(Events.COMPLETED, self._tell)

    def __call__(self, evaluator: Engine) -> None:
        """Write the masks of the batch."""
        output = evaluator.state.output
        for name, masks in zip(output["id"], output["pred"] > 0.5, strict=True):
            for target, mask in zip(self._targets(name), masks.numpy(), strict=True):
                write_bytes(target, self._encode(mask, self.sources[name]))

    def _tell(self, evaluator: Engine) -> None:
        print(f"wrote masks of {len(self.sources)} cases to {self.folder}", flush=True)

    def _targets(self, name: str) -> Iterator[Path]:
        suffix = ".nii.gz" if self._is_volume(self.sources[name]) else ".png"
        for index in range(self.classes):
            yield self.folder / (f"{name}{suffix}" if self.classes == 1 else f"{name}_class{index}{suffix}")

    @staticmethod
    def _is_volume(source: Path) -> bool:
        return is_volume(source.name)

    def _encode(self, mask: npt.NDArray[np.bool_], source: Path) -> bytes:
        if self._is_volume(source):
            image = nibabel.Nifti1Image(mask.astype(np.uint8), volume_geometry(str(source)).affine)
            return gzip.compress(image.to_bytes(), mtime=0)
        buffer = io.BytesIO()
        Image.fromarray(mask.astype(np.uint8) * 255).save(buffer, "PNG")
        return buffer.getvalue()
