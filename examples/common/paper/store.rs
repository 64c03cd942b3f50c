use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use helm_core::Risk;
use serde_json::Value;

use crate::{Failure, write_atomically};

/// The scores that a fold's computation yields, by what they are of: one a test participant.
pub type CellScores = BTreeMap<String, Vec<Risk>>;

/// What a cell calls the scores of a held-out outcome.
pub fn held_out_key(outcome: &str) -> String {
    format!("held_out/{outcome}")
}

/// What a cell calls the scores where a share of the features is missing.
pub fn missing_key(share: f64, outcome: &str) -> String {
    format!("missing/{share}/{outcome}")
}

/// What a cell calls the scores where nobody has a breath.
pub fn no_breath_key(outcome: &str) -> String {
    format!("no_breath/{outcome}")
}

/// A folder of results that a run goes on from: one file a fold of a model.
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// Opens a folder, which is made where it is missing. What is in it must have been computed from the same: data,
    /// model, settings and version, as the identity says.
    ///
    /// # Errors
    /// If it is another run's, or the folder can't be made.
    pub fn open(folder: &Path, identity: &Value) -> Result<Self, Failure> {
        let path = folder.join("identity.json");
        std::fs::create_dir_all(folder).map_err(|error| Failure::new(format!("{}: {error}", folder.display())))?;
        let own = serde_json::to_string_pretty(identity)?;
        match std::fs::read_to_string(&path) {
            Ok(text) if text == own => {}
            Ok(_) => {
                let (expected, found) = ("results of a run with the same data, model and settings", "another's");
                let hint = "give another --report, or remove that folder";
                return Err(Failure::new(format!("{}: expected {expected}, found {found}: {hint}", path.display())));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => write_atomically(&path, own.as_bytes())?,
            Err(error) => return Err(Failure::new(format!("{}: can't be read: {error}", path.display()))),
        }
        Ok(Self { folder: folder.into() })
    }

    /// The scores of a name, if they are there.
    ///
    /// # Errors
    /// If their file can't be read, or holds something else.
    pub fn get(&self, name: &str) -> Result<Option<CellScores>, Failure> {
        let path = self.path(name);
        if !path.exists() {
            return Ok(None);
        }
        let wrong = |row: usize| {
            let (expected, found) = ("a name and two numbers", "something else");
            Failure::new(format!("{}: row {row}: expected {expected}, found {found}", path.display()))
        };
        let mut scores = CellScores::new();
        for (index, record) in csv::Reader::from_path(&path)?.records().enumerate() {
            let record = record.map_err(|_| wrong(index + 1))?;
            let number = |column: usize| record.get(column)?.parse::<f64>().ok();
            let (Some(of), Some(log_odds), Some(answer_mass)) = (record.get(0), number(1), number(2)) else {
                return Err(wrong(index + 1));
            };
            scores.entry(of.to_owned()).or_default().push(Risk { log_odds, answer_mass });
        }
        Ok(Some(scores))
    }

    /// Keeps scores under a name, whole or not at all.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn put(&self, name: &str, scores: &CellScores) -> Result<(), Failure> {
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record(["of", "log_odds", "answer_mass"])?;
        for (of, risks) in scores {
            for risk in risks {
                // Rust writes as many digits as it takes to read the same number.
                csv.write_record([of.as_str(), &risk.log_odds.to_string(), &risk.answer_mass.to_string()])?;
            }
        }
        write_atomically(&self.path(name), &csv.into_inner().map_err(|error| Failure::new(error.error()))?)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.csv"))
    }
}
