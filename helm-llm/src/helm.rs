use std::fmt;

use burn::tensor::Tensor;
use helm_core::Risk;
use helm_encoders::{Modality, ModalityInput};

use crate::answer_score::{AnswerScore, answer_scores};
use crate::likelihood::take;
use crate::packed::{PackedTrees, Padding};
use crate::prompt::Prompt;
use crate::tree::TokenTree;
use crate::{Error, LanguageModel, MemoryBound};

/// Encoders around a frozen language model: reads participants' text and signals, and answers with their risks.
///
/// ```no_run
/// # fn example(
/// #     cohort: &helm_core::Cohort,
/// #     serializer: &dyn Fn(helm_core::Record<'_>) -> helm_core::Context,
/// #     question: helm_core::Question,
/// #     modality: helm_encoders::Modality,
/// # ) -> Result<(), helm_llm::Error> {
/// use helm_llm::{Helm, LanguageModel};
///
/// let device = helm_encoders::device("cpu")?;
/// let model = LanguageModel::load(std::path::Path::new("stories260K"), &device)?;
/// let helm = Helm::new(model, vec![modality])?;
/// let prompts: Vec<_> = cohort
///     .records()
///     .map(|record| helm.prompt(&serializer(record), record, &[question.clone()]))
///     .collect::<Result<_, _>>()?;
/// for risks in helm.risks(&prompts)? {
///     println!("{:.3}", risks[0].probability());
/// }
/// # Ok(())
/// # }
/// ```
pub struct Helm {
    pub(crate) model: LanguageModel,
    /// The soft prompt behind the others, if there is one.
    pub(crate) modalities: Vec<Modality>,
    pub(crate) has_soft_prompt: bool,
    /// Trees that one pass of the language model takes.
    pub(crate) trees_per_pass: usize,
    low_answer_mass: f64,
    padding: Padding,
}

impl Helm {
    /// A model from its parts.
    ///
    /// # Errors
    /// [`Error::Prompt`] if two modalities share a slot, or one makes soft tokens of another width than the language
    /// model's.
    pub fn new(model: LanguageModel, modalities: Vec<Modality>) -> Result<Self, Error> {
        let modalities = Self::checked(&model, modalities)?;
        Ok(Self {
            model,
            modalities,
            has_soft_prompt: false,
            trees_per_pass: 32,
            low_answer_mass: 0.1,
            padding: Padding::default(),
        })
    }

    /// The modalities, if they can stand side by side in the model's prompts.
    pub(crate) fn checked(model: &LanguageModel, modalities: Vec<Modality>) -> Result<Vec<Modality>, Error> {
        let d_model = model.frozen().d_model();
        for (index, modality) in modalities.iter().enumerate() {
            if modalities[..index].iter().any(|other| other.slot() == modality.slot()) {
                let found = format!("slot {} twice", modality.slot());
                return Err(Error::Prompt { expected: "a slot of its own for every modality".into(), found });
            }
            if modality.d_model() != d_model {
                return Err(Error::Prompt {
                    expected: format!("soft tokens of the language model's width {d_model}"),
                    found: format!("width {} in slot {}", modality.d_model(), modality.slot()),
                });
            }
        }
        Ok(modalities)
    }

    /// Takes at most so many participants through the language model at a time, 32 by default; a step of training takes
    /// its batch in two parts at least. Results don't depend on it beyond rounding.
    ///
    /// # Panics
    /// If it is 0.
    pub fn with_trees_per_pass(mut self, trees: usize) -> Self {
        assert!(trees > 0, "a pass takes at least one tree");
        self.trees_per_pass = trees;
        self
    }

    /// Warns where the answers to a question hold less than this share of the model's probability, 0.1 by default.
    pub fn with_low_answer_mass(mut self, share: f64) -> Self {
        self.low_answer_mass = share;
        self
    }

    /// Fills batches up on this side. Results don't depend on it beyond rounding.
    pub fn with_padding(mut self, padding: Padding) -> Self {
        self.padding = padding;
        self
    }

    /// The language model.
    pub fn model(&self) -> &LanguageModel {
        &self.model
    }

    /// The modalities, without the soft prompt.
    pub fn modalities(&self) -> &[Modality] {
        &self.modalities[..self.modalities.len() - usize::from(self.has_soft_prompt)]
    }

    /// How much memory the language model's passes over some prompts take at most: the prompts of a step of training,
    /// or of one of its [micro batches](crate::TrainConfig::micro_batches), or those that are scored at once, which are
    /// no more than [a number](Self::with_trees_per_pass) for each thread. `None` on other devices than `cpu`, in f16,
    /// and of language models of one's own that don't say.
    ///
    /// Of a Llama, each token behind the constant text keeps in each layer for its gradient, in numbers of four bytes,
    /// `2 d_model + n_heads * d_head + 2 n_kv_heads * d_head + n_heads + 2 d_hidden + 2`; with [recomputed
    /// layers](crate::FrozenDecoder::with_recomputed_layers) `d_model` in all layers but the last. Each token of
    /// constant text has `2 n_kv_heads * d_head` in each layer. To that come one layer of some 200 tokens, or of one
    /// participant, and 64 rows of logits for each thread and half as many again, as far as there are participants, and
    /// a tile of attention and 2¹⁸ widened weights for each thread; sizes are rounded up by a half at most.
    ///
    /// ```
    /// use helm_core::{Answers, Cohort, Context, ParticipantId, Question, Schema};
    /// use helm_llm::{Helm, LanguageModel};
    ///
    /// let schema = Schema::new(vec![], vec![], vec![])?;
    /// let cohort = Cohort::builder(schema, vec![ParticipantId::new("1")])?.build()?;
    /// let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/fixtures/tiny-llama");
    /// let model = LanguageModel::load(folder.as_ref(), &helm_encoders::device("cpu")?)?;
    /// let helm = Helm::new(model, vec![])?;
    /// let question = Question { text: "\nasthma:".into(), answers: Answers::yes_no() };
    /// let prompt = helm.prompt(&Context::default().with_text("A person."), cohort.record(0), &[question])?;
    /// let bound = helm.memory_bound(&[prompt]).expect("the CPU's engine knows");
    /// assert!(bound.scoring_bytes <= bound.training_bytes);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn memory_bound(&self, prompts: &[Prompt]) -> Option<MemoryBound> {
        let trees: Vec<&TokenTree> = prompts.iter().map(|prompt| &prompt.tree).collect();
        // Which row a soft token has changes no size.
        self.model.frozen().memory_bound(&PackedTrees::new(&trees, self.padding, |_, _, _| 0))
    }

    /// The risks of participants, one for each question of each prompt.
    ///
    /// # Errors
    /// As [`answer_scores`](Self::answer_scores).
    ///
    /// # Panics
    /// As [`answer_scores`](Self::answer_scores).
    pub fn risks(&self, prompts: &[Prompt]) -> Result<Vec<Vec<Risk>>, Error> {
        let scores = self.answer_scores(prompts)?;
        Ok(scores.iter().map(|scores| scores.iter().map(AnswerScore::risk).collect()).collect())
    }

    /// The log-likelihoods of all surface forms of the answers, for each question of each prompt.
    ///
    /// Where the answers of some questions hold less than [a share](Self::with_low_answer_mass) of the model's
    /// probability, their number is logged as a warning: the model was about to say something else.
    ///
    /// # Errors
    /// [`Error::RiskNotFinite`] if a log-likelihood is NaN or infinite; [`Error::Prompt`] if a prompt was made with
    /// other modalities.
    ///
    /// # Panics
    /// If a prompt was made with as many modalities, but of other encoders.
    pub fn answer_scores(&self, prompts: &[Prompt]) -> Result<Vec<Vec<AnswerScore>>, Error> {
        self.check_prompts(prompts)?;
        let scores = self.unchecked_scores(prompts);
        for (participant, scores) in scores.iter().enumerate() {
            if let Some(question) = scores.iter().position(|score| !score.is_finite()) {
                return Err(Error::RiskNotFinite { participant: participant + 1, question: question + 1 });
            }
        }
        let masses = scores.iter().flatten().map(|score| score.risk().answer_mass);
        let (low, threshold) = (masses.filter(|&mass| mass < self.low_answer_mass).count(), self.low_answer_mass);
        if low > 0 {
            let n: usize = scores.iter().map(Vec::len).sum();
            tracing::warn!("the declared answers hold less than {threshold} of the probability in {low} of {n} cases");
        }
        Ok(scores)
    }

    /// Checks that prompts were made with as many modalities.
    pub(crate) fn check_prompts(&self, prompts: &[Prompt]) -> Result<(), Error> {
        let n = self.modalities.len();
        match prompts.iter().find(|prompt| prompt.inputs.len() != n) {
            None => Ok(()),
            Some(prompt) => Err(Error::Prompt {
                expected: format!("prompts that this model made, with {n} modalities, a soft prompt among them"),
                found: prompt.inputs.len().to_string(),
            }),
        }
    }

    /// The scores, be they finite or not, by encoders in scoring mode.
    ///
    /// Prompts of like length are computed together, so that little is filled up.
    pub(crate) fn unchecked_scores(&self, prompts: &[Prompt]) -> Vec<Vec<AnswerScore>> {
        let mut by_length: Vec<usize> = (0..prompts.len()).collect();
        by_length.sort_by_key(|&row| prompts[row].n_tokens());
        let mut scores = vec![Vec::new(); prompts.len()];
        for rows in by_length.chunks(self.trees_per_pass * rayon::current_num_threads().max(1)) {
            let batch: Vec<&Prompt> = rows.iter().map(|&row| &prompts[row]).collect();
            for (&row, answers) in rows.iter().zip(self.answers(&batch)) {
                scores[row] = answers;
            }
        }
        scores
    }

    /// The answers' scores of a batch.
    fn answers(&self, prompts: &[&Prompt]) -> Vec<Vec<AnswerScore>> {
        use rayon::prelude::*;

        let batch = SoftBatch::new(prompts, self.modalities.len());
        let soft = self
            .modalities
            .iter()
            .enumerate()
            .filter(|(index, _)| !batch.rows[*index].is_empty())
            .map(|(index, modality)| modality.encode(&batch.inputs(prompts, index)));
        let soft = self.flatten(soft.collect());
        let passes: Vec<_> = self.passes(prompts, &batch, soft, self.trees_per_pass).collect();
        let frozen = self.model.frozen();
        passes
            .into_par_iter()
            .flat_map_iter(|pass| {
                let targets = frozen.target_scores(&pass.packed, pass.soft);
                let mut rest = &targets[..];
                pass.trees
                    .iter()
                    .map(|tree| answer_scores(tree, take(&mut rest, tree.targets().count())))
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    /// Soft tokens of several modalities as one list of rows, modality after modality; `None` without any.
    pub(crate) fn flatten(&self, soft: Vec<Tensor<3>>) -> Option<Tensor<2>> {
        let d_model = self.model.frozen().d_model();
        // [batch, n_soft, d_model] -> [batch * n_soft, d_model]
        let flat: Vec<Tensor<2>> = soft.into_iter().map(|soft| soft.reshape([-1, d_model as i64])).collect();
        (!flat.is_empty()).then(|| Tensor::cat(flat, 0))
    }

    /// A batch in passes of the language model, each with its soft tokens.
    pub(crate) fn passes<'a>(
        &'a self,
        prompts: &'a [&Prompt],
        batch: &'a SoftBatch,
        soft: Option<Tensor<2>>,
        trees_per_pass: usize,
    ) -> impl Iterator<Item = Pass<'a>> {
        prompts.chunks(trees_per_pass).enumerate().map(move |(index, chunk)| {
            let first = index * trees_per_pass;
            let trees: Vec<&TokenTree> = chunk.iter().map(|prompt| &prompt.tree).collect();
            let starts = self.soft_starts(batch);
            // The rows of the whole batch's soft tokens that this pass uses, in order.
            let mut rows: Vec<usize> = Vec::new();
            for (modality, start) in starts.iter().enumerate() {
                let n_soft = self.modalities[modality].n_soft();
                for row in first..first + chunk.len() {
                    if let Some(place) = batch.place(modality, row) {
                        rows.extend(start + place * n_soft..start + (place + 1) * n_soft);
                    }
                }
            }
            let soft_row = |row: usize, modality: usize, index: usize| {
                let place = batch.place(modality, first + row).expect("a slot has an input");
                let global = starts[modality] + place * self.modalities[modality].n_soft() + index;
                rows.binary_search(&global).expect("the row is one of this pass")
            };
            let packed = PackedTrees::new(&trees, self.padding, soft_row);
            let picked: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
            let soft = soft.as_ref().filter(|_| !rows.is_empty()).map(|soft| {
                let n = picked.len();
                let data = burn::tensor::TensorData::new(picked, [n]);
                soft.clone().select(0, Tensor::from_data(data, &soft.device()))
            });
            Pass { trees, packed, soft, rows }
        })
    }

    /// Where each modality's soft tokens begin in the flattened list.
    pub(crate) fn soft_starts(&self, batch: &SoftBatch) -> Vec<usize> {
        let sizes = self.modalities.iter().zip(&batch.rows).map(|(modality, rows)| rows.len() * modality.n_soft());
        sizes.scan(0, |next, size| Some(std::mem::replace(next, *next + size))).collect()
    }
}

impl fmt::Debug for Helm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Helm").field("model", &self.model).field("modalities", &self.modalities).finish()
    }
}

/// Which rows of a batch have which modality.
pub(crate) struct SoftBatch {
    /// Rows with an input, for each modality.
    pub(crate) rows: Vec<Vec<usize>>,
}

impl SoftBatch {
    pub(crate) fn new(prompts: &[&Prompt], n_modalities: usize) -> Self {
        let with =
            |modality: usize| (0..prompts.len()).filter(|&row| prompts[row].inputs[modality].is_some()).collect();
        Self { rows: (0..n_modalities).map(with).collect() }
    }

    /// A modality's inputs in the batch, in the order of the rows.
    pub(crate) fn inputs<'a>(&self, prompts: &[&'a Prompt], modality: usize) -> Vec<&'a ModalityInput> {
        self.rows[modality].iter().filter_map(|&row| prompts[row].inputs[modality].as_ref()).collect()
    }

    /// Where a row's input stands among the modality's inputs.
    fn place(&self, modality: usize, row: usize) -> Option<usize> {
        self.rows[modality].binary_search(&row).ok()
    }
}

/// What one pass of the language model takes.
pub(crate) struct Pass<'a> {
    pub(crate) trees: Vec<&'a TokenTree>,
    pub(crate) packed: PackedTrees,
    /// The pass' soft tokens, `[rows, d_model]`.
    pub(crate) soft: Option<Tensor<2>>,
    /// Where the pass' soft tokens stand among the batch's.
    pub(crate) rows: Vec<usize>,
}
