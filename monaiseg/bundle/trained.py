"""A finished run, to evaluate or to predict with: what it was built from, and its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser
from torch import nn

from monaiseg._files import read_json
from monaiseg._tensors import read_tensors
from monaiseg.bundle.parsed import read_config
from monaiseg.bundle.records import MEND, RUN, SPLIT, naming, read_record
from monaiseg.data import CaseSplit, Classes, ReadCase, all_cases, load_cases
from monaiseg.data.loading import ALL, TEST
from monaiseg.engine.instances import TUNED
from monaiseg.engine.settings import Settings
from monaiseg.errors import ConfigError, DataError, NameNotFound, first_line
from monaiseg.instances import InstancePlan, instance_plan
from monaiseg.instances.plan import TunedOn

SAME = "same"
"""The word by which a bundle says: as the run had it."""


class TrainedRun:
    """The run in the folder `model`.

    Attributes:
        path: the folder.
        config: the plain keys it ran with, such as `config["arch"]`.
        shape: `spatial_dims`, `in_channels` and `out_channels` of its network.
        image_files: how many files an image of it had.
        classes: what its output channels are.

    Args:
        model: the run folder, or `"auto"` for the newest one with a model under `output_dir`.

    Raises:
        ConfigError: there is no such run, or it holds no model.
    """

    def __init__(self, model: str, output_dir: str = "runs") -> None:
        self.path = _newest(Path(str(output_dir))) if model == "auto" else Path(str(model))
        for name in ("model.pt", "run.json", "split.json", "config.yaml"):
            if not (self.path / name).is_file():
                raise ConfigError(f"model {self.path}: no {name} in it; give the folder of a run with --model")
        self._facts = read_record(self.path / "run.json", RUN)
        self._split = read_record(self.path / "split.json", SPLIT)
        self.config: dict[str, Any] = self._facts["config"]
        self.shape: dict[str, int] = {key: self._facts["shape"][key] for key in RUN["shape"]}
        self.image_files: int = self._split["image_files"]
        with naming(self.path / "split.json"):
            self.classes = Classes.from_record(self._split["classes"])

    def settings(self, device: str = "auto") -> Settings:
        """Return how the run computed, on this device."""
        with naming(self.path / "run.json"):
            return Settings(
                device=device,
                spatial_dims=self.shape["spatial_dims"],
                **{key: self.config[key] for key in ("amp", "channels_last")},
                # As they came out, not as "auto": that would look at other cases.
                image_size=self._facts["settings"]["image_size"] or "none",
                spacing=self._facts["settings"]["spacing"] or "none",
                roi_size=self._facts["settings"]["roi_size"],
            )

    def network(self) -> nn.Module:
        """Return the run's network with its best weights, on the CPU.

        It is built as the run built it, from `network_def` of its configuration.

        Raises:
            NameNotFound: the plugin that provides it is not installed; the message says what to install.
            ConfigError: the weights are damaged or of another network.
        """
        parser = ConfigParser(read_config(self.path / "config.yaml"))
        of = self._facts["network"]
        for key in ("arch", "network_def"):
            if key not in parser:
                raise ConfigError(f"{self.path / 'config.yaml'}: has no {key}; {MEND}")
        if ":" not in str(parser["arch"]):
            parser["arch"] = f"{of['plugin']}:{parser['arch']}"  # another plugin may have claimed the plain name since
        parser["pretrained"] = "none"  # the run's own weights follow, and the file may be gone
        parser["freeze"] = False
        parser["shape"] = {"_target_": "monaiseg.data.CaseShape", **self.shape}  # not what other cases have
        try:
            network: nn.Module = parser.get_parsed_content("network_def")
        except NameNotFound as error:
            raise NameNotFound(f"{error}; pip install {of['distribution']}=={of['version']}") from error
        path = self.path / "model.pt"
        try:
            network.load_state_dict(read_tensors(path))
        except ConfigError:
            raise
        except Exception as error:
            raise ConfigError(f"{path}: cannot be loaded into {of['arch']!r}: {first_line(error)}") from error
        return network

    def cases(
        self, data_root: str = SAME, layout: str = SAME, fold: int | str = SAME, classes: Any = SAME
    ) -> CaseSplit:
        """Return the run's own cases, another fold of them, or all cases of another folder (or a fold of those).

        A run that was trained by a split file has its own copy of it. Where that, or the folder, has a part for
        testing, the fold `"test"` is that part. How many of the cases trained the run is said.

        Raises:
            ConfigError: there is no such fold.
            DataError: the run's files have changed, or the other folder has other classes.
        """
        own = data_root == SAME
        where: dict[str, Any] = {"data_root": self._split["root"] if own else data_root}
        where["layout"] = (self.config["layout"] if own else "auto") if layout == SAME else layout
        where["classes"] = self.config["classes"] if classes == SAME else classes
        number: Any = self.config["fold"] if fold == SAME else fold
        chosen: dict[str, Any] = {"part": TEST} if fold == TEST else {"fold": number}
        policy = {"unreadable": self.config["unreadable"]} if own and "unreadable" in self.config else {}
        if own and "file" in self._split:
            cases = load_cases(**where, **chosen, **policy, split=str(self.path / "split.json"))
        elif not own and fold == SAME:
            cases = all_cases(**where)
        else:
            cases = load_cases(**where, **chosen, **policy, split_seed=self.config["split_seed"])
        if own and "file" not in self._split:
            self._check_files(cases, fold == TEST)
        self._check_classes(cases)
        return replace(cases, trained_on=0 if fold == TEST else self._trained_on(cases))

    def _check_files(self, cases: CaseSplit, test_part: bool) -> None:
        record, trained = cases.record(), set(self._split["train"])
        if not trained <= set(record["train"]) if test_part else record["hash"] != self._split["hash"]:
            raise DataError(
                f"{cases.root}: its files have changed since the training, so that training cases might be scored; "
                "restore them, or give --data_root to score all cases of a folder"
            )

    def _check_classes(self, cases: CaseSplit) -> None:
        trained, there = self.classes.names, cases.classes.names
        if len(trained) != len(there) or (len(trained) > 1 and trained != there):
            raise DataError(
                f"{cases.root}: has the classes {', '.join(there)}, the run {', '.join(trained)}; say with --classes "
                "which is which, or give another --data_root"
            )

    def _trained_on(self, cases: CaseSplit) -> int:
        """Return how many of the validation cases trained the run, and say so where there are any."""
        trained = set(self._split["train"])
        if str(cases.root.resolve()) != self._split["root"] or trained == {case["id"] for case in cases.train}:
            return 0  # by the same split both sides are apart, though their ids may be alike
        count = len(_again("train", trained, cases))
        if count:
            print(
                f"data: WARNING: {count} of these {len(cases.validation)} cases trained the run; what it scores on "
                "them says nothing of others"
            )
        return count

    def read_case(self, cases: CaseSplit | None = None, instances: bool = False) -> ReadCase:
        """Return the step that reads a case as the run did, with the labels as those `cases` have them.

        Args:
            cases: see above.
            instances: whether objects are to be told apart.
        """
        classes = self.classes if cases is None else cases.classes
        return ReadCase(**self.shape, classes=classes, instances=instances)

    def instance_plan(
        self, cases: CaseSplit | None = None, decoder: str = SAME, thresholds: Mapping[str, Any] | None = None
    ) -> InstancePlan:
        """Return how the run tells objects apart: as it was tuned, which is said, else as it was trained.

        Args:
            cases: what is evaluated; where the plan was tuned on some of them, that is said too.
            decoder: another one, with its default thresholds.
            thresholds: those that shall be others.

        Raises:
            ConfigError: what was tuned cannot be read, or is of another run; the decoder needs channels that the
                network has not, or there is no such threshold.
        """
        if not isinstance(thresholds, Mapping | None):
            raise ConfigError(f"thresholds is {thresholds!r}; it must be a mapping such as {{'depth': 0.2}}")
        plan = self._plan_as_tuned(cases) if decoder == SAME else self._plan_as_trained()
        return plan.changed(plan.decoder if decoder == SAME else decoder, thresholds or {})

    def _plan_as_trained(self) -> InstancePlan:
        with naming(self.path / "run.json"):
            return instance_plan(self.config.get("instances", "none"))

    def _plan_as_tuned(self, cases: CaseSplit | None) -> InstancePlan:
        trained, path = self._plan_as_trained(), self.path / TUNED
        if not path.is_file():
            return trained
        with naming(path, "remove it, or evaluate with --tune True"):
            record = read_json(path)
            plan, tuned = InstancePlan.from_record(record), record["tuned"]
            plan = plan.changed(plan.decoder, record["thresholds"])
            on, fitted = set(tuned["cases"]), float(tuned["cross_fitted"]["ap50"])
            root, split = tuned["root"], tuned["split"]
        if plan.channels != trained.channels:
            raise ConfigError(f"{path}: is of a run with other channels; remove it, or evaluate with --tune True")
        seen: set[str] = set()
        if cases and str(cases.root.resolve()) == root and cases.origin["split"] in (split, ALL):
            seen = _again("validation", on, cases)
        plan = replace(plan, tuned=TunedOn(len(on), len(seen), fitted))
        print(f"objects: {plan.told()} ({path})")
        return plan

    def expected_dice(self, *given: Any) -> float | None:
        """Return the training's best Dice, or None where one of the `given` keys is not the run's own."""
        best = self._facts.get("best")
        with naming(self.path / "run.json"):
            return float(best["dice"]) if best and all(value == SAME for value in given) else None


def _again(part: str, ids: set[str], cases: CaseSplit) -> set[str]:
    """Return which validation cases those with these ids are, which were in that part of the same root."""
    there = {case["id"] for case in cases.validation}
    whole = {f"{part}_{name}" for name in ids}  # as ids are where a folder that comes split is taken as a whole
    return whole if whole <= there else ids & there


def _newest(output_dir: Path) -> Path:
    models = sorted(output_dir.glob("*/model.pt"), key=lambda path: path.stat().st_mtime)
    if not models:
        raise ConfigError(f"output_dir {output_dir}: no run with a model.pt in it; give one with --model")
    return models[-1].parent
