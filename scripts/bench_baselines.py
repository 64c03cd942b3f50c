# /// script
# requires-python = "==3.11.*"
# dependencies = ["numpy==2.4.6", "scikit-learn==1.9.1", "scipy==1.17.1", "threadpoolctl==3.8.0", "xgboost-cpu==3.1.2"]
# ///
"""The Python side of benches/benches/baselines.rs: scikit-learn and XGBoost on the rows in a folder.

    HELM_BENCH_PYTHON=python cargo bench --package helm-benches --bench baselines

Logistic regression (C = 1) on standardised features, to a gradient of 1e-8 as helm-eval's, by the default solver; XGBoost
with 150 trees of depth 3 at a rate of 0.05 from histograms. Both fit and give the log-odds of all rows.

Reads tasks, a JSON line each, and answers each with a JSON line of seconds and log-odds.
"""

import importlib.metadata
import json
import pathlib
import sys
import time

import numpy
import xgboost
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

VERSIONS = {"numpy": "2.4.6", "scikit-learn": "1.9.1", "xgboost-cpu": "3.1.2"}


def logistic(rows: numpy.ndarray, labels: numpy.ndarray) -> numpy.ndarray:
    model = make_pipeline(StandardScaler(), LogisticRegression(tol=1e-8, max_iter=1000))
    return model.fit(rows, labels).decision_function(rows)


def boosting(rows: numpy.ndarray, labels: numpy.ndarray) -> numpy.ndarray:
    settings = {"n_estimators": 150, "max_depth": 3, "learning_rate": 0.05, "tree_method": "hist"}
    model = xgboost.XGBClassifier(**settings, n_jobs=int(sys.argv[2])).fit(rows, labels)
    return model.predict(rows, output_margin=True)


def main() -> None:
    for name, version in VERSIONS.items():
        assert importlib.metadata.version(name) == version, name
    folder = pathlib.Path(sys.argv[1])
    with threadpool_limits(int(sys.argv[2])):
        for line in sys.stdin:
            task = json.loads(line)
            n, model = task["n"], {"logistic": logistic, "boosting": boosting}[task["model"]]
            rows = numpy.fromfile(folder / f"{n}_rows", dtype="<f8").reshape(n, -1)
            labels = numpy.fromfile(folder / f"{n}_labels", dtype=numpy.uint8)
            begin = time.perf_counter()
            log_odds = model(rows, labels)
            seconds = time.perf_counter() - begin
            print(json.dumps({"seconds": seconds, "log_odds": log_odds.astype(float).tolist()}), flush=True)


if __name__ == "__main__":
    main()
