# /// script
# requires-python = "==3.11.*"
# dependencies = ["numpy==2.4.6", "scikit-learn==1.9.1", "scipy==1.17.1", "xgboost-cpu==3.1.2"]
# ///
"""Makes the reference numbers of helm-eval that scikit-learn and XGBoost have.

    python scripts/golden_eval.py --out DIR [--tables TABLES]

DIR is the repository (or any folder). Written: helm-eval/tests/it/golden/sklearn.json; with TABLES also nhanes.json.

Everything is f64 on small made-up tables, drawn from a fixed seed and rounded, so that the inputs stand in the file
itself. Discrimination is exact counting: 1e-9 is ample. scikit-learn's logistic regression stops where the gradient
falls below 1e-12 here; helm-eval's optimiser stops earlier, so 1e-3 of the largest coefficient is asked of it and 1e-4
of an AUROC. Calibration is a maximum likelihood on one number, to 1e-7; scikit-learn's Platt scaling stops early, so
that 1e-3 is asked there.

TABLES holds the tables of NHANES 2011-2012 that the test `nhanes::table` writes, with its features and folds:

    HELM_TEST_DATA=… HELM_TABLES=TABLES cargo test --release --package helm-eval --test it nhanes::table

Of each, nhanes.json has the AUROC of pooled out-of-fold log-odds: scikit-learn's logistic regression (C = 1) on
standardised features and XGBoost (150 trees of depth 3 at a rate of 0.05), missing numbers at the training mean, and
the standard error of the difference between XGBoost's AUROC and that of our boosting (DeLong, DeLong and
Clarke-Pearson 1988).
"""

import argparse
import csv
import json
import math
import pathlib

import numpy
import scipy
import scipy.optimize
import sklearn
from sklearn.calibration import _sigmoid_calibration
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    auc, average_precision_score, brier_score_loss, log_loss, precision_recall_curve, roc_auc_score, roc_curve,
)  # fmt: skip

VERSIONS = {"numpy": "2.4.6", "scikit-learn": "1.9.1", "scipy": "1.17.1", "xgboost-cpu": "3.1.2"}
MAX_FALSE_POSITIVE_RATES = [0.05, 0.1, 0.3, 0.5, 0.9, 1.0]


def logistic(rng: numpy.random.Generator) -> dict:
    """Fits with a missing value in every tenth place, at the mean of what is there."""
    n, width = 60, 3
    x = (rng.normal(size=(n, width)) * [1, 10, 0.1] + [0, 50, 1]).round(3)
    log_odds = 0.8 * x[:, 0] - 0.08 * (x[:, 1] - 50) - 0.5
    y = (rng.uniform(size=n) < 1 / (1 + numpy.exp(-log_odds))).astype(int)
    missing = rng.uniform(size=(n, width)) < 0.1
    holes = numpy.where(missing, numpy.nan, x)
    filled = numpy.where(missing, numpy.nanmean(holes, axis=0), x)
    # Means and standard deviations of what is there, which is what helm_core::Standardizer learns.
    standardised = (filled - numpy.nanmean(holes, axis=0)) / numpy.nanstd(holes, axis=0)
    fits = []
    for c in (0.01, 1.0, 100.0):
        model = LogisticRegression(C=c, tol=1e-12, max_iter=100_000, solver="newton-cholesky").fit(standardised, y)
        scores = model.decision_function(standardised)
        fits.append({
            "c": c, "coefficients": model.coef_[0].tolist(), "intercept": float(model.intercept_[0]),
            "log_odds": scores[:10].tolist(), "auroc": float(roc_auc_score(y, scores)),
        })  # fmt: skip
    return {
        "rows": [[None if hole else value for value, hole in zip(row, gone)]
                 for row, gone in zip(x.tolist(), missing.tolist())],
        "labels": y.tolist(), "fits": fits,
    }  # fmt: skip


def discrimination(rng: numpy.random.Generator, n: int, decimals: int) -> dict:
    """Areas with and without weights; coarse rounding makes ties."""
    y = (rng.uniform(size=n) < 0.35).astype(int)
    scores = (rng.normal(size=n) + 0.9 * y).round(decimals)
    weights = numpy.where(rng.uniform(size=n) < 0.15, 0.0, rng.uniform(0.1, 5, size=n)).round(2)

    def areas(keep: numpy.ndarray, weight: numpy.ndarray | None) -> dict:
        y_kept, scores_kept = y[keep], scores[keep]
        precision, recall, _ = precision_recall_curve(y_kept, scores_kept, sample_weight=weight)
        false_positive, true_positive, _ = roc_curve(y_kept, scores_kept, sample_weight=weight)
        return {
            "auroc": float(roc_auc_score(y_kept, scores_kept, sample_weight=weight)),
            "trapezoid_of_curve": float(auc(false_positive, true_positive)),
            "average_precision": float(average_precision_score(y_kept, scores_kept, sample_weight=weight)),
            "trapezoid_pr": float(auc(recall, precision)),
            "partial": [float(roc_auc_score(y_kept, scores_kept, sample_weight=weight, max_fpr=limit))
                        for limit in MAX_FALSE_POSITIVE_RATES],
        }  # fmt: skip

    return {
        "labels": y.tolist(), "scores": scores.tolist(), "weights": weights.tolist(),
        "unweighted": areas(numpy.full(n, True), None), "weighted": areas(weights > 0, weights[weights > 0]),
    }  # fmt: skip


def calibration(rng: numpy.random.Generator, n: int) -> dict:
    """Fits on log-odds that are too large and too high; standard errors from the inverse of the Hessian."""
    log_odds = (rng.normal(size=n) * 2 + 0.5).round(2)
    risks = (1 / (1 + numpy.exp(-log_odds))).round(6)
    y = (rng.uniform(size=n) < 1 / (1 + numpy.exp(-(0.6 * log_odds - 0.4)))).astype(int)
    exact = numpy.log(risks / (1 - risks))

    def sigmoid(h: numpy.ndarray) -> numpy.ndarray:
        return 1 / (1 + numpy.exp(-h))

    intercept = scipy.optimize.brentq(lambda a: float((sigmoid(a + exact) - y).sum()), -20, 20, xtol=1e-14)
    p = sigmoid(intercept + exact)
    model = LogisticRegression(C=math.inf, tol=1e-12, max_iter=100_000, solver="newton-cholesky")
    model.fit(exact[:, None], y)
    q = model.predict_proba(exact[:, None])[:, 1]
    design = numpy.stack([numpy.ones(n), exact])
    covariance = numpy.linalg.inv((design * (q * (1 - q))) @ design.T)
    slope = scipy.optimize.brentq(lambda b: float(((sigmoid(b * log_odds) - y) * log_odds).sum()), 0.01, 10, xtol=1e-14)
    minus_slope, minus_intercept = _sigmoid_calibration(log_odds, y)
    isotonic = IsotonicRegression(out_of_bounds="clip").fit(log_odds, y)
    grid = numpy.linspace(-6, 7, 53).round(2)
    return {
        "log_odds": log_odds.tolist(), "risks": risks.tolist(), "labels": y.tolist(),
        "brier": float(brier_score_loss(y, risks)), "log_loss": float(log_loss(y, risks)),
        "intercept": intercept, "intercept_standard_error": float((p * (1 - p)).sum() ** -0.5),
        "slope": float(model.coef_[0, 0]), "slope_standard_error": float(covariance[1, 1] ** 0.5),
        "slope_intercept": float(model.intercept_[0]),
        "temperature_slope": slope, "platt_slope": -float(minus_slope), "platt_intercept": -float(minus_intercept),
        "grid": grid.tolist(), "isotonic": isotonic.predict(grid).tolist(),
    }  # fmt: skip


def placements(y: numpy.ndarray, scores: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
    """For each case the share of controls below it, for each control the share of cases above it; ties count half."""
    cases, controls = scores[y == 1], scores[y == 0]
    higher = (cases[:, None] > controls) + 0.5 * (cases[:, None] == controls)
    return higher.mean(axis=1), higher.mean(axis=0)


def nhanes(tables: pathlib.Path) -> list[dict]:
    """The peers of our baselines on the tables that the test nhanes::table wrote."""
    import xgboost

    assert xgboost.__version__ == VERSIONS["xgboost-cpu"]
    tasks = []
    for path in sorted(tables.glob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        assert header[:3] == ["label", "fold", "boosting"]
        table = numpy.array([[float(cell) if cell else numpy.nan for cell in row] for row in rows if row[0]])
        y, fold, ours, x = table[:, 0].astype(int), table[:, 1], table[:, 2], table[:, 3:]
        scores = {"logistic": numpy.zeros(len(y)), "xgboost": numpy.zeros(len(y))}
        for test in (fold == each for each in numpy.unique(fold)):
            mean, deviation = numpy.nanmean(x[~test], axis=0), numpy.nanstd(x[~test], axis=0)
            z = (numpy.where(numpy.isnan(x), mean, x) - mean) / deviation
            logistic = LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000).fit(z[~test], y[~test])
            scores["logistic"][test] = logistic.decision_function(z[test])
            trees = xgboost.XGBClassifier(n_estimators=150, max_depth=3, learning_rate=0.05, tree_method="hist")
            trees.fit(z[~test], y[~test])
            scores["xgboost"][test] = trees.predict(z[test], output_margin=True)
        spread = zip(placements(y, scores["xgboost"]), placements(y, ours))
        variance = sum(numpy.var(theirs - own, ddof=1) / len(own) for theirs, own in spread)
        _, outcome, features = path.stem.split(" ")
        tasks.append({
            "outcome": outcome, "features": features, "cases": int(y.sum()), "controls": int((1 - y).sum()),
            "logistic": float(roc_auc_score(y, scores["logistic"])),
            "xgboost": float(roc_auc_score(y, scores["xgboost"])), "boosting_standard_error": float(variance**0.5),
        })  # fmt: skip
    return tasks


def plain(value):
    """Floats to twelve digits."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, float):
        assert math.isfinite(value)
        return float(f"{value:.12g}")
    return value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--tables", type=pathlib.Path)
    arguments = parser.parse_args()
    for name, module in (("numpy", numpy), ("scikit-learn", sklearn), ("scipy", scipy)):
        assert module.__version__ == VERSIONS[name], name
    about = "Reference numbers made by scripts/golden_eval.py, which says what they are and how near to come."
    write(arguments.out, "sklearn.json", {
        "about": about,
        "versions": {name: VERSIONS[name] for name in ("numpy", "scikit-learn", "scipy")},
        "max_false_positive_rates": MAX_FALSE_POSITIVE_RATES,
        "logistic": logistic(numpy.random.default_rng(1)),
        "discrimination": [
            discrimination(numpy.random.default_rng(2), n=40, decimals=0),
            discrimination(numpy.random.default_rng(3), n=60, decimals=3),
        ],
        "calibration": calibration(numpy.random.default_rng(4), n=100),
    })  # fmt: skip
    if arguments.tables is not None:
        write(arguments.out, "nhanes.json", {
            "about": about, "versions": VERSIONS, "tasks": nhanes(arguments.tables),
        })  # fmt: skip


def write(out: pathlib.Path, name: str, document: dict) -> None:
    text = json.dumps(plain(document)) + "\n"
    assert len(text) < 30_000, len(text)
    golden = out / "helm-eval" / "tests" / "it" / "golden" / name
    golden.parent.mkdir(parents=True, exist_ok=True)
    golden.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
