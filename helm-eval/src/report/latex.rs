use std::fmt::Write;

use super::table::{Table, difference, estimate, p_value, percent};

impl Table {
    /// LaTeX for a paper, with no package needed: one `tabular` of all outcomes and models, and one of the comparisons
    /// where there are any.
    ///
    /// ```
    /// use helm_eval::Bootstrap;
    /// use helm_eval::report::{OutcomeResult, Table};
    ///
    /// let labels = [false, false, true, true];
    /// let models: [(&str, &[f64]); 1] = [("age_years", &[0.1, 0.4, 0.35, 0.8])];
    /// let table = Table::new(vec![OutcomeResult::evaluate("wheeze", &labels, &models, &[], &Bootstrap::default())?]);
    /// assert!(table.to_latex().contains(r"wheeze (2/4) & age\_years & 0.750 ("));
    /// # Ok::<(), helm_eval::Error>(())
    /// ```
    pub fn to_latex(&self) -> String {
        let mut confidences: Vec<f64> = self.outcomes().iter().map(|result| percent(result.confidence)).collect();
        confidences.dedup();
        let interval = match confidences[..] {
            [confidence] => format!(r"({confidence}\,\% CI)"),
            _ => "(CI)".into(),
        };
        let models = self.outcomes().iter().map(|result| {
            let rows = result.models.iter();
            let rows = rows.map(|model| [escaped(&model.name), estimate(&model.auroc), estimate(&model.auprc)]);
            (format!("{} ({}/{})", escaped(&result.outcome), result.cases, result.n), rows.collect())
        });
        let header = ["Model".into(), format!("AUROC {interval}"), format!("AUPRC {interval}")];
        let mut text = tabular(&header, models);
        if self.outcomes().iter().all(|result| result.paired.is_empty()) {
            return text;
        }
        let paired = self.outcomes().iter().filter(|result| !result.paired.is_empty()).map(|result| {
            let rows = result.paired.iter().map(|pair| {
                let models = format!("{} $-$ {}", escaped(&pair.a), escaped(&pair.b));
                let p = p_value(pair.p).replace('<', "$<$");
                [models, difference(pair).replace('-', "$-$"), p]
            });
            (escaped(&result.outcome), rows.collect())
        });
        text.push('\n');
        text.push_str(&tabular(&["Difference".into(), format!("in AUROC {interval}"), "$p$".into()], paired));
        text
    }
}

/// Blocks of rows, the name of each in front of its first row.
fn tabular(header: &[String; 3], blocks: impl Iterator<Item = (String, Vec<[String; 3]>)>) -> String {
    let mut text = String::from("\\begin{tabular}{llll}\n\\hline\n");
    let _ = writeln!(text, "Outcome & {} \\\\", header.join(" & "));
    for (name, rows) in blocks {
        text.push_str("\\hline\n");
        for (index, row) in rows.iter().enumerate() {
            let _ = writeln!(text, "{} & {} \\\\", if index == 0 { &name } else { "" }, row.join(" & "));
        }
    }
    text.push_str("\\hline\n\\end{tabular}\n");
    text
}

/// A name that LaTeX prints as it is, on one line.
fn escaped(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        match letter {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => text.extend(['\\', letter]),
            '\\' => text.push_str("\\textbackslash{}"),
            '~' => text.push_str("\\textasciitilde{}"),
            '^' => text.push_str("\\textasciicircum{}"),
            '<' | '>' | '|' => text.extend(['$', letter, '$']),
            _ if letter.is_control() => text.push(' '),
            _ => text.push(letter),
        }
    }
    text
}
