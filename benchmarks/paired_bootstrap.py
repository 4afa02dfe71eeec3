"""By how much a run beats its baseline: the mean difference over its cases with a paired bootstrap 95 % interval.

python -m benchmarks.paired_bootstrap runs/RUN/cases.csv
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
from scipy import stats


def main() -> None:
    rows = list(csv.DictReader(Path(sys.argv[1]).read_text().splitlines()))
    for score in ("dice", "iou"):
        network, baseline = (np.array([float(row[key]) for row in rows]) for key in (score, f"baseline_{score}"))
        interval = stats.bootstrap((network - baseline,), np.mean, rng=np.random.default_rng(0)).confidence_interval
        print(
            f"{score}: {network.mean():.4f}, baseline {baseline.mean():.4f}, difference "
            f"{(network - baseline).mean():+.4f} [{interval.low:+.4f}, {interval.high:+.4f}] over {len(rows)} cases"
        )


if __name__ == "__main__":
    main()
