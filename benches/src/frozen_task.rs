use std::path::Path;
use std::sync::Arc;

use burn::module::{Module, Param};
use burn::tensor::{DType, Device, Tensor, TensorData};
use helm_core::{Answers, Cohort, Context, Feature, ParticipantId, Question, Record, Schema, Value};
use helm_encoders::{Modality, ModalityEncoder, ResNet1dConfig, SoftTokens, SpirogramEncoderConfig, SpirogramInput};
use helm_llm::{FrozenDecoder, Helm, LanguageModel, Prompt, Tokenizer};

use crate::LlamaShape;

/// Participants with a text of their own, then soft tokens, then questions of one answer token, through a frozen Llama.
#[derive(Clone, Copy, Debug)]
pub struct FrozenTask {
    /// The language model's.
    pub shape: LlamaShape,
    /// Participants, all in one step.
    pub participants: usize,
    /// Tokens of a participant's text, the start token among them.
    pub n_text: usize,
    /// Questions that a participant is asked.
    pub n_outcomes: usize,
}

/// Where soft tokens come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoftSource {
    /// Given vectors, the same on both sides.
    Given,
    /// The ResNet18-D of width 64 on a curve of 1000 points, with random weights.
    ResNet,
}

impl FrozenTask {
    /// Soft tokens of a participant.
    pub const N_SOFT: usize = 6;
    /// Tokens of a question.
    pub const N_QUESTION: usize = 8;
    /// Points of a curve.
    pub const N_POINTS: usize = 1000;

    /// A participant's soft tokens.
    pub fn soft(&self, row: usize) -> Vec<f32> {
        (0..Self::N_SOFT * self.shape.d_model).map(|i| 0.05 * (0.7 * (i + 31 * row) as f32).sin()).collect()
    }

    /// A participant's curve.
    pub fn curve(row: usize) -> Vec<f32> {
        (0..Self::N_POINTS).map(|i| 5.0 * (-(i as f32) / (200.0 + 20.0 * row as f32)).exp()).collect()
    }

    /// A participant's text; each of its bytes is a token, and one more is the start token. The first hundred
    /// participants' differ from the second byte on.
    pub fn text(&self, row: usize) -> String {
        let (first, step) = (row / 4, 3 + row % 4);
        (0..self.n_text - 1).map(|i| char::from(b'A' + ((first + i * step) % 26) as u8)).collect()
    }

    /// A question, whose answers are `1` and `0`. The first 63 begin differently, so that they share nothing.
    ///
    /// # Panics
    /// Never.
    #[allow(clippy::expect_used, reason = "a bench ends by panicking")]
    pub fn question(i: usize) -> Question {
        const FIRST: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%&()*+,-./;<=>?@[]^_{|}~23456789'`";
        let rest =
            (1..Self::N_QUESTION - 1).map(|at| char::from(b'A' + ((i * 5 + at * 7 + i / FIRST.len() * 3) % 26) as u8));
        let text = [char::from(FIRST[i % FIRST.len()])].into_iter().chain(rest).chain([':']).collect();
        Question { text, answers: Answers::new(["1"], ["0"]).expect("answers") }
    }

    /// The participants.
    ///
    /// # Panics
    /// Never.
    #[allow(clippy::expect_used, reason = "a bench ends by panicking")]
    pub fn cohort(&self) -> Cohort {
        let schema = Schema::new(vec![Feature::number("row", "row", "", 0.0..=1e9)], vec![], vec![]).expect("a schema");
        let ids = (0..self.participants).map(|row| ParticipantId::new(row.to_string())).collect();
        let rows = (0..self.participants).map(|row| Value::Number(row as f64)).collect();
        Cohort::builder(schema, ids).and_then(|builder| builder.feature("row", rows)?.build()).expect("a cohort")
    }

    /// HeLM through the model of a folder, its weights in f32.
    ///
    /// # Panics
    /// If it can't be loaded.
    pub fn helm(&self, folder: &Path, source: SoftSource, cache_bytes: usize) -> Helm {
        self.helm_in(folder, source, cache_bytes, DType::F32)
    }

    /// The same with weights of another dtype.
    ///
    /// # Panics
    /// If it can't be loaded.
    #[allow(clippy::expect_used, reason = "a bench ends by panicking")]
    pub fn helm_in(&self, folder: &Path, source: SoftSource, cache_bytes: usize, dtype: DType) -> Helm {
        let device = helm_encoders::device("cpu").expect("the CPU");
        let frozen = FrozenDecoder::load_in(folder, &device, dtype).expect("the model").with_cache_bytes(cache_bytes);
        let tokenizer = Tokenizer::from_file(&folder.join("tokenizer.json")).expect("the tokenizer");
        let model = LanguageModel::new(Arc::new(frozen), Arc::new(tokenizer));
        let (d_model, task) = (self.shape.d_model, *self);
        let row = |record: Record<'_>| -> Result<Option<usize>, helm_core::Error> {
            Ok(record.value("row")?.as_number().map(|row| row as usize))
        };
        let modality = match source {
            SoftSource::Given => {
                let encoder = PassOn { factor: Param::from_tensor(Tensor::ones([d_model], &device)) };
                let reader = move |record: Record<'_>| Ok(row(record)?.map(|row| task.soft(row)));
                Modality::new("breath", encoder, reader, &device)
            }
            SoftSource::ResNet => {
                let encoder = SpirogramEncoderConfig::new(ResNet1dConfig::new(1), 0, Self::N_SOFT, d_model);
                let input = |row| SpirogramInput { flow_litres_per_second: Self::curve(row), scalars: vec![] };
                let reader = move |record: Record<'_>| Ok(row(record)?.map(input));
                Modality::new("breath", encoder.init(&device), reader, &device)
            }
        };
        Helm::new(model, vec![modality])
            .expect("a model")
            .with_trees_per_pass(self.participants.div_ceil(rayon::current_num_threads()))
    }

    /// What the participants are asked.
    ///
    /// # Panics
    /// If a prompt can't be made.
    #[allow(clippy::expect_used, reason = "a bench ends by panicking")]
    pub fn prompts(&self, helm: &Helm, cohort: &Cohort) -> Vec<Prompt> {
        let questions: Vec<Question> = (0..self.n_outcomes).map(Self::question).collect();
        let context = |row| Context::default().with_text(self.text(row)).with_soft("breath");
        let contexts: Vec<Context> = (0..self.participants).map(context).collect();
        helm.prompts(&contexts, cohort.records(), &questions).expect("prompts")
    }

    /// Tokens of a participant behind the text.
    pub fn n_behind_text(&self) -> usize {
        Self::N_SOFT + self.n_outcomes * Self::N_QUESTION
    }

    /// Operations of the matrix products of a forward pass over so many tokens of each participant, without attention's
    /// own. Of the last layer, tokens that nothing is asked behind need keys and values only, and no logits.
    pub fn operations(&self, tokens: usize) -> f64 {
        let LlamaShape { d_model, d_hidden, n_layers, n_heads, n_kv_heads, n_vocab } = self.shape;
        let keys_values = 2 * d_model * (d_model / n_heads * n_kv_heads);
        let others = 2 * d_model * d_model + 3 * d_model * d_hidden;
        let of_token = n_layers * keys_values + (n_layers - 1) * others;
        let of_answer = others + d_model * n_vocab;
        2.0 * (self.participants * (tokens * of_token + self.n_outcomes * of_answer)) as f64
    }
}

/// Passes given vectors on as soft tokens, each times a trainable factor.
#[derive(Module, Debug)]
struct PassOn {
    factor: Param<Tensor<1>>,
}

impl ModalityEncoder for PassOn {
    type Input = Vec<f32>;

    fn n_soft(&self) -> usize {
        FrozenTask::N_SOFT
    }

    fn d_model(&self) -> usize {
        self.factor.dims()[0]
    }

    fn encode(&self, inputs: &[&Vec<f32>], device: &Device) -> SoftTokens {
        let flat: Vec<f32> = inputs.iter().flat_map(|input| input.iter().copied()).collect();
        let data = TensorData::new(flat, [inputs.len(), FrozenTask::N_SOFT, self.d_model()]);
        SoftTokens::new(Tensor::<3>::from_data(data, device) * self.factor.val().unsqueeze())
    }
}
