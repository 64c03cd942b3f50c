use std::io::Write;
use std::path::Path;

use crate::Failure;

/// One line of a predictions file.
pub struct Prediction {
    /// The participant's row in the cohort, from 1; never an identifier.
    pub row: usize,
    /// The fold in which the participant was tested, from 1; a new person is in none.
    pub fold: Option<usize>,
    /// The outcome.
    pub outcome: String,
    /// The model.
    pub model: String,
    /// Log-odds.
    pub log_odds: f64,
    /// The share of the language model's probability on the declared answers; a classical model has none.
    pub answer_mass: Option<f64>,
    /// Case or control, as far as that is known.
    pub label: Option<bool>,
}

/// Prints, unless standard output carries the JSON.
pub fn say(json: Option<&Path>, text: &str) {
    if json != Some(Path::new("-")) {
        // Whoever closed the pipe has read enough.
        let _ = writeln!(std::io::stdout(), "{text}");
    }
}

/// Writes predictions as CSV: all of them or no file.
///
/// # Errors
/// If the file can't be written.
pub fn write_predictions(path: &Path, predictions: &[Prediction]) -> Result<(), Failure> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(["row", "fold", "outcome", "model", "log_odds", "answer_mass", "label"])?;
    for prediction in predictions {
        csv.write_record([
            prediction.row.to_string(),
            prediction.fold.map_or_else(String::new, |fold| fold.to_string()),
            prediction.outcome.clone(),
            prediction.model.clone(),
            prediction.log_odds.to_string(),
            prediction.answer_mass.map_or_else(String::new, |mass| mass.to_string()),
            prediction.label.map_or_else(String::new, |label| u8::from(label).to_string()),
        ])?;
    }
    write_atomically(path, &csv.into_inner().map_err(|error| Failure::new(error.error()))?)
}

/// Checks that a file can be written later, before hours are spent on what it shall hold.
///
/// # Errors
/// If its folder is missing or can't be written to, or it is a folder itself.
pub fn check_writable(path: &Path) -> Result<(), Failure> {
    if path == Path::new("-") {
        return Ok(());
    }
    if path.is_dir() {
        return Err(Failure::new(format!("{}: expected a file to write, found a folder", path.display())));
    }
    temporary(path).map(drop).map_err(|error| Failure::new(format!("{}: can't be written: {error}", path.display())))
}

/// A temporary file beside a path, as readable as any other new file.
fn temporary(path: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// Writes JSON to a file, or to standard output for `-`.
///
/// # Errors
/// If it can't be written.
pub fn write_json(path: &Path, value: &serde_json::Value) -> Result<(), Failure> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    write_or_print(path, &text)
}

/// Writes a line of JSON for each value to a file, or to standard output for `-`.
///
/// # Errors
/// If it can't be written.
pub fn write_lines(path: &Path, values: &[serde_json::Value]) -> Result<(), Failure> {
    let mut text = Vec::new();
    for value in values {
        serde_json::to_writer(&mut text, value)?;
        text.push(b'\n');
    }
    write_or_print(path, &text)
}

fn write_or_print(path: &Path, text: &[u8]) -> Result<(), Failure> {
    if path == Path::new("-") {
        std::io::stdout().write_all(text)?;
        return Ok(());
    }
    write_atomically(path, text)
}

/// Writes a file whole or not at all: under another name in the same folder first, then renamed.
///
/// # Errors
/// If it can't be written.
pub fn write_atomically(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let named = |error: &dyn std::fmt::Display| Failure::new(format!("{}: can't be written: {error}", path.display()));
    let mut file = temporary(path).map_err(|error| named(&error))?;
    file.write_all(content).and_then(|()| file.as_file().sync_all()).map_err(|error| named(&error))?;
    file.persist(path).map_err(|error| named(&error.error))?;
    Ok(())
}
