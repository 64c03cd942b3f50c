//! A frozen language model that reads text and soft tokens, answers yes or no, and trains the encoders through itself.
//!
//! The principal type is [`Helm`]: encoders around a [`LanguageModel`]. It makes [`Prompt`]s of participants and
//! answers with their risks. Around it:
//!
//! - [`LanguageModel`], [`Tokenizer`], [`DecoderConfig`]: a decoder from a Hugging Face folder (`config.json`,
//!   `tokenizer.json`, and `model.safetensors` or several files with their index), of the families Llama 2 and 3 (SmolLM2,
//!   too), Mistral, Qwen 2, 2.5 and 3, Gemma 2 and 3 (text), Phi-3, GPT-2 and GPT-NeoX (Pythia): one decoder, described by
//!   its configuration; in f32, bf16 or f16.
//!   With the feature `hub`, `Hub` finds such a folder by a model's name on the Hugging Face hub;
//! - [`FrozenModel`]: what scoring and training need of it, and no more; [`FrozenDecoder`] does it, on the CPU in f32 or
//!   bf16 by an engine without a graph, on any other device and in f16 with burn;
//! - [`Trainer`], [`TrainConfig`], [`Examples`]: training of the encoders by gradients through the frozen model, watched
//!   by a [`TrainObserver`], and gone on with from a [`Checkpoint`];
//! - [`SoftPrompt`]: free vectors in front of everything, trained with the encoders or alone (prompt tuning), exchanged
//!   with Hugging Face's PEFT;
//! - [`Generation`], [`GenerationConfig`]: text, greedy or sampled, piece by piece; [`Conversation`]: about one
//!   participant's record, by the model's own [`ChatTemplate`], with its [`NOTICE`];
//! - [`Pretraining`]: a small decoder of one's own, trained from scratch on any text;
//! - [`Bundle`]: what was learned and all that is needed to score new people, as a folder;
//! - [`Attribution`]: which samples of a signal, or which soft tokens, speak for or against an outcome.
//!
//! A participant who lacks a modality's input has no such slot in the context, or has one where the modality's learned
//! stand-in stands; [`TrainConfig::modality_dropout`] trains it.
//!
//! A participant's context is read once. Every question hangs from it, and every answer from its question: one packed
//! tree of tokens with a mask, computed in one pass, each branch as if it stood alone. The text in front of the first
//! soft token is constant while the model is frozen, so its keys and values are computed once and kept.
//!
//! ```
//! use helm_core::{Answers, Cohort, Context, Feature, ParticipantId, Question, Schema, Value};
//! use helm_encoders::{Modality, TabularEncoderConfig, TabularReader};
//! use helm_llm::{Helm, LanguageModel};
//!
//! let schema = Schema::new(vec![Feature::number("age", "age", "years", 0.0..=120.0)], vec![], vec![])?;
//! let cohort = Cohort::builder(schema, vec![ParticipantId::new("a"), ParticipantId::new("b")])?
//!     .feature("age", vec![Value::Number(54.0), Value::Number(31.0)])?
//!     .build()?;
//!
//! // A language model of random weights stands here for one of yours.
//! let device = helm_encoders::device("cpu")?;
//! let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/fixtures/tiny-llama");
//! let model = LanguageModel::load(folder.as_ref(), &device)?;
//!
//! let reader = TabularReader::fit(["age"], cohort.records())?;
//! let encoder = TabularEncoderConfig::new(reader.width(), 2, model.frozen().d_model()).init(&device);
//! let helm = Helm::new(model, vec![Modality::new("tabular", encoder, reader, &device)])?;
//!
//! let context = Context::default().with_text("Measurements: ").with_soft("tabular");
//! let questions = ["asthma", "diabetes"]
//!     .map(|name| Question { text: format!("\n{name}:"), answers: Answers::yes_no() });
//! let contexts = vec![context; cohort.n_participants()];
//! let prompts = helm.prompts(&contexts, cohort.records(), &questions)?;
//! let risks = helm.risks(&prompts)?;
//! assert_eq!((risks.len(), risks[0].len()), (2, 2));
//! assert!((0.0..=1.0).contains(&risks[0][1].probability()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Mixtures of experts, and rotary positions scaled by yarn or dynamically, are refused.
//! Encoder–decoders such as T5 won't be.

mod answer_score;
mod bundle;
mod chat;
mod chat_template;
mod chat_tokens;
mod engine;
mod error;
mod explain;
mod files;
mod frozen;
mod frozen_decoder;
mod generation;
mod generation_config;
mod helm;
#[cfg(feature = "hub")]
mod hub;
mod language_model;
mod likelihood;
mod model;
mod packed;
mod prefix_cache;
mod pretraining;
mod prompt;
mod soft_gradient;
mod soft_prompt;
mod splice;
mod tokenizer;
mod train;
mod tree;

pub use answer_score::AnswerScore;
pub use bundle::Bundle;
pub use chat::{Conversation, NOTICE};
pub use chat_template::{ChatRole, ChatTemplate};
pub use error::Error;
pub use explain::Attribution;
pub use frozen::{Decoding, FrozenModel, MemoryBound, TargetScore, Vjp};
pub use frozen_decoder::FrozenDecoder;
pub use generation::{FinishReason, Generation};
pub use generation_config::GenerationConfig;
pub use helm::Helm;
#[cfg(feature = "hub")]
pub use hub::Hub;
pub use language_model::LanguageModel;
pub use model::{
    Activation, AttentionSettings, DecoderConfig, LoadReport, NormKind, PerceptronSettings, Positions, Residual,
    RopeConfig, RopeScaling, Window,
};
pub use packed::{PackedTrees, Padding};
pub use pretraining::{Pretraining, PretrainingStep, WeightedText};
pub use prompt::Prompt;
pub use soft_prompt::SoftPrompt;
pub use tokenizer::Tokenizer;
pub use train::{
    Checkpoint, Examples, Imbalance, StepReport, TrainConfig, TrainObserver, TrainReport, Trainer, Validation,
    ValidationReport,
};
