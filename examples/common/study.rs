use helm_core::{Cohort, Folds, Question, Record, Risk};
use helm_llm::{Examples, Helm, Prompt, TrainConfig, Trainer};
use helm_serialize::Serializer;

use crate::{Failure, Progress, Scores};

/// Makes a model for a part of a study.
pub type NewHelm<'a> = dyn Fn(&Part<'_>) -> Result<Helm, Failure> + 'a;

/// A part of a study that is trained by itself.
pub struct Part<'a> {
    /// The fold that it is tested on, from 0; as many as there are folds where it is everyone, and tested on nobody.
    pub fold: usize,
    /// The rows that it is trained on.
    pub train: &'a [usize],
    /// The seed of its weights and its training.
    pub seed: u64,
}

/// HeLM on some outcomes of a cohort that share a context.
pub struct Study<'a> {
    /// The participants.
    pub cohort: &'a Cohort,
    /// Writes the contexts and the questions.
    pub serializer: Serializer,
    /// What is asked.
    pub outcomes: &'a [String],
    /// Settings of training; each fold has a seed of its own.
    pub training: TrainConfig,
    /// A model whose encoders have weights from the part's seed, fitted to its training rows where they have something
    /// to fit.
    pub helm: &'a NewHelm<'a>,
}

/// A fold after training.
pub struct Fold<'a> {
    /// Which it is, from 0.
    pub index: usize,
    /// The model that was trained without the test participants.
    pub helm: &'a Helm,
    /// The rows it was trained on.
    pub train: &'a [usize],
    /// The rows it is tested on.
    pub test: &'a [usize],
    /// Their prompts.
    pub prompts: &'a [Prompt],
}

impl Study<'_> {
    /// Out-of-fold scores, outcome by outcome. The bar gets a stage for each fold, after which the caller may look at the
    /// trained model.
    ///
    /// # Errors
    /// Where a prompt can't be made or training fails, or the caller's.
    pub fn cross_validate(
        &self,
        name: &str,
        folds: &Folds,
        progress: &mut Progress,
        look: &mut dyn FnMut(&Fold<'_>) -> Result<(), Failure>,
    ) -> Result<Vec<Scores>, Failure> {
        let nothing = Risk { log_odds: 0.0, answer_mass: 0.0 };
        let mut risks = vec![vec![nothing; self.cohort.n_participants()]; self.outcomes.len()];
        for fold in 0..folds.k() {
            progress.stage(format!("{name}, fold {} of {}", fold + 1, folds.k()), 1);
            let (train, test) = (folds.train_rows(fold), folds.test_rows(fold));
            let of_fold = self.score_fold(fold, (&train, &test), progress, look)?;
            for (row, found) in test.into_iter().zip(of_fold) {
                for (outcome, risk) in found.into_iter().enumerate() {
                    risks[outcome][row] = risk;
                }
            }
        }
        let scores = self.outcomes.iter().zip(risks).map(|(outcome, risks)| Scores {
            outcome: outcome.clone(),
            model: name.into(),
            log_odds: risks.iter().map(|risk| risk.log_odds).collect(),
            answer_mass: Some(risks.iter().map(|risk| risk.answer_mass).collect()),
        });
        Ok(scores.collect())
    }

    /// Trains on some rows and scores others, who get a risk an outcome each; between the two, the caller may look at the
    /// trained model.
    ///
    /// # Errors
    /// Where a prompt can't be made or training fails, or the caller's.
    pub fn score_fold(
        &self,
        fold: usize,
        (train, test): (&[usize], &[usize]),
        progress: &mut Progress,
        look: &mut dyn FnMut(&Fold<'_>) -> Result<(), Failure>,
    ) -> Result<Vec<Vec<Risk>>, Failure> {
        let helm = self.train(train, fold, progress)?;
        let prompts = self.prompts(&helm, test)?;
        look(&Fold { index: fold, helm: &helm, train, test, prompts: &prompts })?;
        Ok(helm.risks(&prompts)?)
    }

    /// The model that is kept: trained on everyone, after [`cross_validate`](Self::cross_validate) has said how well
    /// such models do. The bar gets one stage more.
    ///
    /// # Errors
    /// Where a prompt can't be made or training fails.
    pub fn fit_all(&self, name: &str, folds: &Folds, progress: &mut Progress) -> Result<Helm, Failure> {
        progress.stage(format!("{name}, everyone"), 1);
        let rows: Vec<usize> = (0..self.cohort.n_participants()).collect();
        self.train(&rows, folds.k(), progress)
    }

    /// Trains on all rows for a fixed number of epochs. A validation set to stop early on would hold some sixty cases:
    /// too few to tell epochs apart, and too many to go without.
    fn train(&self, rows: &[usize], fold: usize, progress: &mut Progress) -> Result<Helm, Failure> {
        let mut training = self.training.clone();
        training.seed = training.seed.wrapping_mul(1000).wrapping_add(fold as u64);
        let mut helm = (self.helm)(&Part { fold, train: rows, seed: training.seed })?;
        let train = self.examples(&helm, rows)?;
        Trainer::new(training)?.fit(&mut helm, &train, progress)?;
        Ok(helm)
    }

    fn examples(&self, helm: &Helm, rows: &[usize]) -> Result<Examples, Failure> {
        let labels = |&row: &usize| {
            self.outcomes.iter().map(|outcome| self.cohort.record(row).label(outcome)).collect::<Result<Vec<_>, _>>()
        };
        let labels = rows.iter().map(labels).collect::<Result<_, _>>()?;
        Ok(Examples::new(self.prompts(helm, rows)?, labels)?)
    }

    fn prompts(&self, helm: &Helm, rows: &[usize]) -> Result<Vec<Prompt>, Failure> {
        prompts(helm, &self.serializer, self.cohort, self.outcomes, rows)
    }
}

/// The prompts in which some of a cohort's participants are asked about outcomes.
///
/// # Errors
/// If the cohort lacks an outcome, or a prompt can't be made.
pub fn prompts(
    helm: &Helm,
    serializer: &Serializer,
    cohort: &Cohort,
    outcomes: &[String],
    rows: &[usize],
) -> Result<Vec<Prompt>, Failure> {
    let schema = cohort.schema();
    let questions = outcomes
        .iter()
        .map(|outcome| Ok(serializer.question(&schema.outcomes()[schema.outcome_index(outcome)?])))
        .collect::<Result<Vec<_>, helm_core::Error>>()?;
    prompts_asking(helm, serializer, cohort, &questions, rows)
}

/// The prompts in which some of a cohort's participants are asked these questions.
///
/// # Errors
/// If a prompt can't be made.
pub(crate) fn prompts_asking(
    helm: &Helm,
    serializer: &Serializer,
    cohort: &Cohort,
    questions: &[Question],
    rows: &[usize],
) -> Result<Vec<Prompt>, Failure> {
    let records: Vec<Record<'_>> = rows.iter().map(|&row| cohort.record(row)).collect();
    let contexts = records.iter().map(|&record| serializer.context(record)).collect::<Result<Vec<_>, _>>()?;
    Ok(helm.prompts(&contexts, records, questions)?)
}
