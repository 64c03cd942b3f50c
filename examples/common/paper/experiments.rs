use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::iter;
use std::rc::Rc;

use burn::tensor::Device;
use helm_core::{Cohort, Folds, Risk};
use helm_encoders::{Modality, PretrainStep};
use helm_eval::baseline::LogisticConfig;
use helm_llm::{Helm, LanguageModel, SoftPrompt, TrainConfig};
use helm_serialize::{Exemplars, Serializer};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::free_tokens::{FreeTokens, nothing};
use super::{
    Budget, CellScores, FeatureSet, FewShot, Job, Model, PaperData, Store, Trained, held_out_key, missing_key,
    no_breath_key,
};
use crate::{
    BreathTargets, Encoders, Failure, Fold, GRID, Inputs, OutcomeGroup, Part, PretrainedBreath, Progress, SignalInput,
    Study, breath_pretraining, prompts,
};

/// Computes what the tables are made of, fold by fold, or takes it from where it was kept.
pub struct Experiments<'a> {
    data: &'a PaperData,
    folds: &'a Folds,
    model: &'a LanguageModel,
    device: &'a Device,
    store: &'a Store,
    /// How long models are trained.
    pub budget: Budget,
    seed: u64,
    breaths: RefCell<HashMap<(u64, usize, Trained), Rc<PretrainedBreath>>>,
}

impl<'a> Experiments<'a> {
    /// Experiments on data with these folds, through a language model.
    pub fn new(
        data: &'a PaperData,
        folds: &'a Folds,
        (model, device): (&'a LanguageModel, &'a Device),
        store: &'a Store,
        (budget, seed): (Budget, u64),
    ) -> Self {
        Self { data, folds, model, device, store, budget, seed, breaths: RefCell::default() }
    }

    /// The files that a job takes.
    ///
    /// # Errors
    /// If an outcome stands twice.
    pub fn n_cells(&self, job: Job) -> Result<usize, Failure> {
        Ok(self.groups(job)?.len() * self.folds.k())
    }

    /// A job's scores, everyone's by what they are of. The bar gets a stage for each cell.
    ///
    /// # Errors
    /// Where training fails, or what was kept can't be read.
    pub fn scores(&self, job: Job, progress: &mut Progress) -> Result<BTreeMap<String, Vec<Risk>>, Failure> {
        let nothing = Risk { log_odds: 0.0, answer_mass: 0.0 };
        let mut scores: BTreeMap<String, Vec<Risk>> = BTreeMap::new();
        let Job { model, set, seed, trained } = job;
        let job_name = format!("{}-{}-{trained}-seed{seed}", model.name(), set.name());
        for (index, group) in self.groups(job)?.iter().enumerate() {
            for fold in 0..self.folds.k() {
                progress.stage(format!("{job_name}, fold {} of {}", fold + 1, self.folds.k()), 1);
                let name = format!("{job_name}-group{index}-fold{fold}");
                let cell = match self.store.get(&name)? {
                    Some(cell) => cell,
                    None => {
                        let cell = self.cell(job, group, fold, progress)?;
                        self.store.put(&name, &cell)?;
                        cell
                    }
                };
                let test = self.folds.test_rows(fold);
                for (of, risks) in cell {
                    if risks.len() != test.len() {
                        let (expected, found) = (test.len(), risks.len());
                        return Err(Failure::new(format!("{name}: expected {expected} rows, found {found}")));
                    }
                    let all = scores.entry(of).or_insert_with(|| vec![nothing; self.data.cohort.n_participants()]);
                    test.iter().zip(risks).for_each(|(&row, risk)| all[row] = risk);
                }
            }
        }
        Ok(scores)
    }

    /// The training rows of a fold, or so many of them.
    pub fn train_rows(&self, fold: usize, trained: Trained) -> Vec<usize> {
        let mut rows = self.folds.train_rows(fold);
        if let Trained::Rows(n) = trained {
            // The rows of a smaller number are among those of a larger one.
            rows.shuffle(&mut ChaCha8Rng::seed_from_u64(self.seed));
            rows.truncate(n);
            rows.sort_unstable();
        }
        rows
    }

    /// The outcomes that a job's model is trained on, by their features. One that is asked about what is held out is
    /// trained on those outcomes only whose features suit.
    fn groups(&self, job: Job) -> Result<Vec<OutcomeGroup>, Failure> {
        let outcomes: Vec<String> = self.trained_on(job.trained).cloned().collect();
        let mut groups = self.data.groups(job.set, &outcomes)?;
        if job.trained == Trained::WithoutHeldOut {
            groups.retain(|group| self.asked(job, group).next().is_some());
        }
        Ok(groups)
    }

    fn trained_on(&self, trained: Trained) -> impl Iterator<Item = &'a String> {
        let data = self.data;
        let is_in = move |outcome: &&String| trained != Trained::WithoutHeldOut || !data.held_out.contains(outcome);
        data.outcomes.iter().filter(is_in)
    }

    /// The held-out outcomes that a group's model is asked about.
    fn asked(&self, job: Job, group: &OutcomeGroup) -> impl Iterator<Item = &'a String> {
        let data = self.data;
        let (set, features, trained) = (job.set, group.features.clone(), job.trained);
        let is_trained = move |outcome: &String| trained != Trained::WithoutHeldOut && data.outcomes.contains(outcome);
        data.held_out.iter().filter(move |outcome| !is_trained(outcome) && data.features(set, outcome) == features)
    }

    /// The scores of a fold's test rows.
    fn cell(
        &self,
        job: Job,
        group: &OutcomeGroup,
        fold: usize,
        progress: &mut Progress,
    ) -> Result<CellScores, Failure> {
        let (train, test) = (self.train_rows(fold, job.trained), self.folds.test_rows(fold));
        match job.model {
            Model::Untuned => self.untuned(job, group, &test),
            Model::TenShot => self.ten_shot(job, group, fold, &test),
            Model::LogisticEncoder => self.logistic_encoder(job, group, fold, &test),
            _ => self.tuned(job, group, fold, (&train, &test), progress),
        }
    }

    fn untuned(&self, job: Job, group: &OutcomeGroup, test: &[usize]) -> Result<CellScores, Failure> {
        let helm = Helm::new(self.model.clone(), vec![])?;
        let serializer = self.text(group);
        let asked: Vec<String> = self.asked(job, group).cloned().collect();
        let mut cell =
            self.asked_about(&helm, &serializer, &self.data.cohort, (&group.outcomes, test), str::to_owned)?;
        if !asked.is_empty() {
            cell.extend(self.asked_about(&helm, &serializer, &self.data.cohort, (&asked, test), held_out_key)?);
        }
        Ok(cell)
    }

    fn ten_shot(&self, job: Job, group: &OutcomeGroup, fold: usize, test: &[usize]) -> Result<CellScores, Failure> {
        let helm = Helm::new(self.model.clone(), vec![])?.with_trees_per_pass(1);
        let serializer = self.text(group);
        let few_shot = FewShot { helm: &helm, serializer: &serializer, cohort: &self.data.cohort };
        let train = self.train_rows(fold, job.trained);
        let mut cell = CellScores::new();
        for outcome in &group.outcomes {
            let n = few_shot.n_that_fit(outcome, self.budget.examples)?;
            let seed = self.seed.wrapping_mul(1000).wrapping_add(fold as u64);
            let exemplars = Exemplars::draw(&self.data.cohort, &train, outcome, n, seed)?;
            cell.insert(outcome.clone(), few_shot.risks(&exemplars, outcome, test)?);
        }
        Ok(cell)
    }

    /// How many examples stand in front of the longest record of each outcome.
    ///
    /// # Errors
    /// If a text can't be made.
    pub fn n_examples(&self, set: FeatureSet) -> Result<BTreeMap<String, usize>, Failure> {
        let helm = Helm::new(self.model.clone(), vec![])?;
        let mut found = BTreeMap::new();
        for group in self.data.groups(set, &self.data.outcomes)? {
            let serializer = self.text(&group);
            let few_shot = FewShot { helm: &helm, serializer: &serializer, cohort: &self.data.cohort };
            for outcome in &group.outcomes {
                found.insert(outcome.clone(), few_shot.n_that_fit(outcome, self.budget.examples)?);
            }
        }
        Ok(found)
    }

    fn logistic_encoder(
        &self,
        job: Job,
        group: &OutcomeGroup,
        fold: usize,
        test: &[usize],
    ) -> Result<CellScores, Failure> {
        let cohort = &self.data.cohort;
        let embeddings = self.breath(job, fold, &mut |_| {})?.embeddings(cohort)?;
        let features: Vec<&str> = group.features.iter().map(String::as_str).collect();
        let inputs = cohort.records().map(|record| record.model_inputs(&features)).collect::<Result<Vec<_>, _>>()?;
        let row = |row: usize| [inputs[row].as_slice(), &embeddings[row]].concat();
        let mut cell = CellScores::new();
        for outcome in &group.outcomes {
            let labels = cohort.labels(outcome)?;
            let known = self.train_rows(fold, job.trained).into_iter().filter_map(|at| Some((row(at), labels[at]?)));
            let (rows, cases): (Vec<_>, Vec<bool>) = known.unzip();
            let logistic = LogisticConfig::default().fit(&rows, &cases)?;
            let risk = |&at: &usize| Risk { log_odds: logistic.log_odds(&row(at)), answer_mass: 1.0 };
            cell.insert(outcome.clone(), test.iter().map(risk).collect());
        }
        Ok(cell)
    }

    /// Trains a model and asks it: about its outcomes, about those that are held out, and of the first seed's expanded
    /// features also where features or breaths are missing.
    fn tuned(
        &self,
        job: Job,
        group: &OutcomeGroup,
        fold: usize,
        (train, test): (&[usize], &[usize]),
        progress: &mut Progress,
    ) -> Result<CellScores, Failure> {
        let cohort = &self.data.cohort;
        let serializer = self.serializer(job.model, group)?;
        let make = |part: &Part<'_>| self.helm(job, group, part);
        let study = Study {
            cohort,
            serializer: serializer.clone(),
            outcomes: &group.outcomes,
            training: self.training(job, train.len()),
            helm: &make,
        };
        let asked: Vec<String> = self.asked(job, group).cloned().collect();
        let is_with_missing = matches!(job.model, Model::HelmTabular | Model::HelmMultimodal)
            && (job.set, job.seed, job.trained) == (FeatureSet::Expanded, 0, Trained::Whole);
        let mut cell = CellScores::new();
        let mut look = |fold: &Fold<'_>| -> Result<(), Failure> {
            if !asked.is_empty() {
                cell.extend(self.asked_about(fold.helm, &serializer, cohort, (&asked, test), held_out_key)?);
            }
            if is_with_missing {
                for &share in &self.budget.missing {
                    let with_missing = self.data.with_missing(share, self.seed)?;
                    let key = |outcome: &str| missing_key(share, outcome);
                    let asked = (group.outcomes.as_slice(), test);
                    cell.extend(self.asked_about(fold.helm, &serializer, &with_missing, asked, key)?);
                }
                if job.model == Model::HelmMultimodal {
                    let without = self.data.without_breath()?;
                    let asked = (group.outcomes.as_slice(), test);
                    cell.extend(self.asked_about(fold.helm, &serializer, &without, asked, no_breath_key)?);
                }
            }
            Ok(())
        };
        let risks = study.score_fold(fold, (train, test), progress, &mut look)?;
        for (index, outcome) in group.outcomes.iter().enumerate() {
            cell.insert(outcome.clone(), risks.iter().map(|risks| risks[index]).collect());
        }
        Ok(cell)
    }

    /// The risks of some rows, by what a function calls each outcome's.
    fn asked_about(
        &self,
        helm: &Helm,
        serializer: &Serializer,
        cohort: &Cohort,
        (outcomes, rows): (&[String], &[usize]),
        key: impl Fn(&str) -> String,
    ) -> Result<CellScores, Failure> {
        let risks = helm.risks(&prompts(helm, serializer, cohort, outcomes, rows)?)?;
        let of_outcome = |(index, outcome): (usize, &String)| {
            (key(outcome), risks.iter().map(|risks| risks[index]).collect::<Vec<Risk>>())
        };
        Ok(outcomes.iter().enumerate().map(of_outcome).collect())
    }

    /// Writes the features as text, with no slot.
    fn text(&self, group: &OutcomeGroup) -> Serializer {
        Serializer::new(self.data.cohort.schema()).with_features(group.features.iter().cloned())
    }

    fn serializer(&self, model: Model, group: &OutcomeGroup) -> Result<Serializer, Failure> {
        match model {
            Model::HelmText | Model::HelmTabular => self.inputs(group, &[]).serializer(),
            Model::HelmMultimodal | Model::HelmNoText => {
                let breath = [SignalInput { name: self.data.signal, label: "breath", beside: &self.data.beside }];
                let serializer = self.inputs(group, &breath).serializer()?;
                let is_without = model == Model::HelmNoText;
                Ok(if is_without { serializer.with_features(iter::empty::<String>()) } else { serializer })
            }
            _ => Ok(self.text(group)),
        }
    }

    fn inputs<'b>(&'b self, group: &'b OutcomeGroup, signals: &'b [SignalInput<'b>]) -> Inputs<'b> {
        let (cohort, model, device) = (&self.data.cohort, self.model, self.device);
        Inputs { cohort, model, device, features: &group.features, signals }
    }

    fn helm(&self, job: Job, group: &OutcomeGroup, part: &Part<'_>) -> Result<Helm, Failure> {
        let model = self.model.clone();
        self.device.seed(part.seed);
        Ok(match job.model {
            Model::SoftPrompt => {
                let soft_prompt = SoftPrompt::random(self.budget.soft_prompt, self.model)?;
                Helm::new(model, vec![])?.with_soft_prompt(&soft_prompt)?
            }
            Model::HelmText => {
                let frozen = self.model.frozen();
                let free = FreeTokens::init(Encoders::N_SOFT, frozen.d_model(), frozen.embedding_rms(), self.device);
                Helm::new(model, vec![Modality::new("tabular", free, nothing, self.device)])?
            }
            Model::HelmMultimodal | Model::HelmNoText => {
                // The encoder comes first: its making draws random numbers, too.
                let breath = self.breath(job, part.fold, &mut |_| {})?.modality()?;
                let mut modalities = self.inputs(group, &[]).modalities(part)?;
                modalities.push(breath);
                Helm::new(model, modalities)?
            }
            _ => self.inputs(group, &[]).helm(part)?,
        })
    }

    /// The breath's encoder of a fold, pretrained once.
    fn breath(
        &self,
        job: Job,
        fold: usize,
        observer: &mut dyn FnMut(&PretrainStep),
    ) -> Result<Rc<PretrainedBreath>, Failure> {
        let key = (job.seed, fold, job.trained);
        if let Some(breath) = self.breaths.borrow().get(&key) {
            return Ok(breath.clone());
        }
        let train = self.train_rows(fold, job.trained);
        let seed = self.training_seed(job).wrapping_mul(1000).wrapping_add(fold as u64);
        let outcomes: Vec<String> = self.trained_on(job.trained).cloned().collect();
        self.device.seed(seed);
        let encoders = Encoders { cohort: &self.data.cohort, model: self.model, device: self.device, train: &train };
        let targets = BreathTargets { measures: &self.data.measures, outcomes: &outcomes };
        let mut training = breath_pretraining(self.budget.pretraining_epochs, seed);
        training.epochs = self.epochs(training.epochs, train.len(), training.batch_size);
        let curve = (GRID, self.data.beside.as_slice());
        let start = encoders.new_breath(self.data.signal, curve)?;
        let breath = start.pretrained((&self.data.cohort, &train), targets, &training, observer)?;
        let breath = Rc::new(breath.with_frozen_features());
        self.breaths.borrow_mut().insert(key, breath.clone());
        Ok(breath)
    }

    fn training(&self, job: Job, n: usize) -> TrainConfig {
        let mut training = TrainConfig::default();
        training.seed = self.training_seed(job);
        let epochs = match job.model {
            Model::SoftPrompt => {
                training.learning_rate = self.budget.soft_prompt_learning_rate;
                self.budget.soft_prompt_epochs
            }
            _ => {
                (training.learning_rate, training.batch_size) = (self.budget.learning_rate, self.budget.batch_size);
                self.budget.epochs
            }
        };
        training.epochs = self.epochs(epochs, n, training.batch_size);
        training
    }

    /// Passes over so many participants, so that there are not too few steps.
    fn epochs(&self, epochs: usize, n: usize, batch_size: usize) -> usize {
        let steps_per_epoch = n.div_ceil(batch_size).max(1);
        epochs.max(self.budget.least_steps.div_ceil(steps_per_epoch))
    }

    fn training_seed(&self, job: Job) -> u64 {
        self.seed.wrapping_mul(100).wrapping_add(job.seed)
    }
}
