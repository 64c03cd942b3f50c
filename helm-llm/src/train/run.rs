use std::borrow::Cow;
use std::time::Instant;

use helm_encoders::{Modality, ModalitySnapshot};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::checkpoint::{self, Best, Checkpoint, Identity, Progress, State, of_examples};
use super::config::Imbalance;
use super::dropout::drop_inputs;
use super::examples::Examples;
use super::observer::{StepReport, TrainObserver, ValidationReport};
use super::sampler::{class_weights, draw_questions, epoch_order, even_parts};
use super::schedule::learning_rate;
use super::step::Step;
use super::trainer::{TrainReport, Trainer};
use super::validate::validate;
use crate::{Error, Helm, Prompt};

/// A training run under way. All that decides how it goes on is in `progress`, the modalities and `best`.
pub(super) struct Run<'a> {
    trainer: &'a Trainer<'a>,
    helm: &'a mut Helm,
    train: &'a Examples,
    observer: &'a mut dyn TrainObserver,
    /// Of each question, in drawing.
    question_weights: Vec<f64>,
    /// Of a control and of a case of each question, in validation.
    weights: Vec<[f64; 2]>,
    /// The same in a step, where a question's weight may have been spent on drawing it.
    step_weights: Vec<[f64; 2]>,
    steps_per_epoch: usize,
    n_steps: usize,
    progress: Progress,
    best: Option<Vec<ModalitySnapshot>>,
    /// Known where checkpoints are written.
    identity: Option<Identity>,
    order_rng: ChaCha8Rng,
    dropout_rng: ChaCha8Rng,
    question_rng: ChaCha8Rng,
    /// When it began or went on, and participants since then.
    begin: Instant,
    participants: usize,
}

impl<'a> Run<'a> {
    /// A run that has not begun.
    pub(super) fn new(
        trainer: &'a Trainer<'a>,
        helm: &'a mut Helm,
        train: &'a Examples,
        observer: &'a mut dyn TrainObserver,
    ) -> Self {
        let config = &trainer.config;
        helm.modalities.iter_mut().for_each(|modality| modality.start_training(&config.adamw()));
        let of_classes = match config.imbalance {
            Imbalance::Weights => class_weights(train),
            Imbalance::None | Imbalance::Sampling => vec![[1.0; 2]; train.n_questions()],
        };
        let question_weights = config.weights_of_questions(train.n_questions());
        let times = |(weights, of_question): (&[f64; 2], &f64)| weights.map(|weight| weight * of_question);
        let weights: Vec<[f64; 2]> = of_classes.iter().zip(&question_weights).map(times).collect();
        let step_weights = if config.questions_per_participant == 0 { weights.clone() } else { of_classes };
        // Batches of two at least: batch norm takes no batch of a single example.
        let steps_per_epoch = train.len().div_ceil(config.batch_size).min(train.len() / 2);
        // Streams of their own, so that the order of the participants is the same whatever else is drawn.
        let [order_rng, dropout_rng, question_rng] = [0, 1, 2].map(|stream| {
            let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
            rng.set_stream(stream);
            rng
        });
        let progress = Progress {
            step: 0,
            epoch: 0,
            step_of_epoch: steps_per_epoch,
            order_position: 0,
            dropout_position: 0,
            question_position: 0,
            loss_sum: 0.0,
            last_loss: f64::NAN,
            best: None,
        };
        Self {
            n_steps: steps_per_epoch * config.epochs,
            trainer,
            helm,
            train,
            observer,
            question_weights,
            weights,
            step_weights,
            steps_per_epoch,
            progress,
            best: None,
            identity: None,
            order_rng,
            dropout_rng,
            question_rng,
            begin: Instant::now(),
            participants: 0,
        }
    }

    /// Takes over what a checkpoint holds; the encoders are as they were if it doesn't fit.
    pub(super) fn load(&mut self, checkpoint: &Checkpoint) -> Result<(), Error> {
        let state = checkpoint.state();
        self.identity().check(&state.identity, checkpoint.folder())?;
        let progress = &state.progress;
        let (epochs, per_epoch) = (self.trainer.config.epochs, self.steps_per_epoch);
        let is_possible = (1..=epochs).contains(&progress.epoch)
            && (1..=per_epoch).contains(&progress.step_of_epoch)
            && progress.step == (progress.epoch - 1) * per_epoch + progress.step_of_epoch
            && progress.best.is_none_or(|best| (1..=progress.epoch).contains(&best.epoch) && best.metric.is_finite());
        if !is_possible {
            return Err(Error::Format {
                path: checkpoint.folder().join("state.json"),
                expected: format!("progress within {epochs} epochs of {per_epoch} steps"),
                found: format!(
                    "step {} in epoch {}, the {}th of it",
                    progress.step, progress.epoch, progress.step_of_epoch
                ),
            });
        }
        let file = |modality: &Modality| format!("{}.safetensors", modality.slot());
        let snapshots = |folder: &std::path::Path| {
            let load = |modality: &Modality| modality.load_snapshot(&folder.join(file(modality)));
            self.helm.modalities.iter().map(load).collect::<Result<Vec<_>, _>>()
        };
        let weights = snapshots(&checkpoint.weights())?;
        self.best = checkpoint.best_weights().map(|folder| snapshots(&folder)).transpose()?;
        let moments = checkpoint.folder().join(checkpoint::OPTIMIZER);
        for modality in &mut self.helm.modalities {
            modality.load_optimizer(&moments.join(file(modality)))?;
        }
        restore(self.helm, &weights);
        self.progress = progress.clone();
        self.order_rng.set_word_pos(progress.order_position);
        self.dropout_rng.set_word_pos(progress.dropout_position);
        self.question_rng.set_word_pos(progress.question_position);
        Ok(())
    }

    /// Runs to the end, and returns to the best weights.
    pub(super) fn finish(mut self) -> Result<TrainReport, Error> {
        while !self.is_over() {
            if self.progress.step_of_epoch == self.steps_per_epoch {
                self.progress.epoch += 1;
                self.progress.step_of_epoch = 0;
                self.progress.loss_sum = 0.0;
            }
            self.finish_epoch()?;
        }
        if let Some(best) = &self.best {
            restore(self.helm, best);
        }
        Ok(TrainReport {
            steps: self.progress.step,
            last_loss: self.progress.last_loss,
            best_epoch: self.progress.best.map(|best| best.epoch),
            best_metric: self.progress.best.map(|best| best.metric),
        })
    }

    fn is_over(&self) -> bool {
        let Progress { epoch, step_of_epoch, best, .. } = &self.progress;
        let config = &self.trainer.config;
        let is_impatient = config.patience > 0 && best.is_some_and(|best| epoch - best.epoch >= config.patience);
        *step_of_epoch == self.steps_per_epoch && (*epoch == config.epochs || is_impatient)
    }

    /// What is left of an epoch's steps, its validation and its checkpoint.
    fn finish_epoch(&mut self) -> Result<(), Error> {
        let (train, config) = (self.train, &self.trainer.config);
        let order = epoch_order(train, config.imbalance, &self.question_weights, &mut self.order_rng);
        for batch in even_parts(&order, self.steps_per_epoch).skip(self.progress.step_of_epoch) {
            self.step(batch)?;
            let is_due = config.checkpoint_steps > 0 && self.progress.step.is_multiple_of(config.checkpoint_steps);
            if is_due && self.progress.step_of_epoch < self.steps_per_epoch {
                self.checkpoint()?;
            }
        }
        self.progress.order_position = self.order_rng.get_word_pos();
        self.progress.last_loss = self.progress.loss_sum / self.steps_per_epoch as f64;
        self.validate()?;
        self.checkpoint()
    }

    fn step(&mut self, batch: &[usize]) -> Result<(), Error> {
        let config = &self.trainer.config;
        let rate = learning_rate(config.learning_rate, config.warmup, self.progress.step, self.n_steps);
        // A step that fails has moved batch norms' running statistics already.
        let before: Vec<_> = self.helm.modalities.iter().map(Modality::snapshot).collect();
        let whole = batch.iter().map(|&example| &self.train.prompts()[example]);
        let prompts = drop_inputs(whole, self.helm.modalities(), config.modality_dropout, &mut self.dropout_rng);
        let prompts: Vec<&Prompt> = prompts.iter().map(Cow::as_ref).collect();
        let n_drawn = config.questions_per_participant;
        let labels = batch.iter().map(|&example| match (n_drawn, &self.train.labels()[example]) {
            (0, labels) => Cow::Borrowed(labels),
            (_, labels) => Cow::Owned(draw_questions(labels, &self.question_weights, n_drawn, &mut self.question_rng)),
        });
        let labels: Vec<Cow<'_, Vec<Option<bool>>>> = labels.collect();
        let labels: Vec<&[Option<bool>]> = labels.iter().map(|labels| labels.as_slice()).collect();
        let step = Step { config, weights: &self.step_weights, number: self.progress.step + 1 };
        let taken = step.take(self.helm, &prompts, &labels, rate);
        let (loss, gradient_norm) = taken.inspect_err(|_| restore(self.helm, &before))?;
        self.progress.step += 1;
        self.progress.step_of_epoch += 1;
        self.progress.loss_sum += loss;
        self.progress.dropout_position = self.dropout_rng.get_word_pos();
        self.progress.question_position = self.question_rng.get_word_pos();
        self.participants += batch.len();
        self.observer.step(&StepReport {
            step: self.progress.step,
            n_steps: self.n_steps,
            loss,
            learning_rate: rate,
            gradient_norm,
            participants_per_second: self.participants as f64 / self.begin.elapsed().as_secs_f64(),
        });
        Ok(())
    }

    fn validate(&mut self) -> Result<(), Error> {
        let Some(examples) = &self.trainer.validation else { return Ok(()) };
        let found = validate(self.helm, examples, &self.weights, self.trainer.config.likelihood_weight);
        let metric = (self.trainer.metric)(&found);
        if !metric.is_finite() {
            self.best.iter().for_each(|best| restore(self.helm, best));
            return Err(Error::NotFinite { step: self.progress.step, what: "validation metric".into(), found: metric });
        }
        let epoch = self.progress.epoch;
        let better = self.progress.best.is_none_or(|best| metric > best.metric);
        if better {
            self.progress.best = Some(Best { epoch, metric });
            self.best = Some(self.helm.modalities.iter().map(Modality::snapshot).collect());
        }
        let metric_name = self.trainer.metric_name.clone();
        self.observer.validated(&ValidationReport { epoch, loss: found.loss, metric_name, metric, best: better });
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<(), Error> {
        let Some(folder) = &self.trainer.config.checkpoints else { return Ok(()) };
        let state = State {
            format: State::FORMAT,
            progress: self.progress.clone(),
            identity: self.identity().clone(),
            files: Default::default(),
        };
        checkpoint::write(folder, self.helm, self.best.as_deref(), state)?;
        checkpoint::remove_older(folder, self.progress.step, self.trainer.config.keep_checkpoints)
    }

    /// What must be the same where a run goes on. It hashes the language model, so it is made once and when needed.
    fn identity(&mut self) -> &Identity {
        let trainer = self.trainer;
        self.identity.get_or_insert_with(|| {
            let examples = [Some(self.train), trainer.validation.as_ref()].map(of_examples);
            Identity::new(self.helm, examples, &trainer.metric_name, trainer.config.identity())
        })
    }
}

/// Returns to earlier weights.
fn restore(helm: &mut Helm, snapshots: &[ModalitySnapshot]) {
    helm.modalities.iter_mut().zip(snapshots).for_each(|(modality, snapshot)| modality.restore(snapshot));
}
