# /// script
# requires-python = "==3.11.*"
# dependencies = ["numpy==2.4.6", "scikit-learn==1.9.1", "scipy==1.17.1"]
# ///
"""Makes the reference numbers of helm-eval that scikit-learn has.

    python scripts/golden_eval.py --out DIR

DIR is the repository (or any folder). Written: helm-eval/tests/it/golden/sklearn.json.

Everything is f64 on small made-up tables, drawn from a fixed seed and rounded, so that the inputs stand in the file
itself. Discrimination is exact counting: 1e-9 is ample. scikit-learn's logistic regression stops where the gradient
falls below 1e-12 here; helm-eval's optimiser stops earlier, so 1e-3 of the largest coefficient is asked of it and 1e-4
of an AUROC. Calibration is a maximum likelihood on one number, to 1e-7; scikit-learn's Platt scaling stops early, so
that 1e-3 is asked there.
"""

import argparse
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

VERSIONS = {"numpy": "2.4.6", "scikit-learn": "1.9.1", "scipy": "1.17.1"}
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
    arguments = parser.parse_args()
    for name, module in (("numpy", numpy), ("scikit-learn", sklearn), ("scipy", scipy)):
        assert module.__version__ == VERSIONS[name], name
    document = plain({
        "about": "Reference numbers made by scripts/golden_eval.py, which says what they are and how near to come.",
        "versions": VERSIONS,
        "max_false_positive_rates": MAX_FALSE_POSITIVE_RATES,
        "logistic": logistic(numpy.random.default_rng(1)),
        "discrimination": [
            discrimination(numpy.random.default_rng(2), n=40, decimals=0),
            discrimination(numpy.random.default_rng(3), n=60, decimals=3),
        ],
        "calibration": calibration(numpy.random.default_rng(4), n=100),
    })  # fmt: skip
    text = json.dumps(document) + "\n"
    assert len(text) < 30_000, len(text)
    golden = arguments.out / "helm-eval" / "tests" / "it" / "golden" / "sklearn.json"
    golden.parent.mkdir(parents=True, exist_ok=True)
    golden.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
