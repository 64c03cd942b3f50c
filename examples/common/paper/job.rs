use std::fmt;

use super::FeatureSet;

/// A way to estimate risks that is computed fold by fold and kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// The language model as it is, asked about text.
    Untuned,
    /// The language model as it is, after ten answered examples.
    TenShot,
    /// Twenty free vectors in front of the text.
    SoftPrompt,
    /// HeLM on text and soft tokens that are the same for everyone.
    HelmText,
    /// HeLM on text and soft tokens of the features.
    HelmTabular,
    /// HeLM on these and soft tokens of the breath.
    HelmMultimodal,
    /// HeLM on soft tokens of the features and of the breath, without text.
    HelmNoText,
    /// Logistic regression on features and the breath encoder's embedding, before the language model comes in.
    LogisticEncoder,
}

impl Model {
    /// Its name in tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Untuned => "untuned",
            Self::TenShot => "ten_shot",
            Self::SoftPrompt => "soft_prompt",
            Self::HelmText => "helm_text",
            Self::HelmTabular => "helm_tabular",
            Self::HelmMultimodal => "helm_multimodal",
            Self::HelmNoText => "helm_no_text",
            Self::LogisticEncoder => "logistic_encoder",
        }
    }
}

/// What a model is trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trained {
    /// All outcomes, on all training rows.
    Whole,
    /// The outcomes that are not held out.
    WithoutHeldOut,
    /// All outcomes, on so many of the training rows.
    Rows(usize),
}

impl fmt::Display for Trained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("whole"),
            Self::WithoutHeldOut => f.write_str("without_held_out"),
            Self::Rows(n) => write!(f, "{n}_rows"),
        }
    }
}

/// A model's scores of everyone, by models that were trained on others.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// The model.
    pub model: Model,
    /// Its features.
    pub set: FeatureSet,
    /// Which of the training seeds.
    pub seed: u64,
    /// What it is trained on.
    pub trained: Trained,
}
