use std::fmt;

use burn::module::{Module, Param};
use burn::tensor::{Device, Distribution, Tensor, TensorData};
use helm_core::Record;
use helm_encoders::{Modality, ModalityEncoder, SoftTokens};

use crate::{Error, Helm, LanguageModel};

mod adapter;

/// Free vectors in front of everything, even of the token that starts a text: what prompt tuning learns (Lester et al.
/// 2021, arXiv 2104.08691), the same for everyone.
///
/// Alone it is the prompt-tuning baseline; beside modalities it is trained with them. [`Helm::with_soft_prompt`] puts it
/// in front, a [`Trainer`](crate::Trainer) trains it, [`Helm::soft_prompt`] hands it out, and
/// [`save_adapter`](Self::save_adapter) writes it so that PEFT reads it in Python.
///
/// ```
/// use helm_core::{Answers, Cohort, Context, ParticipantId, Question, Schema};
/// use helm_llm::{Helm, LanguageModel, SoftPrompt};
///
/// let cohort = Cohort::builder(Schema::new(vec![], vec![], vec![])?, vec![ParticipantId::new("a")])?.build()?;
/// let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/fixtures/tiny-llama");
/// let model = LanguageModel::load(folder.as_ref(), &helm_encoders::device("cpu")?)?;
/// let soft_prompt = SoftPrompt::from_text(8, "Is the patient ill?", &model)?;
/// let helm = Helm::new(model, vec![])?.with_soft_prompt(&soft_prompt)?;
///
/// let question = Question { text: " asthma:".into(), answers: Answers::yes_no() };
/// let prompt = helm.prompt(&Context::default().with_text("Age: 54."), cohort.record(0), &[question])?;
/// assert!(prompt.n_tokens() > 8);
/// assert!((0.0..=1.0).contains(&helm.risks(&[prompt])?[0][0].probability()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct SoftPrompt {
    d_model: usize,
    /// `[n_soft, d_model]`, row by row.
    values: Vec<f32>,
}

impl SoftPrompt {
    /// The slot in which a soft prompt stands: its name in errors, reports and checkpoints. No modality may have it.
    pub const SLOT: &str = "soft_prompt";

    /// A soft prompt of these vectors, in the model's embedding space.
    ///
    /// # Errors
    /// [`Error::Prompt`] if there is no vector, they differ in length or have none, or a number is not finite.
    pub fn new(vectors: &[Vec<f32>]) -> Result<Self, Error> {
        let d_model = vectors.first().map_or(0, Vec::len);
        if d_model == 0 || vectors.iter().any(|vector| vector.len() != d_model) {
            let lengths: Vec<String> = vectors.iter().map(|vector| vector.len().to_string()).take(8).collect();
            return Err(Error::Prompt {
                expected: "a soft prompt of at least one vector, all of one length above 0".into(),
                found: format!("{} of lengths [{}]", vectors.len(), lengths.join(", ")),
            });
        }
        Self::from_values(d_model, vectors.concat())
    }

    /// `n_soft` random vectors at the scale of the model's embeddings. They are drawn from the random numbers of the
    /// model's device.
    ///
    /// # Errors
    /// [`Error::Prompt`] if `n_soft` is 0 or more than the model has positions.
    pub fn random(n_soft: usize, model: &LanguageModel) -> Result<Self, Error> {
        check_n_soft(n_soft, model)?;
        let frozen = model.frozen();
        let normal = Distribution::Normal(0.0, frozen.embedding_rms());
        let vectors = Tensor::<2>::random([n_soft, frozen.d_model()], normal, frozen.device());
        Self::from_values(frozen.d_model(), to_f32(vectors))
    }

    /// The embeddings of a text's first `n_soft` tokens, those that start a text included; a shorter one is repeated.
    /// This is PEFT's `prompt_tuning_init="TEXT"`.
    ///
    /// # Errors
    /// [`Error::Prompt`] if `n_soft` is 0 or more than the model has positions, or the text has no token;
    /// [`Error::Tokenizer`] if the tokenizer refuses the text.
    pub fn from_text(n_soft: usize, text: &str, model: &LanguageModel) -> Result<Self, Error> {
        check_n_soft(n_soft, model)?;
        let mut ids = model.tokenizer().start().to_vec();
        ids.extend(model.tokenizer().encode(text)?);
        if ids.is_empty() {
            return Err(Error::Prompt { expected: "a text of at least one token".into(), found: "none".into() });
        }
        let ids: Vec<u32> = ids.iter().copied().cycle().take(n_soft).collect();
        let frozen = model.frozen();
        Self::from_values(frozen.d_model(), to_f32(frozen.embeddings(&ids)))
    }

    fn from_values(d_model: usize, values: Vec<f32>) -> Result<Self, Error> {
        if values.iter().all(|value| value.is_finite()) {
            return Ok(Self { d_model, values });
        }
        Err(Error::Prompt { expected: "a soft prompt of finite numbers".into(), found: "NaN or infinity".into() })
    }

    /// How many vectors there are.
    pub fn n_soft(&self) -> usize {
        self.values.len() / self.d_model
    }

    /// The width of the language model's embedding space.
    pub fn d_model(&self) -> usize {
        self.d_model
    }

    /// The vectors, in their order.
    pub fn vectors(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks(self.d_model)
    }
}

impl fmt::Debug for SoftPrompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SoftPrompt({} × {})", self.n_soft(), self.d_model)
    }
}

impl Helm {
    /// Puts a soft prompt in front of every prompt, in the place of one that was there. Prompts must be made anew:
    /// their lengths count its vectors.
    ///
    /// # Errors
    /// [`Error::Prompt`] if its vectors are not as wide as the language model's embeddings, or a modality has its
    /// [slot](SoftPrompt::SLOT).
    pub fn with_soft_prompt(mut self, soft_prompt: &SoftPrompt) -> Result<Self, Error> {
        let mut modalities = std::mem::take(&mut self.modalities);
        if self.has_soft_prompt {
            modalities.pop();
        }
        let device = self.model.frozen().device();
        let vectors = TensorData::new(soft_prompt.values.clone(), [soft_prompt.n_soft(), soft_prompt.d_model]);
        let vectors = FreeVectors { vectors: Param::from_tensor(Tensor::from_data(vectors, device)) };
        let everyone = |_: Record<'_>| Ok(Some(()));
        modalities.push(Modality::new(SoftPrompt::SLOT, vectors, everyone, device));
        self.modalities = Self::checked(&self.model, modalities)?;
        self.has_soft_prompt = true;
        Ok(self)
    }

    /// The soft prompt as it is now; `None` without one.
    ///
    /// # Errors
    /// [`Error::Prompt`] if a number of it is not finite.
    pub fn soft_prompt(&self) -> Result<Option<SoftPrompt>, Error> {
        let Some(modality) = self.modalities.last().filter(|_| self.has_soft_prompt) else { return Ok(None) };
        // [1, n_soft, d_model] -> [n_soft, d_model]
        let vectors = modality.encode(&[&everyones_input()]).reshape([modality.n_soft(), modality.d_model()]);
        SoftPrompt::from_values(modality.d_model(), to_f32(vectors)).map(Some)
    }
}

/// What a soft prompt reads of every participant: nothing.
pub(crate) fn everyones_input() -> helm_encoders::ModalityInput {
    helm_encoders::ModalityInput::new(())
}

/// Vectors that no input changes.
#[derive(Module, Debug)]
struct FreeVectors {
    /// `[n_soft, d_model]`
    vectors: Param<Tensor<2>>,
}

impl ModalityEncoder for FreeVectors {
    type Input = ();

    fn n_soft(&self) -> usize {
        self.vectors.dims()[0]
    }

    fn d_model(&self) -> usize {
        self.vectors.dims()[1]
    }

    fn encode(&self, inputs: &[&()], _device: &Device) -> SoftTokens {
        SoftTokens::new(self.vectors.val().unsqueeze::<3>().repeat_dim(0, inputs.len()))
    }
}

fn check_n_soft(n_soft: usize, model: &LanguageModel) -> Result<(), Error> {
    let most = model.frozen().n_positions();
    if (1..=most).contains(&n_soft) {
        return Ok(());
    }
    Err(Error::Prompt {
        expected: format!("a soft prompt of 1 to {most} vectors, the model's positions"),
        found: n_soft.to_string(),
    })
}

fn to_f32(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().convert::<f32>().try_into_vec::<f32>().expect("f32 after conversion")
}
