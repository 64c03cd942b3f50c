use helm_core::simulate::SimulatedCohort;
use helm_core::{Cohort, CohortSource, Record};
use helm_llm::Helm;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Text;
use super::conversation::conversation;
use super::facts::fact;
use super::record::record;
use crate::Failure;

/// The seed of the people of the texts, which no cohort for evaluation may have.
pub const PEOPLE_SEED: u64 = 0x7469_6e79;

/// An endless stream of texts, one a simulated person, each of whom comes once.
pub struct TextStream<'a> {
    batches: Box<dyn Iterator<Item = Result<Cohort, helm_core::Error>> + 'a>,
    helm: Option<&'a Helm>,
    cohort: Option<Cohort>,
    /// The next person, in the whole stream and in the batch.
    next: u64,
    row: usize,
}

impl<'a> TextStream<'a> {
    /// The people of all texts.
    ///
    /// # Errors
    /// None that the simulation is known to have.
    pub fn people(n: usize) -> Result<SimulatedCohort, Failure> {
        Ok(SimulatedCohort::new(n, PEOPLE_SEED)?)
    }

    /// The texts of some people; conversations are written as a model holds them, and left out without one.
    ///
    /// # Errors
    /// If the people can't be read.
    pub fn new(people: &'a SimulatedCohort, helm: Option<&'a Helm>) -> Result<Self, Failure> {
        Ok(Self { batches: people.batches()?, helm, cohort: None, next: 0, row: 0 })
    }

    /// Leaves out the texts that a run has read before.
    ///
    /// # Errors
    /// If there are not as many.
    pub fn skip_texts(mut self, n: usize) -> Result<Self, Failure> {
        for _ in 0..n {
            self.advance()?;
        }
        Ok(self)
    }

    /// The next text.
    ///
    /// # Errors
    /// If there is none, or it can't be made.
    pub fn next_text(&mut self) -> Result<Text, Failure> {
        let person = self.advance()?;
        let mut rng = ChaCha8Rng::seed_from_u64(PEOPLE_SEED);
        rng.set_stream(self.next);
        let cohort = self.cohort.as_ref().ok_or_else(out_of_people)?;
        self.text(cohort.record(person), &mut rng)
    }

    fn text(&self, person: Record<'_>, rng: &mut ChaCha8Rng) -> Result<Text, Failure> {
        match (rng.random_range(0..100), self.helm) {
            (0..=11, Some(helm)) => conversation(helm, person, rng),
            (0..=19, _) => Ok(fact(rng)),
            _ => record(person, rng),
        }
    }

    /// Goes to the next person; their row in the batch.
    fn advance(&mut self) -> Result<usize, Failure> {
        if self.cohort.as_ref().is_none_or(|cohort| self.row == cohort.n_participants()) {
            (self.cohort, self.row) = (Some(self.batches.next().ok_or_else(out_of_people)??), 0);
        }
        self.row += 1;
        self.next += 1;
        Ok(self.row - 1)
    }
}

fn out_of_people() -> Failure {
    Failure::new("texts: expected another person, found none")
}
