# /// script
# requires-python = "==3.11.*"
# dependencies = ["numpy==2.4.6", "scikit-learn==1.9.1", "scipy==1.17.1", "xgboost-cpu==3.1.2"]
# ///
"""The Python side of benches/benches/baselines.rs: scikit-learn and XGBoost on the rows in a folder.

    HELM_BENCH_PYTHON=python cargo bench --package helm-benches --bench baselines

Logistic regression (C = 1, the default solver) on standardised features; XGBoost with 150 trees of depth 3 at a rate of
0.05 from histograms. Each fits and gives the log-odds of all rows; the median of three rounds after one. Prints JSON.
"""

import importlib.metadata
import json
import pathlib
import statistics
import sys
import time

import numpy
import xgboost
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

VERSIONS = {"numpy": "2.4.6", "scikit-learn": "1.9.1", "xgboost-cpu": "3.1.2"}
ROUNDS = 3


def main() -> None:
    for name, version in VERSIONS.items():
        assert importlib.metadata.version(name) == version, name
    folder, threads = pathlib.Path(sys.argv[1]), int(sys.argv[2])

    def logistic(rows: numpy.ndarray, labels: numpy.ndarray) -> numpy.ndarray:
        return make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, labels).decision_function(rows)

    def boosting(rows: numpy.ndarray, labels: numpy.ndarray) -> numpy.ndarray:
        settings = {"n_estimators": 150, "max_depth": 3, "learning_rate": 0.05, "tree_method": "hist"}
        model = xgboost.XGBClassifier(**settings, n_jobs=threads).fit(rows, labels)
        return model.predict(rows, output_margin=True)

    found = []
    with threadpool_limits(threads):
        for n, width in (map(int, size.split("x")) for size in sys.argv[3:]):
            rows = numpy.fromfile(folder / f"{n}_rows", dtype="<f8").reshape(n, width)
            labels = numpy.fromfile(folder / f"{n}_labels", dtype=numpy.uint8)
            for model in (logistic, boosting):
                times = []
                for _ in range(ROUNDS + 1):
                    begin = time.perf_counter()
                    scores = model(rows, labels)
                    times.append(time.perf_counter() - begin)
                seconds, auroc = statistics.median(times[1:]), float(roc_auc_score(labels, scores))
                found.append({"n": n, "model": model.__name__, "seconds": seconds, "auroc": auroc})
    print(json.dumps(found))


if __name__ == "__main__":
    main()
