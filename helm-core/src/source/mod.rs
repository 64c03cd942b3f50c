#[cfg(feature = "schema-file")]
mod file;
#[cfg(feature = "meds")]
mod meds;
#[cfg(feature = "schema-file")]
mod seen;

#[cfg(feature = "schema-file")]
pub use file::{CohortFile, LoadedBatches};
#[cfg(feature = "meds")]
pub use meds::{MedsBatches, MedsCohort};

use crate::{Cohort, Error, Schema};

/// Where a cohort comes from: memory, or a file that may be larger. It is walked in batches, as often as asked for,
/// always in the same order.
///
/// What learns needs random access, and so a whole [`Cohort`]; what writes, scores and counts needs batches only.
///
/// ```
/// use helm_core::{Cohort, CohortSource, Feature, ParticipantId, Schema, Value};
///
/// let schema = Schema::new(vec![Feature::number("age", "age", "years", 0.0..=120.0)], vec![], vec![])?;
/// let cohort = Cohort::builder(schema, vec![ParticipantId::new("a"), ParticipantId::new("b")])?
///     .feature("age", vec![Value::Number(54.0), Value::Number(31.0)])?
///     .build()?;
/// let mut n = 0;
/// for batch in cohort.batches()? {
///     n += batch?.n_participants();
/// }
/// assert_eq!(n, 2);
/// # Ok::<(), helm_core::Error>(())
/// ```
pub trait CohortSource {
    /// What the cohort holds.
    fn schema(&self) -> &Schema;

    /// The cohort from its beginning, in batches that share a schema. After an error there is nothing more.
    ///
    /// # Errors
    /// What a file has against being opened.
    fn batches(&self) -> Result<Box<dyn Iterator<Item = Result<Cohort, Error>> + '_>, Error>;
}

/// Rows of a batch of a cohort in memory.
const ROWS_PER_BATCH: usize = 8192;

impl CohortSource for Cohort {
    fn schema(&self) -> &Schema {
        self.schema()
    }

    fn batches(&self) -> Result<Box<dyn Iterator<Item = Result<Cohort, Error>> + '_>, Error> {
        let n = self.n_participants();
        let starts = (0..n).step_by(ROWS_PER_BATCH);
        let batch = move |start: usize| {
            let rows: Vec<usize> = (start..n.min(start + ROWS_PER_BATCH)).collect();
            Ok(self.select(&rows))
        };
        Ok(Box::new(starts.map(batch)))
    }
}
