//! The files of an evaluation's report.

use std::path::Path;

use helm_eval::report::{DecisionPlot, ForestPlot, HtmlReport, PrPlot, ReliabilityPlot, RocPlot, Tripod};
use helm_eval::{Bins, Bootstrap, Error};
use helm_examples::{Failure, write_atomically, write_json};
use serde_json::Value;

use crate::evaluate::Evaluation;

/// A drawing with its file's name and its caption.
struct Plot {
    file: &'static str,
    svg: String,
    caption: &'static str,
}

/// Writes all files into a folder, which is made where it is missing.
///
/// # Errors
/// If a plot can't be drawn or a file written.
pub(crate) fn write(
    folder: &Path,
    outcome: &str,
    evaluation: &Evaluation,
    bootstrap: &Bootstrap,
    result: &Value,
) -> Result<(), Failure> {
    let plots = plots(outcome, evaluation, bootstrap)?;
    let table = evaluation.to_table(outcome);
    let html = html(outcome, evaluation, bootstrap, &plots, result)?;
    std::fs::create_dir_all(folder).map_err(|error| Failure::new(format!("{}: {error}", folder.display())))?;
    for plot in &plots {
        write_atomically(&folder.join(format!("{}.svg", plot.file)), plot.svg.as_bytes())?;
    }
    write_atomically(&folder.join("table.md"), table.to_markdown().as_bytes())?;
    write_atomically(&folder.join("table.tex"), table.to_latex().as_bytes())?;
    write_atomically(&folder.join("table.csv"), table.to_csv().as_bytes())?;
    write_atomically(&folder.join("report.html"), html.as_bytes())?;
    write_json(&folder.join("results.json"), result)
}

/// Bands need a pass over the rows for each replicate and model; so many show them well enough.
const BAND_REPLICATES: usize = 500;

fn plots(outcome: &str, evaluation: &Evaluation, bootstrap: &Bootstrap) -> Result<Vec<Plot>, Error> {
    let title = format!("{outcome}: {} cases among {}", evaluation.cases, evaluation.n);
    let bands = Bootstrap { replicates: bootstrap.replicates.min(BAND_REPLICATES), ..*bootstrap };
    let (mut roc, mut pr) = (RocPlot::new(&title), PrPlot::new(&title));
    let (mut reliability, mut decision) = (ReliabilityPlot::new(&title), DecisionPlot::new(&title));
    let mut are_risks = false;
    // As far as net benefit is of use: somewhat past the prevalence.
    let prevalence = evaluation.cases as f64 / evaluation.n as f64;
    let last = (300.0 * prevalence).ceil().clamp(10.0, 99.0) as u32;
    let thresholds: Vec<f64> = (0..=last).map(|percent| f64::from(percent) / 100.0).collect();
    for model in &evaluation.models {
        roc = roc.curve(&model.name, &model.scored, Some(model.bootstrap.auroc)).band(&bands.roc_band(&model.scored)?);
        pr = pr.curve(&model.name, &model.scored, Some(model.bootstrap.auprc)).band(&bands.pr_band(&model.scored)?);
        if let Some(predictions) = &model.predictions {
            are_risks = true;
            let curve = predictions.reliability_curve(Bins::EqualMass(10), evaluation.confidence)?;
            reliability = reliability.curve(&model.name, &curve);
            decision = decision.curve(&model.name, &predictions.decision_curve(&thresholds, None)?);
        }
    }
    let table = evaluation.to_table(outcome);
    let mut plots = Vec::new();
    let mut add = |file, svg: Result<String, Error>, caption| -> Result<(), Error> {
        plots.push(Plot { file, svg: svg?, caption });
        Ok(())
    };
    add("roc", roc.to_svg(), "ROC curves with pointwise bootstrap bands; chance is dotted.")?;
    add("pr", pr.to_svg(), "Precision–recall curves with pointwise bootstrap bands; chance is dotted.")?;
    add("forest", ForestPlot::new(table.outcomes()).to_svg(), "AUROC of every score with its bootstrap interval.")?;
    if !evaluation.pairs.is_empty() {
        let differences = ForestPlot::of_differences(table.outcomes()).to_svg();
        add("differences", differences, "Differences in AUROC with their paired bootstrap intervals.")?;
    }
    if !evaluation.groups.is_empty() {
        let groups: Vec<_> =
            evaluation.groups.iter().map(|group| (group.model.as_str(), group.shown.as_slice())).collect();
        let subgroups = ForestPlot::of_subgroups(&groups, evaluation.confidence).to_svg();
        add("subgroups", subgroups, "AUROC in subgroups with DeLong's interval, symmetric in the log-odds.")?;
    }
    if are_risks {
        add(
            "reliability",
            reliability.to_svg(),
            "Observed against predicted risk in ten bins of as many people, with Wilson's intervals.",
        )?;
        add("decision", decision.to_svg(), "Net benefit of acting on a risk above a threshold.")?;
    }
    Ok(plots)
}

fn html(
    outcome: &str,
    evaluation: &Evaluation,
    bootstrap: &Bootstrap,
    plots: &[Plot],
    result: &Value,
) -> Result<String, Failure> {
    let mut report = HtmlReport::new(format!("Evaluation of risk scores: {outcome}"))
        .paragraph("Software for research. It is not a medical device.")
        .heading("Discrimination")
        .results(&evaluation.to_table(outcome));
    let number = |value: Option<f64>| value.map_or_else(|| "–".into(), |value| format!("{value:.3}"));
    let rows: Vec<Vec<String>> = evaluation
        .models
        .iter()
        .filter_map(|model| {
            let predictions = model.predictions.as_ref()?;
            let calibration = predictions.calibration(evaluation.confidence).ok();
            let observed = predictions.observed_expected(evaluation.confidence).ok();
            Some(vec![
                model.name.clone(),
                format!("{:.4}", predictions.brier()),
                number(predictions.ece(Bins::EqualWidth(10)).ok()),
                number(calibration.map(|it| it.intercept)),
                number(calibration.map(|it| it.slope)),
                number(observed.map(|it| it.ratio)),
            ])
        })
        .collect();
    if !rows.is_empty() {
        let header = ["Score", "Brier score", "ECE", "Intercept", "Slope", "Observed / expected"];
        report = report.heading("Calibration").table(&header, &rows);
    }
    for group in &evaluation.groups {
        let shown = group.shown.iter().map(|subgroup| {
            let interval = subgroup.interval.map(|it| format!(" ({:.3} to {:.3})", it.lower, it.upper));
            vec![
                subgroup.name.clone(),
                subgroup.n.to_string(),
                subgroup.cases.to_string(),
                number(subgroup.auroc) + &interval.unwrap_or_default(),
                number(subgroup.difference.map(|it| it.difference)),
                number(subgroup.difference.map(|it| it.p)),
                number(subgroup.observed_expected.map(|it| it.ratio)),
            ]
        });
        let hidden = group.hidden.iter().map(|name| {
            let mut row = vec![name.clone()];
            row.extend(std::iter::repeat_n("suppressed".to_owned(), 2));
            row.extend(std::iter::repeat_n("–".to_owned(), 4));
            row
        });
        let header = ["Subgroup", "People", "Cases", "AUROC", "less others", "p", "Observed / expected"];
        report = report.heading(&format!("Subgroups: {}", group.model));
        report = report.table(&header, &shown.chain(hidden).collect::<Vec<_>>());
    }
    report = report.heading("Plots");
    for plot in plots {
        report = report.plot(&plot.svg, plot.caption);
    }
    report = report.heading("TRIPOD+AI").checklist(&checklist(evaluation, bootstrap));
    let manifest = serde_json::to_string_pretty(&result["manifest"])?;
    Ok(report.heading("How to make it again").preformatted(&manifest).to_html())
}

/// What an evaluation knows of itself.
fn checklist(evaluation: &Evaluation, bootstrap: &Bootstrap) -> Tripod {
    let confidence = bootstrap.confidence * 100.0;
    let mut checklist = Tripod::default()
        .fill("4", "Evaluation of given scores.")
        .fill("11", "Nobody evaluated here has a missing score or label; how that came about is for the authors.")
        .fill(
            "12e",
            format!(
                "AUROC and average precision with {confidence:.0} % percentile intervals of {} bootstrap replicates \
                 (seed {}); scores compared in pairs on the same replicates; DeLong's variance beside it.",
                bootstrap.replicates, bootstrap.seed
            ),
        )
        .fill("13", format!("{} cases and {} controls.", evaluation.cases, evaluation.n - evaluation.cases))
        .fill("21", format!("{} people, {} of them cases.", evaluation.n, evaluation.cases))
        .fill("23a", "See the tables and plots.")
        .fill("18f", "Made by the open software helm; the manifest below has versions, settings and hashes.");
    if evaluation.models.iter().any(|model| model.predictions.is_some()) {
        checklist = checklist
            .fill("12e", "Calibration: Brier score, ECE in ten bins of equal width, intercept, slope; net benefit.");
    }
    if !evaluation.groups.is_empty() {
        checklist = checklist.fill("14", "Performance by subgroup, each against everyone else.").fill(
            "20b",
            "Numbers and cases by subgroup; small counts are suppressed, and what they could be derived from.",
        );
    }
    checklist
}
