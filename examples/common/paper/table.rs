use std::fmt::Write;

use helm_eval::report::Estimate;

use crate::Failure;

/// A table of the paper, as text and as JSON.
pub struct PaperTable {
    /// Its name, and that of its files.
    pub name: &'static str,
    /// What it shows, in a sentence or two.
    pub title: String,
    /// The columns.
    pub header: Vec<String>,
    /// The cells, as a reader sees them.
    pub rows: Vec<Vec<String>>,
    /// The numbers.
    pub json: serde_json::Value,
}

impl PaperTable {
    /// As Markdown, its title above.
    pub fn to_markdown(&self) -> String {
        let lines = std::iter::once(&self.header).chain(&self.rows);
        let mut widths: Vec<usize> = self.header.iter().map(|_| 3).collect();
        for line in lines.clone() {
            widths.iter_mut().zip(line).for_each(|(width, cell)| *width = (*width).max(cell.chars().count()));
        }
        let mut text = format!("### {}\n\n{}\n\n", self.name.replace('_', " "), self.title);
        for (index, line) in lines.enumerate() {
            let cells: Vec<String> = line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}")).collect();
            let _ = writeln!(text, "| {} |", cells.join(" | "));
            if index == 0 {
                let rules: Vec<String> = widths.iter().map(|&width| "-".repeat(width)).collect();
                let _ = writeln!(text, "| {} |", rules.join(" | "));
            }
        }
        text
    }

    /// As CSV.
    ///
    /// # Errors
    /// None that a table of text is known to have.
    pub fn to_csv(&self) -> Result<Vec<u8>, Failure> {
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record(&self.header)?;
        self.rows.iter().try_for_each(|row| csv.write_record(row))?;
        csv.into_inner().map_err(|error| Failure::new(error.error()))
    }
}

/// By how much AUROC may be lower in a model that is called not inferior.
const MARGIN: f64 = 0.02;

/// What the interval of a difference in AUROC says of the first model.
pub fn verdict([lower, upper]: [f64; 2]) -> &'static str {
    if lower > 0.0 {
        "better"
    } else if upper < 0.0 {
        "worse"
    } else if lower > -MARGIN {
        "not inferior"
    } else {
        "inconclusive"
    }
}

/// An estimate and its interval, as tables show them.
pub(super) fn shown(Estimate { value, ci: [lower, upper] }: Estimate) -> String {
    format!("{value:.3} ({lower:.3}–{upper:.3})")
}

/// A number of three decimals, or a dash where there is none.
pub(super) fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "–".into(), |value| format!("{value:.3}"))
}
