use super::checkpoint::{self, Checkpoint};
use super::config::TrainConfig;
use super::examples::{Examples, Validation};
use super::observer::TrainObserver;
use super::run::Run;
use crate::{Error, Helm};

/// Trains the encoders and the soft prompt of a [`Helm`] by gradients through its frozen language model.
///
/// The language model is not in the autodiff graph: for each batch, the encoders make soft tokens, the language model
/// yields the loss and its gradient with respect to them, and the encoders take over from there. AdamW, warm-up and
/// cosine, clipping of the gradient of all encoders together.
///
/// ```no_run
/// # fn example(mut helm: helm_llm::Helm, train: helm_llm::Examples, validation: helm_llm::Examples)
/// # -> Result<(), helm_llm::Error> {
/// use helm_llm::{TrainConfig, Trainer};
///
/// let mut config = TrainConfig::default();
/// config.epochs = 4;
/// let report = Trainer::new(config)?.with_validation(validation).fit(&mut helm, &train, &mut ())?;
/// println!("best epoch {:?}, loss {:.3}", report.best_epoch, report.last_loss);
/// # Ok(())
/// # }
/// ```
///
/// A run that writes [checkpoints](Checkpoint) and is interrupted goes on by [`resume`](Self::resume).
pub struct Trainer<'a> {
    pub(super) config: TrainConfig,
    pub(super) validation: Option<Examples>,
    pub(super) metric_name: String,
    pub(super) metric: Box<dyn Fn(&Validation) -> f64 + 'a>,
}

/// What a training run did.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TrainReport {
    /// Steps taken.
    pub steps: usize,
    /// The mean loss of the last epoch's batches.
    pub last_loss: f64,
    /// The epoch, from 1, whose weights the model has now; `None` without validation: the last.
    pub best_epoch: Option<usize>,
    /// The validation metric of that epoch.
    pub best_metric: Option<f64>,
}

impl<'a> Trainer<'a> {
    /// A trainer with settings.
    ///
    /// # Errors
    /// [`Error::Training`] if a setting is out of range.
    pub fn new(config: TrainConfig) -> Result<Self, Error> {
        config.check()?;
        let metric = Box::new(|validation: &Validation| -validation.loss);
        Ok(Self { config, validation: None, metric_name: "negative loss".into(), metric })
    }

    /// Validates after each epoch, and returns to the best epoch's weights in the end.
    pub fn with_validation(mut self, validation: Examples) -> Self {
        self.validation = Some(validation);
        self
    }

    /// Judges a validation by this metric, of which a larger one is better, and reports it by its name, such as
    /// "AUROC"; by default, by the loss with its sign turned. helm-llm knows no metric; `auroc` of helm-eval's `Scored` is one.
    ///
    /// ```
    /// use helm_llm::{TrainConfig, Trainer};
    ///
    /// // The share of the first question's labels that the sign of the log-odds says.
    /// let trainer = Trainer::new(TrainConfig::default())?.with_metric("accuracy", |validation| {
    ///     let (log_odds, labels) = &validation.questions[0];
    ///     let right = log_odds.iter().zip(labels).filter(|(log_odds, case)| (**log_odds > 0.0) == **case).count();
    ///     right as f64 / labels.len() as f64
    /// });
    /// # let _ = trainer;
    /// # Ok::<(), helm_llm::Error>(())
    /// ```
    pub fn with_metric(mut self, name: impl Into<String>, metric: impl Fn(&Validation) -> f64 + 'a) -> Self {
        self.metric_name = name.into();
        self.metric = Box::new(metric);
        self
    }

    /// Trains the encoders and the soft prompt.
    ///
    /// # Errors
    /// [`Error::Training`] if there are fewer than two examples, nothing to train, a modality without a stand-in whose
    /// inputs are to be dropped, a question of a weight above 0 whose labels are all of one class, not a weight for each
    /// question, no validation example where validation or patience is asked for, a slot that can't name a checkpoint's
    /// file, or checkpoints of another run where this one's are to be written; [`Error::Prompt`] if examples were made
    /// with other modalities; [`Error::NotFinite`] if soft tokens, a loss, a gradient or a validation metric is NaN or
    /// infinite: the encoders then have their last good weights; [`Error::Io`] or [`Error::Encoder`] if a checkpoint
    /// can't be written.
    pub fn fit(
        &self,
        helm: &mut Helm,
        train: &Examples,
        observer: &mut dyn TrainObserver,
    ) -> Result<TrainReport, Error> {
        self.check(helm, train)?;
        if let Some(folder) = &self.config.checkpoints
            && let Some((step, _)) = checkpoint::all(folder)?.last_key_value()
        {
            return Err(Error::Training {
                expected: format!("no checkpoints of an earlier run in {}, or to resume it", folder.display()),
                found: format!("one of step {step}"),
            });
        }
        Run::new(self, helm, train, observer).finish()
    }

    /// Goes on with a run from a checkpoint: with the same settings, examples and language model, and modalities of the
    /// same configurations, whose weights don't matter. The run ends with the weights and the report that it would have
    /// had without an interruption, bit by bit on the same device with the same
    /// [trees per pass](Helm::with_trees_per_pass); encoders that draw random numbers themselves (burn's `Dropout`) are
    /// the exception. The observer is told of the steps that are left.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] with what differs if the checkpoint is another run's; [`Error::Format`], [`Error::Io`] or
    /// [`Error::Encoder`] if its files are not those of such a run. The encoders are as they were then. Otherwise as
    /// [`fit`](Self::fit).
    pub fn resume(
        &self,
        checkpoint: &Checkpoint,
        helm: &mut Helm,
        train: &Examples,
        observer: &mut dyn TrainObserver,
    ) -> Result<TrainReport, Error> {
        self.check(helm, train)?;
        let mut run = Run::new(self, helm, train, observer);
        run.load(checkpoint)?;
        run.finish()
    }

    fn check(&self, helm: &Helm, train: &Examples) -> Result<(), Error> {
        let wrong = |expected: &str, found: String| Err(Error::Training { expected: expected.into(), found });
        if helm.modalities.is_empty() {
            return wrong("at least one modality or a soft prompt to train", "none".into());
        }
        if self.config.modality_dropout > 0.0
            && let Some(without) = helm.modalities().iter().find(|modality| modality.stand_in().is_none())
        {
            let found = format!("none in slot {}", without.slot());
            return wrong("a stand-in for every modality whose inputs are dropped", found);
        }
        for examples in self.validation.iter().chain([train]) {
            helm.check_prompts(examples.prompts())?;
        }
        if train.len() < 2 {
            return wrong("at least two examples with a label", train.len().to_string());
        }
        if let Some(validation) = self.validation.as_ref().filter(|other| other.n_questions() != train.n_questions()) {
            let expected = format!("validation examples with {} questions", train.n_questions());
            return wrong(&expected, validation.n_questions().to_string());
        }
        if self.validation.as_ref().is_some_and(Examples::is_empty) {
            return wrong("validation examples with a label", "none".into());
        }
        if self.config.patience > 0 && self.validation.is_none() {
            return wrong("validation examples to be patient with", "none".into());
        }
        if self.config.checkpoints.is_some() {
            // They name the checkpoints' files.
            let plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
            if let Some(modality) = helm.modalities.iter().find(|modality| !plain(modality.slot().as_str())) {
                let found = format!("slot {:?}", modality.slot().as_str());
                return wrong("slots named by letters, digits, - and _ where checkpoints are written", found);
            }
        }
        let weights = self.config.weights_of_questions(train.n_questions());
        if weights.len() != train.n_questions() {
            let expected = format!("a weight for each of {} questions", train.n_questions());
            return wrong(&expected, weights.len().to_string());
        }
        for (question, _) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
            let [controls, cases] = train.counts(question);
            if controls == 0 || cases == 0 {
                let expected = format!("cases and controls for question {}", question + 1);
                return wrong(&expected, format!("{cases} cases and {controls} controls"));
            }
        }
        Ok(())
    }
}
