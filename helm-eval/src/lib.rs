//! Honest evaluation of risk scores: AUROC and AUPRC with intervals, paired comparisons, classical baselines and reports
