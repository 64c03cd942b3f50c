use std::fmt;

use helm_core::{Cohort, Context, Outcome, Record};
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::{Error, Serializer};

/// Answered examples that stand in front of a participant's own record (few-shot prompting), drawn from training rows.
///
/// Half of them are cases, half controls (of an odd number, one more is a control), in an order drawn by the seed. Which
/// participants they are depends on the set of training rows, the outcome and the seed.
///
/// ```
/// use helm_core::{Cohort, Feature, Outcome, ParticipantId, Schema, Value};
/// use helm_serialize::{Exemplars, Serializer};
///
/// let schema = Schema::new(
///     vec![Feature::number("age", "age", "years", 0.0..=120.0)],
///     vec![],
///     vec![Outcome::new("wheeze", "wheezing", "answered yes")],
/// )?;
/// let cohort = Cohort::builder(schema, ["a", "b", "c"].iter().map(ParticipantId::new).collect())?
///     .feature("age", [54.0, 31.0, 77.0].map(Value::Number).to_vec())?
///     .outcome("wheeze", vec![Some(true), Some(false), None])?
///     .build()?;
/// let exemplars = Exemplars::draw(&cohort, &[0, 1], "wheeze", 2, 0)?;
/// let serializer = Serializer::new(cohort.schema());
/// let text = serializer.context_with(&exemplars, cohort.record(2))?.to_text();
/// assert!(text.contains("age: 54 years\nwheezing: yes\n\n") && text.ends_with("age: 77 years"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Exemplars<'a> {
    cohort: &'a Cohort,
    outcome: &'a Outcome,
    /// Rows of the cohort with their labels.
    rows: Vec<(usize, bool)>,
}

/// How many there are; rows and labels are participants'.
impl fmt::Debug for Exemplars<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exemplars({} of {:?})", self.rows.len(), self.outcome.name)
    }
}

impl<'a> Exemplars<'a> {
    /// Draws n examples of an outcome among the rows of the training split.
    ///
    /// # Errors
    /// [`Error::Core`] if there is no such outcome; [`Error::Setting`] if the training rows have too few cases or
    /// controls.
    ///
    /// # Panics
    /// If the cohort has no such row.
    pub fn draw(cohort: &'a Cohort, train: &[usize], outcome: &str, n: usize, seed: u64) -> Result<Self, Error> {
        let index = cohort.schema().outcome_index(outcome)?;
        let labels = cohort.labels(outcome)?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut rows = Vec::with_capacity(n);
        for (label, wanted) in [(true, n / 2), (false, n - n / 2)] {
            let mut found: Vec<usize> = train.iter().copied().filter(|&row| labels[row] == Some(label)).collect();
            if found.len() < wanted {
                let what = if label { "cases" } else { "controls" };
                return Err(Error::Setting {
                    setting: "few-shot exemplars",
                    expected: format!("at least {wanted} {what} of {outcome:?} in the training rows"),
                    found: found.len().to_string(),
                });
            }
            found.sort_unstable_by_key(|&row| &cohort.participants()[row]);
            found.dedup();
            found.shuffle(&mut rng);
            rows.extend(found.into_iter().take(wanted).map(|row| (row, label)));
        }
        rows.shuffle(&mut rng);
        Ok(Self { cohort, outcome: &cohort.schema().outcomes()[index], rows })
    }

    /// The rows that were drawn, in the order in which they are written.
    pub fn rows(&self) -> impl Iterator<Item = usize> {
        self.rows.iter().map(|&(row, _)| row)
    }
}

impl Serializer {
    /// One participant's context behind answered examples, each with its question and the first form of its answer, and
    /// an empty line. The examples are text only. A participant who is an example is left out of the examples of their
    /// own context, which would give the answer away.
    ///
    /// # Errors
    /// As [`Serializer::context`].
    pub fn context_with(&self, exemplars: &Exemplars<'_>, record: Record<'_>) -> Result<Context, Error> {
        let own = &record.cohort().participants()[record.row()];
        let question = self.question(exemplars.outcome);
        let mut text = String::new();
        for &(row, label) in &exemplars.rows {
            if exemplars.cohort.participants()[row] == *own {
                continue;
            }
            self.write_text(exemplars.cohort.record(row), &mut text)?;
            let answers = if label { question.answers.positive() } else { question.answers.negative() };
            text.push_str(&question.text);
            text.push_str(answers.first().map_or("", String::as_str));
            text.push_str("\n\n");
        }
        self.write_text(record, &mut text)?;
        self.with_slots(&text, record)
    }
}
