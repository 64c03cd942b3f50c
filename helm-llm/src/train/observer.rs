/// Watches a training run. Every method does nothing unless it is implemented.
pub trait TrainObserver {
    /// After each step.
    fn step(&mut self, _report: &StepReport) {}

    /// After each validation.
    fn validated(&mut self, _report: &ValidationReport) {}
}

/// Watches nothing.
impl TrainObserver for () {}

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct StepReport {
    /// The step, from 1.
    pub step: usize,
    /// Steps of the whole run.
    pub n_steps: usize,
    /// The mean loss of the batch.
    pub loss: f64,
    /// The learning rate of the step.
    pub learning_rate: f64,
    /// The norm of the gradient of all encoders together, before clipping.
    pub gradient_norm: f64,
    /// Participants a second, since the run began or went on.
    pub participants_per_second: f64,
}

/// What a validation found.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ValidationReport {
    /// The epoch, from 1.
    pub epoch: usize,
    /// The mean loss of the validation examples.
    pub loss: f64,
    /// What the metric is called, such as "AUROC".
    pub metric_name: String,
    /// The metric, of which a larger one is better.
    pub metric: f64,
    /// Whether it is the best so far.
    pub best: bool,
}
