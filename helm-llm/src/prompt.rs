use std::fmt;

use helm_core::{Context, Question, Record, SlotId};
use helm_encoders::ModalityInput;
use rayon::prelude::*;

use crate::language_model::check_length;
use crate::soft_prompt::everyones_input;
use crate::splice::splice;
use crate::tree::TokenTree;
use crate::{Error, Helm};

/// One participant's prompt: context, questions and answers as tokens, and the inputs of the encoders.
///
/// It is made once and used in every epoch and in scoring.
#[derive(Clone)]
pub struct Prompt {
    pub(crate) tree: TokenTree,
    /// One a modality, in the model's order; `None` where the context has no slot for it.
    pub(crate) inputs: Vec<Option<ModalityInput>>,
}

impl Prompt {
    /// Questions asked.
    pub fn n_questions(&self) -> usize {
        self.tree.questions().len()
    }

    /// Tokens of the context, the questions and the answers together, soft tokens included; what branches share
    /// counts once.
    pub fn n_tokens(&self) -> usize {
        self.tree.len()
    }
}

impl fmt::Debug for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prompt({} tokens, {} questions)", self.n_tokens(), self.n_questions())
    }
}

impl Helm {
    /// One participant's prompt.
    ///
    /// # Errors
    /// [`Error::Prompt`] if there is no question, if the context has a slot without a modality, or one whose input the
    /// record lacks while the modality has no stand-in for it, if the prompt is longer than the model's positions, or
    /// answers can't be told apart; [`Error::Tokenizer`] and [`Error::Encoder`] where text or signal can't be read.
    pub fn prompt(&self, context: &Context, record: Record<'_>, questions: &[Question]) -> Result<Prompt, Error> {
        let mut prompts = self.prompts(std::slice::from_ref(context), [record], questions)?;
        Ok(prompts.remove(0))
    }

    /// The prompts of participants, each with its context and its record, in their order. Text becomes tokens on as
    /// many threads as the pool has, whose number changes nothing.
    ///
    /// ```
    /// use helm_core::{Answers, Cohort, Context, ParticipantId, Question, Schema};
    /// use helm_llm::{Helm, LanguageModel};
    ///
    /// let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/fixtures/tiny-llama");
    /// let helm = Helm::new(LanguageModel::load(folder.as_ref(), &helm_encoders::device("cpu")?)?, vec![])?;
    /// let participants = ["1", "2", "3"].map(ParticipantId::new).into();
    /// let cohort = Cohort::builder(Schema::new(vec![], vec![], vec![])?, participants)?.build()?;
    /// // helm-serialize writes contexts and questions from a cohort's records and its schema.
    /// let contexts = ["A.", "B.", "C."].map(|text| Context::default().with_text(text));
    /// let question = Question { text: "\nasthma:".into(), answers: Answers::yes_no() };
    /// let prompts = helm.prompts(&contexts, cohort.records(), &[question])?;
    /// assert_eq!(helm.risks(&prompts)?.len(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`prompt`](Self::prompt), for the first participant who has one; [`Error::Prompt`] also if there are not as
    /// many records as contexts.
    pub fn prompts<'a>(
        &self,
        contexts: &[Context],
        records: impl IntoIterator<Item = Record<'a>>,
        questions: &[Question],
    ) -> Result<Vec<Prompt>, Error> {
        if questions.is_empty() {
            return Err(Error::Prompt { expected: "at least one question".into(), found: "none".into() });
        }
        let records: Vec<Record<'_>> = records.into_iter().collect();
        if records.len() != contexts.len() {
            let (expected, found) = (format!("a record for each of {} contexts", contexts.len()), records.len());
            return Err(Error::Prompt { expected, found: found.to_string() });
        }
        let trees = self.trees(contexts, questions);
        let prompt = |((context, record), tree): ((&Context, Record<'_>), Result<TokenTree, Error>)| {
            Ok(Prompt { tree: tree?, inputs: self.inputs(context, record)? })
        };
        contexts.iter().zip(records).zip(trees).map(prompt).collect()
    }

    /// The tokens of contexts, each with all questions behind it.
    fn trees(&self, contexts: &[Context], questions: &[Question]) -> Vec<Result<TokenTree, Error>> {
        let (tokenizer, n_positions) = (self.model.tokenizer(), self.model.frozen().n_positions());
        let slots: Vec<(SlotId, usize)> =
            self.modalities().iter().map(|modality| (modality.slot().clone(), modality.n_soft())).collect();
        let slot = |name: &SlotId| {
            let index = slots.iter().position(|(slot, _)| slot == name)?;
            Some((index, slots[index].1))
        };
        let front = self.modalities.len().checked_sub(1).filter(|_| self.has_soft_prompt);
        let front = front.map(|index| (index, self.modalities[index].n_soft()));
        let tree = |context: &Context| {
            let tree = splice(tokenizer, front, context, questions, slot)?;
            let deepest = (0..tree.len()).map(|node| tree.depth(node) + 1).max().unwrap_or(0);
            // An answer's last token takes a position, too, though only as a target.
            check_length(deepest + 1, n_positions)?;
            Ok(tree)
        };
        contexts.par_iter().map(tree).collect()
    }

    /// What a participant's encoders read.
    fn inputs(&self, context: &Context, record: Record<'_>) -> Result<Vec<Option<ModalityInput>>, Error> {
        let mut inputs = vec![None; self.modalities.len()];
        for slot in context.slots() {
            let (index, input) = self.slot_input(slot, record)?;
            inputs[index] = Some(input);
        }
        if let Some(soft_prompt) = inputs.last_mut().filter(|_| self.has_soft_prompt) {
            *soft_prompt = Some(everyones_input());
        }
        Ok(inputs)
    }

    /// A participant's input for a slot, or its stand-in, and the slot's modality.
    pub(crate) fn slot_input(&self, slot: &SlotId, record: Record<'_>) -> Result<(usize, ModalityInput), Error> {
        let Some(index) = self.modalities().iter().position(|modality| modality.slot() == slot) else {
            let found = format!("none for slot {slot}");
            return Err(Error::Prompt { expected: "a modality for every soft slot".into(), found });
        };
        let modality = &self.modalities[index];
        let input = modality.read(record)?.or_else(|| modality.stand_in()).ok_or_else(|| Error::Prompt {
            expected: format!("a participant with an input for slot {slot}, or a modality with a stand-in"),
            found: format!("none in row {}", record.row() + 1),
        })?;
        Ok((index, input))
    }
}
