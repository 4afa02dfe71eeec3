"""Writes saliency.json: what pysodmetrics 1.4.2 gives for the maps of `saliency_maps`, to compare ours with anywhere.

It cannot be a dependency of the tests, for it pins its own dependencies. Run from a checkout, with it installed:
`PYTHONPATH=tests python tests/metrics/recorded/record_saliency.py`.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import py_sod_metrics
from saliency_maps import COUNT, grey_pair

NAMES = ("s_measure", "weighted_f", "mae", "e_mean", "e_max", "dice_over_thresholds", "iou_over_thresholds")


def reckoned(grey: npt.NDArray[np.floating | np.uint8], truth: npt.NDArray[np.bool_]) -> list[float]:
    """Return the measures of `NAMES` of a map of 0..255."""
    structure, weighted, error = py_sod_metrics.Smeasure(), py_sod_metrics.WeightedFmeasure(), py_sod_metrics.MAE()
    alignment = py_sod_metrics.Emeasure()
    handlers = {"dice": py_sod_metrics.DICEHandler(True, False), "iou": py_sod_metrics.IOUHandler(True, False)}
    overlap = py_sod_metrics.FmeasureV2(handlers)
    for measure in (structure, weighted, error, alignment, overlap):
        measure.step(grey, truth * 255)
    curves = [alignment.get_results()["em"]["curve"]] + [overlap.get_results()[name]["dynamic"] for name in handlers]
    whole = [structure.get_results()["sm"], weighted.get_results()["wfm"], error.get_results()["mae"]]
    return [float(value) for value in (*whole, curves[0].mean(), curves[0].max(), curves[1].mean(), curves[2].mean())]


def main() -> None:
    """Write the file beside this one."""
    rows = [reckoned(*grey_pair(seed)) for seed in range(COUNT)]
    lines = ",\n".join(json.dumps([float(f"{value:.10f}") for value in row]) for row in rows)
    text = f'{{"names": {json.dumps(NAMES)},\n"rows": [\n{lines}\n]}}\n'
    (Path(__file__).parent / "saliency.json").write_text(text)


if __name__ == "__main__":
    main()
