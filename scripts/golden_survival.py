# /// script
# requires-python = "==3.11.*"
# dependencies = ["numpy==2.4.6", "scikit-survival==0.28.0"]
# ///
"""Makes the reference numbers of helm-eval's concordance: scikit-survival's `concordance_index_censored` (Harrell) and
`concordance_index_ipcw` (Uno).

    python scripts/golden_survival.py --out DIR

DIR is the repository (or any folder). Written: helm-eval/tests/it/golden/survival.json. Counting in f64: 1e-9 is ample.
scikit-survival takes scores nearer than `tied_tol` for ties; the scores here have one or two decimals.
"""

import argparse
import importlib.metadata
import json
import pathlib

import numpy
from sksurv.metrics import concordance_index_censored, concordance_index_ipcw
from sksurv.util import Surv

VERSIONS = {"numpy": "2.4.6", "scikit-survival": "0.28.0"}


def concordance(seed: int, n: int, decimals: int, time_decimals: int) -> dict:
    """Follow-up with ties of times and of scores, where rounding is coarse."""
    rng = numpy.random.default_rng(seed)
    scores = rng.normal(size=n).round(decimals)
    times = rng.exponential(numpy.exp(-0.8 * scores)).round(time_decimals) + 0.1
    censored = rng.exponential(1.5, size=n).round(time_decimals) + 0.1
    events = times <= censored
    times = numpy.minimum(times, censored).round(time_decimals + 1)
    # Uno's weights need a last person of whom it is known that an event came.
    events[times == times.max()] = True
    survival = Surv.from_arrays(events, times)
    index, concordant, discordant, tied, _ = concordance_index_censored(events, times, scores)
    horizon = float(numpy.quantile(times, 0.7).round(time_decimals) + 0.05)
    return {
        "times": times.tolist(), "events": events.astype(int).tolist(), "scores": scores.tolist(),
        "harrell": float(index), "concordant": int(concordant), "discordant": int(discordant), "tied": int(tied),
        "horizon": horizon, "uno": float(concordance_index_ipcw(survival, survival, scores)[0]),
        "uno_horizon": float(concordance_index_ipcw(survival, survival, scores, tau=horizon)[0]),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    for name, version in VERSIONS.items():
        assert importlib.metadata.version(name) == version, name
    document = {
        "about": "Reference numbers made by scripts/golden_survival.py, which says what they are and how near to come.",
        "versions": VERSIONS,
        "cohorts": [concordance(1, 60, 2, 3), concordance(2, 80, 1, 1), concordance(3, 150, 0, 1)],
    }
    golden = arguments.out / "helm-eval" / "tests" / "it" / "golden" / "survival.json"
    golden.write_text(json.dumps(document) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
