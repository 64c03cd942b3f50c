use std::path::Path;

use helm_eval::report::{ForestPlot, HtmlReport, OutcomeResult, ReliabilityPlot, RocPlot, Table};
use helm_eval::{Bins, Interval, Predictions, Scored};
use serde_json::Value;

use crate::labelled::labelled;
use crate::{AllScores, Failure, Scores, write_atomically, write_json};

/// A drawing with its file's name and its caption.
struct Plot {
    file: String,
    svg: String,
    caption: &'static str,
}

/// Writes report.html, and beside it table.md, table.csv, the plots and results.json, into a folder.
///
/// # Errors
/// If a plot can't be drawn or a file written.
pub(crate) fn write_study_report(
    folder: &Path,
    scores: &AllScores<'_>,
    table: &Table,
    result: &Value,
) -> Result<(), Failure> {
    let plots = plots(scores, table)?;
    for plot in &plots {
        write_atomically(&folder.join(format!("{}.svg", plot.file)), plot.svg.as_bytes())?;
    }
    write_atomically(&folder.join("table.md"), table.to_markdown().as_bytes())?;
    write_atomically(&folder.join("table.csv"), table.to_csv().as_bytes())?;
    write_atomically(&folder.join("report.html"), html(scores, table, &plots, result)?.as_bytes())?;
    write_json(&folder.join("results.json"), result)
}

fn plots(scores: &AllScores<'_>, table: &Table) -> Result<Vec<Plot>, Failure> {
    let forest = ForestPlot::new(table.outcomes()).to_svg()?;
    let caption = "AUROC of every model with its bootstrap interval.";
    let mut plots = vec![Plot { file: "forest".into(), svg: forest, caption }];
    if table.outcomes().iter().any(|result| !result.paired.is_empty()) {
        let svg = ForestPlot::of_differences(table.outcomes()).to_svg()?;
        let caption = "Differences in AUROC with their paired bootstrap intervals.";
        plots.push(Plot { file: "differences".into(), svg, caption });
    }
    for result in table.outcomes() {
        let title = format!("{}: {} cases among {}", result.outcome, result.cases, result.n);
        let (mut roc, mut reliability) = (RocPlot::new(&title), ReliabilityPlot::new(&title));
        // As many curves as the eye tells apart: the models of the first comparison.
        let compared = result.paired.first().map(|pair| [&pair.a, &pair.b]);
        for (Scores { model, .. }, found, labels, log_odds) in of_outcome(scores, result)? {
            let [lower, upper] = found.auroc.ci;
            roc = roc.curve(model, &Scored::new(&labels, &log_odds)?, Some(Interval { lower, upper }));
            if compared.is_none_or(|compared| compared.contains(&model)) {
                let curve = predictions(&labels, &log_odds)?;
                reliability =
                    reliability.curve(model, &curve.reliability_curve(Bins::EqualMass(10), result.confidence)?);
            }
        }
        plots.push(Plot {
            file: format!("roc_{}", result.outcome),
            svg: roc.to_svg()?,
            caption: "ROC curves; chance is dotted.",
        });
        plots.push(Plot {
            file: format!("reliability_{}", result.outcome),
            svg: reliability.to_svg()?,
            caption: "Observed against predicted risk in ten bins of as many people, with Wilson's intervals.",
        });
    }
    Ok(plots)
}

fn html(scores: &AllScores<'_>, table: &Table, plots: &[Plot], result: &Value) -> Result<String, Failure> {
    let mut report = HtmlReport::new("HeLM and classical models, side by side");
    if result["simulated"] == true {
        report = report.paragraph("The participants are SIMULATED: the numbers say nothing about a disease.");
    }
    report = report
        .paragraph("Software for research. It is not a medical device.")
        .heading("Discrimination, of participants whom the model was not trained on")
        .results(table)
        .heading("Calibration");
    for outcome in table.outcomes() {
        let rows = of_outcome(scores, outcome)?.into_iter().map(|(scores, _, labels, log_odds)| {
            let predictions = predictions(&labels, &log_odds)?;
            let number = |value: Option<f64>| value.map_or_else(|| "–".into(), |value| format!("{value:.3}"));
            let calibration = predictions.calibration(outcome.confidence).ok();
            Ok(vec![
                scores.model.clone(),
                format!("{:.4}", predictions.brier()),
                number(predictions.ece(Bins::EqualWidth(10)).ok()),
                number(calibration.map(|it| it.intercept)),
                number(calibration.map(|it| it.slope)),
            ])
        });
        let rows = rows.collect::<Result<Vec<_>, Failure>>()?;
        report =
            report.paragraph(&outcome.outcome).table(&["Model", "Brier score", "ECE", "Intercept", "Slope"], &rows);
    }
    report = report.heading("Plots");
    for plot in plots {
        report = report.plot(&plot.svg, plot.caption);
    }
    let manifest = serde_json::to_string_pretty(&result["manifest"])?;
    Ok(report.heading("How to make it again").preformatted(&manifest).to_html())
}

/// A model's scores with its result, and the labels and log-odds of those who have a label.
type Found<'a> = (&'a Scores, &'a helm_eval::report::ModelResult, Vec<bool>, Vec<f64>);

fn of_outcome<'a>(scores: &'a AllScores<'_>, result: &'a OutcomeResult) -> Result<Vec<Found<'a>>, Failure> {
    let (known, labels) = labelled(scores.cohort, &result.outcome)?;
    let of_outcome = scores.scores.iter().filter(|scores| scores.outcome == result.outcome);
    let found = of_outcome.zip(&result.models).map(|(scores, found)| {
        let log_odds = known.iter().map(|&row| scores.log_odds[row]).collect();
        (scores, found, labels.clone(), log_odds)
    });
    Ok(found.collect())
}

fn predictions(labels: &[bool], log_odds: &[f64]) -> Result<Predictions, Failure> {
    let risks: Vec<f64> = log_odds.iter().map(|log_odds| 1.0 / (1.0 + (-log_odds).exp())).collect();
    Ok(Predictions::new(labels, &risks)?)
}
