use serde::Serialize;

/// How long models are trained, and how much is asked of them.
#[derive(Clone, Debug, Serialize)]
pub struct Budget {
    /// Passes over the training participants.
    pub epochs: usize,
    /// Those of the soft prompt, each of which takes several times as long.
    pub soft_prompt_epochs: usize,
    /// Participants in a step of HeLM: few, because what is learned in few epochs is a question of steps.
    pub batch_size: usize,
    /// AdamW's learning rate of HeLM.
    pub learning_rate: f64,
    /// That of the soft prompt.
    pub soft_prompt_learning_rate: f64,
    /// Passes of the breath's encoder alone, whose features are frozen then.
    pub pretraining_epochs: usize,
    /// The fewest steps that a model is trained, where there are few participants.
    pub least_steps: usize,
    /// Answered examples in front of a record.
    pub examples: usize,
    /// Vectors of the soft prompt.
    pub soft_prompt: usize,
    /// Shares of the features that are missing when a model is tested.
    pub missing: Vec<f64>,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            epochs: 3,
            soft_prompt_epochs: 1,
            batch_size: 16,
            learning_rate: 5e-3,
            soft_prompt_learning_rate: 1e-2,
            pretraining_epochs: 16,
            least_steps: 300,
            examples: 10,
            soft_prompt: 20,
            missing: vec![0.25, 0.5, 0.75, 1.0],
        }
    }
}
