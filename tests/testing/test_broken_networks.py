"""Each broken network fails the check of the promise that it breaks, and no other; sound ones pass all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from strangers import entry_module, on_path, write_distribution

from monaiseg.testing import Suite, checks

pytestmark = pytest.mark.usefixtures("strangers")

SOURCE = Path(__file__).with_name("broken_networks.py")


class Toy(NamedTuple):
    """A network of `broken_networks` and what its spec says; `check` is the one that it fails."""

    builder: str
    check: str = ""
    fields: str = ""
    dims: tuple[int, ...] = (2,)
    plugin: str = "broken"

    def spec(self, name: str) -> str:
        build = f"broken_networks:{self.builder}"
        return f"NetworkSpec(name={name!r}, build={build!r}, summary='A toy.', spatial_dims={self.dims}, {self.fields})"


DEEP = "deep_supervision=True"
TOYS = {
    "sound": Toy("Sound", dims=(2, 3)),
    "deep": Toy("Deep", fields=DEEP, dims=(2, 3)),
    "sigmoid_expected": Toy("EndsInSigmoid", fields="expected_failures={'logits': 'by design'}"),
    "sigmoid_expected_in_2d": Toy("EndsInSigmoid", fields="expected_failures={'logits-2d': 'by design'}", dims=(2, 3)),
    "nothing_to_expect": Toy("Sound", fields="expected_failures={'logits': 'a sigmoid'}"),
}
BROKEN = {
    "found_only_here": Toy("Sound", "entry_point", plugin="shy"),
    "imported_with_torch": Toy("Sound", "entry_without_torch", plugin="hasty"),
    "prints": Toy("Prints", "quiet"),
    "opens_file": Toy("OpensFile", "self_contained"),
    "opens_socket": Toy("OpensSocket", "self_contained"),
    "asks_for_gpu": Toy("AsksForGpu", "self_contained"),
    "any_option": Toy("AnyOption", "options"),
    "by_position": Toy("ByPosition", "options"),
    "undeclared_deep_supervision": Toy("Deep", "options"),
    "divisor_of_zero": Toy("Sound", "declarations", "size_divisor=0"),
    "divisor_that_raises": Toy("Sound", "declarations", "size_divisor=lambda options: options['levels']"),
    "expects_no_check": Toy("Sound", "declarations", "expected_failures={'onyx': 'black'}"),
    "flat_only": Toy("FlatOnly", "builds-3d", dims=(2, 3)),
    "heavy": Toy("Heavy", "tiny-2d", "tiny={'width': 6}"),
    "list_in_evaluation": Toy("ListInEvaluation", "evaluation-2d", DEEP),
    "one_class_squeezed": Toy("OneClassSqueezed", "channels-2d"),
    "even_sizes_only": Toy("EvenSizesOnly", "sizes-2d", "size_divisor=2, min_size=2"),
    "transposes_images": Toy("TransposesImages", "sizes-2d"),
    "statistics_of_the_batch": Toy("StatisticsOfTheBatch", "batch-2d", "min_size=2"),
    "ends_in_sigmoid": Toy("EndsInSigmoid", "logits-2d"),
    "ends_in_softmax": Toy("EndsInSoftmax", "logits-2d"),
    "ends_in_tanh": Toy("EndsInTanh", "logits-2d"),
    "ends_in_relu": Toy("EndsInRelu", "logits-2d"),
    "sigmoid_in_evaluation": Toy("SigmoidInEvaluation", "logits-2d"),
    "sigmoid_in_second_head": Toy("SigmoidInSecondHead", "logits-2d", DEEP),
    "shallow_first": Toy("ShallowFirst", "training_outputs-2d", DEEP),
    "coarse_head": Toy("CoarseHead", "training_outputs-2d", DEEP),
    "undeclared_output": Toy("UndeclaredOutput", "training_outputs-2d"),
    "divides_by_more": Toy("DividesByMore", "size_divisor-2d", "size_divisor=4"),
    "two_images_at_most": Toy("TwoImagesAtMost", "sliding_window-2d"),
    "unused_head": Toy("UnusedHead", "gradients-2d"),
    "spoils_constants": Toy("SpoilsConstants", "flat_image-2d"),
    "skips_its_norm": Toy("SkipsItsNorm", "ddp-2d"),
    "deaf": Toy("Deaf", "overfits-2d"),
    "drops_in_evaluation": Toy("DropsInEvaluation", "repeatable-2d"),
    "changes_its_input": Toy("ChangesItsInput", "input_kept-2d"),
    "unseeded_weights": Toy("UnseededWeights", "seed-2d"),
    "seed_of_its_own": Toy("SeedOfItsOwn", "seed-2d"),
    "hidden_state": Toy("HiddenState", "state_dict-2d"),
    "keeps_features": Toy("KeepsFeatures", "deepcopy-2d"),
    "mixes_types": Toy("MixesTypes", "bf16-2d"),
    "views": Toy("Views", "channels_last-2d"),
    "narrow_strided": Toy("NarrowStrided", "channels_last-2d", "size_divisor=2"),
    "branches_on_values": Toy("BranchesOnValues", "export-2d"),
    "one_side_as_number": Toy("OneSideAsNumber", "export_dynamic-2d"),
    "beyond_onnx": Toy("BeyondOnnx", "onnx-2d"),
    "otherwise_when_traced": Toy("OtherwiseWhenTraced", "torchscript-2d"),
    "otherwise_when_compiled": Toy("OtherwiseWhenCompiled", "compile"),
}
TWISTS = {
    "broken": lambda source: source,
    "hasty": lambda source: f"import torch\n{source}",
    "shy": lambda source: source.replace("    yield", "    import sys\n    if 'pytest' in sys.modules:\n        yield"),
}
"""What is done to the entry module of each plugin."""


def write_strangers(folder: Path) -> Path:
    """Write the three plugins with all these networks."""
    (folder / SOURCE.name).write_text(SOURCE.read_text())
    for plugin, twist in TWISTS.items():
        specs = [toy.spec(name) for name, toy in (TOYS | BROKEN).items() if toy.plugin == plugin]
        entry = {f"{plugin}_entry.py": twist(entry_module(*specs))}
        write_distribution(folder, f"{plugin}-dist", entry_points={plugin: f"{plugin}_entry"}, modules=entry)
    return folder


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with on_path(write_strangers(tmp_path_factory.mktemp("strangers"))):
        yield


IN_A_PROCESS = {"entry_point", "entry_without_torch", "quiet", "self_contained"}
SLOW = {"onnx", "onnx_dynamic", "compile"}


def left_out(check: str) -> set[str]:
    """The checks that take seconds, unless one of their kind is aimed at."""
    aimed = check.partition("-")[0]
    # To export is quick; what follows on it is not.
    return (IN_A_PROCESS if aimed not in IN_A_PROCESS else set()) | (SLOW - {aimed, f"{aimed}_dynamic"})


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_network_fails_its_check_and_no_other(name):
    check = BROKEN[name].check
    results = list(Suite(name, skip=left_out(check)))
    assert {result.id: result.message for result in results if result.status == "failed"}.keys() == {check}
    assert {result.status for result in results} <= {"passed", "failed", "skipped"}
    passed = {result.check for result in results if result.status == "passed"}
    # Where it can be built and repeats itself, hardly anything means nothing.
    assert len(passed) >= (10 if check == "repeatable-2d" else 17), passed


def test_every_promise_is_broken_by_somebody():
    broken = {toy.check.partition("-")[0] for toy in BROKEN.values()}
    # It comes after `onnx`, and nobody was found who breaks it alone.
    assert {check.name for check in checks("network")} - broken == {"onnx_dynamic"}


@pytest.mark.parametrize("name", ["sound", "deep"])
def test_a_sound_network_passes_all(name):
    results = list(Suite(name, skip=["compile"]))
    assert {result.id: result.message for result in results if result.status == "failed"} == {}
    skipped = {result.check for result in results if result.status == "skipped"}
    assert skipped == {"tiny", "size_divisor"}, "it has no tiny options and pads nothing"


def test_an_expected_failure_is_told_with_its_reason():
    result = Suite("sigmoid_expected").result("logits-2d")
    assert result.status == "expected"
    assert result.message.startswith("by design (all of evaluation is between 0 and 1")


def test_a_failure_may_be_expected_in_one_number_of_dimensions():
    suite = Suite("sigmoid_expected_in_2d", only=["logits"])
    assert {result.id: result.status for result in suite} == {"logits-2d": "expected", "logits-3d": "failed"}


def test_what_builds_on_an_expected_failure_is_left_out():
    result = Suite("sigmoid_expected").result("overfits-2d")
    assert (result.status, result.message) == ("skipped", "means nothing while logits-2d fails")


def test_an_expected_failure_that_passes_is_a_failure():
    result = Suite("nothing_to_expect").result("logits-2d")
    assert result.status == "failed"
    assert result.message == "it passes: remove it from expected_failures (a sigmoid)"
