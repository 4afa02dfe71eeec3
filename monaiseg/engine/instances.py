"""Handlers for objects: of an evaluation, which tune how they are told apart; of a prediction, which write them."""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ignite.engine import Engine, Events
from rich.console import Console
from rich.progress import track
from rich.table import Table

from monaiseg._files import write_bytes, write_json
from monaiseg.data import FOREGROUND, Case, CaseSplit, Classes, volume_geometry
from monaiseg.data.cases import group_of
from monaiseg.data.writing import encode_deep_picture, encode_volume
from monaiseg.engine.case_files import CaseFiles, checked_probabilities, mask_endings, object_endings
from monaiseg.engine.parallel import only_alone
from monaiseg.errors import ConfigError, OutputError
from monaiseg.instances import InstancePlan, ObjectDecoder
from monaiseg.instances.keeping import KeptCases
from monaiseg.instances.objects import object_columns, object_rows
from monaiseg.instances.plan import thresholds_text
from monaiseg.instances.tuning import Tuning, check_halves, tune
from monaiseg.metrics.case_measures import further_channels
from monaiseg.metrics.decision import undisputed

logger = logging.getLogger("monaiseg")

TUNED = "instances.json"
"""The file of a run that holds how its objects are told apart, once that is tuned."""

OBJECTS = "objects.csv"
MOST = 65535
"""Objects that a file of 16 bits holds."""


class TuneInstances:
    """Of an evaluator: finds the decoder and thresholds that suit its cases best, and writes them to the run's folder.

    Args:
        tune: whether to do so.
        folder: of the run.
        plan: of the run, whose channels decide which decoders there are.
        cases: what is evaluated, with `instances` in the batches.
        fold: what the evaluation was asked for.
        classes: of the run.
        groups: what a case belongs to, by its id; cases of one group are in one half, as their own group says too.

    Raises:
        ConfigError: at construction, `tune` is neither True nor False, or these cases are not to be tuned on: those of
            a test part, those that the network was trained on, or fewer than two.
    """

    def __init__(
        self,
        tune: bool,
        folder: Path,
        plan: InstancePlan,
        cases: CaseSplit,
        fold: int | str = "same",
        classes: Classes = FOREGROUND,
        groups: Mapping[str, str] | None = None,
    ) -> None:
        if not isinstance(tune, bool):
            raise ConfigError(f"tune is {tune!r}; write --tune True")
        if tune:
            only_alone("tuning")
        if tune and fold == "test":
            raise ConfigError("tune is True and fold is test; tune on the validation cases, so that test cases test")
        if tune and cases.trained_on:
            raise ConfigError(
                f"tune is True and {cases.trained_on} of the {len(cases.validation)} cases trained the run, so that "
                "thresholds would suit them alone; tune on the run's own validation cases, --data_root same"
            )
        self.tune, self.path, self.plan, self.cases = tune, folder / TUNED, plan, cases
        self.classes = classes
        self.groups = {case["id"]: (groups or {}).get(case["id"], group_of(case)) for case in cases.validation}
        if tune:
            check_halves(self.groups)
        self.kept = KeptCases(folder)

    def attach(self, evaluator: Engine) -> None:
        """Keep what is predicted of each case, and tune when all are."""
        if self.tune:
            evaluator.add_event_handler(Events.ITERATION_COMPLETED, self._keep)
            evaluator.add_event_handler(Events.COMPLETED, self)

    def _keep(self, evaluator: Engine) -> None:
        output = evaluator.state.output
        predicted, ids = undisputed(output["pred"].cpu(), self.classes), output["instances"].cpu()
        for case in zip(
            output["id"], predicted, further_channels(output), ids, output["spacing"].tolist(), strict=True
        ):
            self.kept.add(*case)

    def __call__(self, evaluator: Engine) -> None:
        """Tune, print and write."""
        tuning = tune(self.kept, self.plan, self.cases.validation, self.groups, see=_shown)
        best = tuning.best
        plan = InstancePlan(self.plan.channels, best.decoder, best.thresholds)
        record = self.cases.record()
        where = {key: record[key] for key in ("root", "layout", "split", "hash")}
        replaced = ", in place of what was tuned before" if self.path.exists() else ""
        write_json(self.path, {**plan.record(), "tuned": {**where, **tuning.record()}})
        _print(tuning)
        print(
            f"cross-fitted: chosen on one half of {len(tuning.cases)} cases, scored on the other, both ways; with the "
            f"decoder chosen so too: AP50 {tuning.cross_fitted.ap50:.4f}, PQ {tuning.cross_fitted.pq:.4f}\n"
            f"evaluate and predict take {plan} from now on: {self.path}{replaced}",
            flush=True,
        )


def _shown(numbers: Iterable[int]) -> Iterable[int]:
    console = Console(stderr=True)
    return track(list(numbers), "tuning", console=console, transient=True, disable=not console.is_terminal)


def _print(tuning: Tuning) -> None:
    columns = ("decoder", "AP50 untuned", "cross-fitted", "PQ untuned", "cross-fitted", "thresholds tuned on all")
    rows = Table(*columns, box=None, pad_edge=False)
    for one in tuning.decoders:
        figures = (one.untuned.ap50, one.cross_fitted.ap50, one.untuned.pq, one.cross_fitted.pq)
        name = f"{one.decoder} (best)" if one is tuning.best else one.decoder
        rows.add_row(name, *(f"{value:.4f}" for value in figures), thresholds_text(one.decoder, one.thresholds))
    Console(markup=False, width=160).print(rows)


class WriteInstances:
    """Of an evaluator: writes the objects of each case as ids, and a row an object to `objects.csv`.

    `<stem>_instances.tif`, or `<stem>_instances.nii.gz` with the volume's affine, holds 0 for background and ids from 1
    as 16 bits; of several classes `<stem>_<class>_instances`. It does nothing where the plan tells no objects apart.

    Raises:
        DataError: at construction, if the id of a case or the name of a class would lead out of the folder.
        OutputError: at construction, if a file that would be written is there already, or would be of two cases.
        ConfigError: the network gives NaN.
    """

    def __init__(self, output_dir: str | Path, cases: Sequence[Case], classes: Classes, plan: InstancePlan) -> None:
        self.plan, self.classes = plan, classes
        self.decode = ObjectDecoder(plan, classes)
        self._objects = 0
        if not plan.wanted:
            return
        self.endings = object_endings(classes)
        self.files = CaseFiles(output_dir, cases, self.endings, beside=mask_endings(classes))
        self.table = self.files.folder / OBJECTS
        if self.table.exists():
            raise OutputError(f"{self.table}: is there already; choose another --output_dir")

    def attach(self, evaluator: Engine) -> None:
        """Write after each case."""
        if self.plan.wanted:
            evaluator.add_event_handler(Events.ITERATION_COMPLETED, self)
            evaluator.add_event_handler(Events.COMPLETED, self._tell)

    def __call__(self, evaluator: Engine) -> None:
        """Write the objects of the batch."""
        output = evaluator.state.output
        cases = zip(output["id"], output["pred"], further_channels(output), output["spacing"].tolist(), strict=True)
        for name, predicted, further, spacing in cases:
            probabilities = checked_probabilities(name, predicted)
            found = self.decode(probabilities, further, spacing)
            each = zip(self.classes.names, self.endings, found, probabilities.numpy(), strict=True)
            for of, ending, ids, probability in each:
                self._write(name, ending, ids)
                self._list(name, of, ids, probability)

    def _write(self, name: str, ending: str, ids: npt.NDArray[np.int32]) -> None:
        target, source = self.files.path(name, ending), self.files.sources[name]
        if ids.max(initial=0) > MOST:
            logger.warning("%s: has %d objects, so that it holds 32 bits and not 16", target, ids.max())
        values = ids.astype(np.uint32 if ids.max(initial=0) > MOST else np.uint16)
        volume = self.files.is_volume(name)
        content = encode_volume(values, volume_geometry(source).affine) if volume else encode_deep_picture(values)
        write_bytes(target, content)

    def _list(self, name: str, of: str, ids: npt.NDArray[np.int32], probability: Any) -> None:
        spacing = volume_geometry(self.files.sources[name]).spacing if self.files.is_volume(name) else (1.0,)
        try:
            with self.table.open("a", newline="", encoding="utf-8") as file:
                writer = csv.writer(file, lineterminator="\n")
                if file.tell() == 0:
                    writer.writerow(["case", "class", *object_columns(ids.ndim)])
                for row in object_rows(ids, probability, spacing):
                    writer.writerow([name, of, *row])
                    self._objects += 1
        except OSError as error:
            raise OutputError(f"{self.table}: cannot be written ({error.strerror}); free space") from error

    def _tell(self, evaluator: Engine) -> None:
        print(f"told {self._objects} objects apart ({self.plan}): {self.table}", flush=True)
