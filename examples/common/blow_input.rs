use std::path::Path;

use helm_core::spirometry::{CurveUnit, Spirogram, UkbBlow, WaveformFile, read_blow_column};
use helm_core::{Error, read_csv};

use crate::Failure;

/// One forced breath from any of the files that examples read, and where it came from.
pub struct BlowInput {
    /// The breath.
    pub blow: Spirogram,
    /// Otherwise the command line held the blow itself.
    pub is_file: bool,
}

impl BlowInput {
    /// Reads a blow.
    ///
    /// # Errors
    /// If the file can't be read or holds no blow, or a .csv file comes without a column or a rate.
    pub fn read(path: &Path, column: Option<&str>, rate_hz: Option<f64>, unit: CurveUnit) -> Result<Self, Failure> {
        // What is wrong with a curve comes without the file's name.
        let named = |error: Error| match error {
            Error::Invalid { what, expected, found } => {
                Failure::new(format!("{}: {what}: expected {expected}, found {found}", path.display()))
            }
            other => other.into(),
        };
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
        let is_text = matches!(path.to_str(), Some(text) if text.starts_with("blow") && text.contains(','));
        if is_text && !path.exists() {
            let text = path.to_str().unwrap_or_default();
            return Ok(Self { blow: UkbBlow::parse(text)?.spirogram, is_file: false });
        }
        let blow = match extension.as_deref() {
            Some("wf") => WaveformFile::read(path).map_err(named)?.blow,
            Some("csv") => {
                let missing = |what: &str| {
                    Failure::new(format!("{}: expected {what} for a .csv file, found none", path.display()))
                };
                let column = column.ok_or_else(|| missing("--column"))?;
                let rate_hz = rate_hz.ok_or_else(|| missing("--rate-hz"))?;
                read_blow_column(&read_csv(path)?, column, unit, rate_hz).map_err(named)?
            }
            _ => {
                let bytes = std::fs::read(path).map_err(|source| Error::Io { path: path.into(), source })?;
                let text = String::from_utf8(bytes).map_err(|_| {
                    let expected = "expected a .wf or .csv file or the text of field 3066";
                    Failure::new(format!("{}: {expected}, found other bytes", path.display()))
                })?;
                UkbBlow::parse(&text).map_err(named)?.spirogram
            }
        };
        Ok(Self { blow, is_file: true })
    }
}
