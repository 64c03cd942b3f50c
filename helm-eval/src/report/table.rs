use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::outcome::{Estimate, OutcomeResult};

/// Outcomes × models, as Markdown for people, CSV for other programs and JSON.
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

    /// Two Markdown tables for each outcome: the models, and their differences.
    pub fn to_markdown(&self) -> String {
        let mut text = String::new();
        for result in &self.outcomes {
            let _ = writeln!(text, "### {}: {} cases among {}\n", result.outcome, result.cases, result.n);
            let rows: Vec<[String; 3]> = result
                .models
                .iter()
                .map(|model| [model.name.clone(), estimate(&model.auroc), estimate(&model.auprc)])
                .collect();
            markdown(&mut text, ["model", "AUROC (95 % CI)", "AUPRC (95 % CI)"], &rows);
            if result.paired.is_empty() {
                continue;
            }
            text.push('\n');
            let rows: Vec<[String; 3]> = result
                .paired
                .iter()
                .map(|pair| {
                    let [lower, upper] = pair.ci;
                    let difference = format!("{:+.3} ({lower:+.3} to {upper:+.3})", pair.auroc_difference);
                    [format!("{} − {}", pair.a, pair.b), difference, p_value(pair.p)]
                })
                .collect();
            markdown(&mut text, ["paired difference", "in AUROC (95 % CI)", "p"], &rows);
            text.push('\n');
        }
        text
    }

    /// One line for each outcome and model.
    pub fn to_csv(&self) -> String {
        let mut text = String::from("outcome,n,cases,model,auroc,auroc_lower,auroc_upper,auprc,auprc_lower,auprc_upper\n");
        for result in &self.outcomes {
            for model in &result.models {
                let (auroc, auprc) = (model.auroc, model.auprc);
                let _ = writeln!(
                    text,
                    "{},{},{},{},{},{},{},{},{},{}",
                    quoted(&result.outcome),
                    result.n,
                    result.cases,
                    quoted(&model.name),
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

    /// `{OUTCOME: {"n", "cases", "models": {MODEL: {"auroc": {"value", "ci"}, "auprc": …}}, "paired": […]}}`.
    pub fn to_json(&self) -> Value {
        let outcomes = self.outcomes.iter().map(|result| {
            let models: Map<String, Value> = result
                .models
                .iter()
                .map(|model| (model.name.clone(), json!({ "auroc": model.auroc, "auprc": model.auprc })))
                .collect();
            let block = json!({ "n": result.n, "cases": result.cases, "models": models, "paired": result.paired });
            (result.outcome.clone(), block)
        });
        Value::Object(outcomes.collect())
    }
}

fn estimate(estimate: &Estimate) -> String {
    format!("{:.3} ({:.3} to {:.3})", estimate.value, estimate.ci[0], estimate.ci[1])
}

fn p_value(p: f64) -> String {
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

fn quoted(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.into() }
}
