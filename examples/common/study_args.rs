use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use helm_core::{Cohort, Folds};
use helm_eval::Bootstrap;
use helm_eval::report::Table;
use serde_json::{Value, json};

use crate::study_report::write_study_report;
use crate::{AllScores, Failure, Manifest, ModelArgs, at_least, check_writable, say, write_json, write_predictions};

/// The arguments that all examples have which train HeLM in cross-validation.
#[derive(Args)]
pub struct StudyArgs {
    /// The language model and where it runs.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Folds of the cross-validation
    #[arg(long, default_value_t = 5, value_parser = at_least(2))]
    pub folds: usize,
    /// Bootstrap replicates of intervals and tests
    #[arg(long, default_value_t = 2000, value_parser = at_least(2))]
    pub bootstrap: usize,
    /// Write report.html, and what it shows as files of their own, into this folder: tables (table.md, table.csv), plots
    /// (forest.svg, differences.svg, roc_OUTCOME.svg, reliability_OUTCOME.svg and what the example adds) and results.json
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
    /// Write the machine-readable result here; - is standard output, and nothing else is printed then
    #[arg(long, value_name = "PATH")]
    pub json: Option<PathBuf>,
    /// Write every out-of-fold prediction as CSV
    #[arg(long, value_name = "F.csv")]
    pub predictions: Option<PathBuf>,
    /// Decides whatever is drawn at random: folds, initial weights, the order of training, the bootstrap
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

impl StudyArgs {
    /// Finds what would otherwise show only at the end of the run, and makes the report's folder.
    ///
    /// # Errors
    /// If something that is to be written can't be.
    pub fn check(&self) -> Result<(), Failure> {
        if let Some(folder) = &self.report {
            std::fs::create_dir_all(folder).map_err(|error| Failure::new(format!("{}: {error}", folder.display())))?;
        }
        self.json.iter().chain(&self.predictions).try_for_each(|path| check_writable(path))
    }

    /// Folds of participants, stratified by the first of some outcomes.
    ///
    /// # Errors
    /// If there is no outcome, the cohort lacks it, or there are fewer participants than folds.
    pub fn folds_of(&self, cohort: &Cohort, outcomes: &[String]) -> Result<Folds, Failure> {
        let first = outcomes.first().ok_or_else(|| Failure::new("--outcome: expected at least one, found none"))?;
        let strata: Vec<usize> = cohort.labels(first)?.iter().map(|label| label.map_or(2, usize::from)).collect();
        Ok(Folds::stratified(cohort.participants(), &strata, self.folds, self.seed)?)
    }

    /// The bootstrap of intervals and tests.
    pub fn bootstrap(&self) -> Bootstrap {
        Bootstrap { replicates: self.bootstrap, seed: self.seed, ..Bootstrap::default() }
    }

    /// Prints, unless standard output carries the JSON.
    pub fn say(&self, text: &str) {
        say(self.json.as_deref(), text);
    }

    /// Prints the table and writes everything that was asked for.
    ///
    /// # Errors
    /// If something can't be written.
    pub fn finish(
        &self,
        scores: &AllScores<'_>,
        table: &Table,
        manifest: &Manifest,
        simulated: bool,
        begin: Instant,
    ) -> Result<(), Failure> {
        self.say(&table.to_markdown());
        let result: Value = json!({
            "simulated": simulated,
            "outcomes": table.to_json(),
            "seconds": begin.elapsed().as_secs_f64(),
            "manifest": manifest,
        });
        if let Some(path) = &self.predictions {
            write_predictions(path, &scores.predictions()?)?;
        }
        if let Some(folder) = &self.report {
            write_study_report(folder, scores, table, &result)?;
        }
        if let Some(path) = &self.json {
            write_json(path, &result)?;
        }
        Ok(())
    }
}
