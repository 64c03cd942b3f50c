# /// script
# requires-python = "==3.11.*"
# dependencies = ["numpy==2.4.6", "scikit-learn==1.9.1", "scipy==1.17.1"]
# ///
"""The Python side of benches/benches/evaluation.rs, which writes its data into a folder and runs this on them.

    HELM_BENCH_PYTHON=python cargo bench --package helm-benches --bench evaluation

The paired bootstrap is what people write: scikit-learn's `roc_auc_score` in a loop over resampled indices. 30
replicates are timed, and scaled to 1000. DeLong's variance is Sun and Xu's algorithm with numpy and scipy's `rankdata`.
Of every other task the best of some runs counts. Prints JSON, times in seconds.
"""

import importlib.metadata
import json
import pathlib
import sys
import time
from collections.abc import Callable

import numpy
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

VERSIONS = {"numpy": "2.4.6", "scikit-learn": "1.9.1", "scipy": "1.17.1"}
REPLICATES, TIMED = 1000, 30


def read(folder: pathlib.Path, n: int) -> tuple[numpy.ndarray, list[numpy.ndarray]]:
    labels = numpy.fromfile(folder / f"{n}_labels", dtype=numpy.uint8)
    return labels, [numpy.fromfile(folder / f"{n}_scores_{model}", dtype="<f8") for model in range(2)]


def seconds(runs: int, task: Callable[[], object]) -> float:
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        task()
        times.append(time.perf_counter() - begin)
    return min(times)


def delong(labels: numpy.ndarray, scores: numpy.ndarray) -> tuple[float, float]:
    cases, controls = scores[labels == 1], scores[labels == 0]
    m, n = len(cases), len(controls)
    ranks = rankdata(numpy.concatenate([cases, controls]))
    of_cases = (ranks[:m] - rankdata(cases)) / n
    of_controls = 1 - (ranks[m:] - rankdata(controls)) / m
    return of_cases.mean(), of_cases.var(ddof=1) / m + of_controls.var(ddof=1) / n


def main() -> None:
    for name, version in VERSIONS.items():
        assert importlib.metadata.version(name) == version, name
    folder = pathlib.Path(sys.argv[1])
    labels, scores = read(folder, 100_000)
    rng = numpy.random.default_rng(0)
    cases, controls = numpy.flatnonzero(labels == 1), numpy.flatnonzero(labels == 0)

    def replicate() -> float:
        rows = numpy.concatenate([rng.choice(cases, len(cases)), rng.choice(controls, len(controls))])
        a, b = (roc_auc_score(labels[rows], column[rows]) for column in scores)
        return a - b

    begin = time.perf_counter()
    for _ in range(TIMED):
        replicate()
    paired = (time.perf_counter() - begin) * REPLICATES / TIMED
    labels, scores = read(folder, 1_000_000)
    print(json.dumps({
        "versions": VERSIONS, "paired_bootstrap_seconds": paired, "auroc": float(roc_auc_score(labels, scores[0])),
        "auroc_seconds": seconds(3, lambda: roc_auc_score(labels, scores[0])),
        "delong_seconds": seconds(3, lambda: delong(labels, scores[0])),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
