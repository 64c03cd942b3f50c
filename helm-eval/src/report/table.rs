use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::outcome::{Estimate, OutcomeResult, PairedResult};

/// Outcomes × models, as Markdown for people, LaTeX for papers, CSV and JSON for other programs. Each outcome has a name of its own.
///
/// ```
/// use helm_eval::Bootstrap;
/// use helm_eval::report::{OutcomeResult, Table};
///
/// let labels = [false, false, true, true];
/// let models: [(&str, &[f64]); 1] = [("age, sex", &[0.1, 0.4, 0.35, 0.8])];
/// let table = Table::new(vec![OutcomeResult::evaluate("wheeze", &labels, &models, &[], &Bootstrap::default())?]);
/// assert!(table.to_markdown().starts_with("### wheeze: 2 cases among 4\n"));
/// assert!(table.to_csv().lines().nth(1).is_some_and(|line| line.starts_with("wheeze,4,2,\"age, sex\",0.95,0.75,")));
/// assert_eq!(table.to_json()["wheeze"]["models"]["age, sex"]["auroc"]["value"], 0.75);
/// # Ok::<(), helm_eval::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    outcomes: Vec<OutcomeResult>,
}

impl Table {
    /// A table of results.
    pub fn new(outcomes: Vec<OutcomeResult>) -> Self {
        Self { outcomes }
    }

    /// The results.
    pub fn outcomes(&self) -> &[OutcomeResult] {
        &self.outcomes
    }

    /// One or two Markdown tables for each outcome: the models, and their differences where some were compared.
    pub fn to_markdown(&self) -> String {
        let mut text = String::new();
        for result in &self.outcomes {
            if !text.is_empty() {
                text.push('\n');
            }
            let _ = writeln!(text, "### {}: {} cases among {}\n", one_line(&result.outcome), result.cases, result.n);
            let interval = format!("({} % CI)", percent(result.confidence));
            let rows: Vec<[String; 3]> = result
                .models
                .iter()
                .map(|model| [one_line(&model.name), estimate(&model.auroc), estimate(&model.auprc)])
                .collect();
            markdown(&mut text, ["model", &format!("AUROC {interval}"), &format!("AUPRC {interval}")], &rows);
            if result.paired.is_empty() {
                continue;
            }
            text.push('\n');
            let rows: Vec<[String; 3]> = result
                .paired
                .iter()
                .map(|pair| {
                    let models = format!("{} − {}", one_line(&pair.a), one_line(&pair.b));
                    [models, difference(pair), p_value(pair.p)]
                })
                .collect();
            markdown(&mut text, ["paired difference", &format!("in AUROC {interval}"), "p"], &rows);
        }
        text
    }

    /// One line for each outcome and model.
    pub fn to_csv(&self) -> String {
        let mut text = String::from(
            "outcome,n,cases,model,confidence,auroc,auroc_lower,auroc_upper,auprc,auprc_lower,auprc_upper\n",
        );
        for result in &self.outcomes {
            for model in &result.models {
                let (auroc, auprc) = (model.auroc, model.auprc);
                let _ = writeln!(
                    text,
                    "{},{},{},{},{},{},{},{},{},{},{}",
                    quoted(&result.outcome),
                    result.n,
                    result.cases,
                    quoted(&model.name),
                    result.confidence,
                    auroc.value,
                    auroc.ci[0],
                    auroc.ci[1],
                    auprc.value,
                    auprc.ci[0],
                    auprc.ci[1]
                );
            }
        }
        text
    }

    /// `{OUTCOME: {"n", "cases", "confidence", "models": {MODEL: {"auroc": {"value", "ci"}, "auprc": …}}, "paired": […]}}`.
    pub fn to_json(&self) -> Value {
        let outcomes = self.outcomes.iter().map(|result| {
            let models: Map<String, Value> = result
                .models
                .iter()
                .map(|model| (model.name.clone(), json!({ "auroc": model.auroc, "auprc": model.auprc })))
                .collect();
            let block = json!({
                "n": result.n, "cases": result.cases, "confidence": result.confidence,
                "models": models, "paired": result.paired,
            });
            (result.outcome.clone(), block)
        });
        Value::Object(outcomes.collect())
    }
}

pub(super) fn estimate(estimate: &Estimate) -> String {
    format!("{:.3} ({:.3} to {:.3})", estimate.value, estimate.ci[0], estimate.ci[1])
}

pub(super) fn difference(pair: &PairedResult) -> String {
    let [lower, upper] = pair.ci;
    format!("{:+.3} ({lower:+.3} to {upper:+.3})", pair.auroc_difference)
}

pub(super) fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".into() } else { format!("{p:.3}") }
}

/// A Markdown table whose columns also line up as plain text.
fn markdown(text: &mut String, header: [&str; 3], rows: &[[String; 3]]) {
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).chain([header[column].chars().count()]).max().unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2)];
    let line = |cells: [&str; 3]| {
        let padded: Vec<String> = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("| {} |\n", padded.join(" | "))
    };
    text.push_str(&line(header));
    text.push_str(&line([&"-".repeat(widths[0]), &"-".repeat(widths[1]), &"-".repeat(widths[2])]));
    for [a, b, c] in rows {
        text.push_str(&line([a, b, c]));
    }
}

/// A confidence of 0.95 as 95, without the digits that binary fractions trail.
pub(super) fn percent(confidence: f64) -> f64 {
    (confidence * 1e6).round() / 1e4
}

/// A name that can't break a table: on one line, its bars escaped.
fn one_line(name: &str) -> String {
    name.replace(['\r', '\n'], " ").replace('|', "\\|")
}

fn quoted(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.into() }
}
