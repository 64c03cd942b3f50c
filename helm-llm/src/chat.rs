use std::fmt;

use burn::tensor::{Tensor, TensorData};
use helm_core::{Context, Outcome, Record, Risk, Segment, SlotId};
use helm_encoders::ModalityInput;

use crate::chat_template::Written;
use crate::chat_tokens::{ChatPart, chat_tokens};
use crate::frozen::Decoding;
use crate::language_model::check_length;
use crate::{ChatRole, ChatTemplate, Error, Generation, GenerationConfig, Helm};

/// What every use of these models in a conversation must say.
pub const NOTICE: &str = "This is research software, not a medical device: what it says is no diagnosis and no advice. \
    Please see a doctor about your health.";

/// What a model is told before a conversation about a participant.
const INSTRUCTION: &str = "You talk with a person about their own health data, which follow. Answer from these data and \
    the estimates alone, in plain words, and say so where they don't tell. You are research software, not a medical \
    device: you give no diagnosis and no treatment, and you advise to see a doctor about worries.";

/// A conversation about one participant: the model reads their record with its soft tokens and their estimated risks,
/// and then what was said.
///
/// What is said is text, whatever it spells. Models whose template has no system role read the record at the beginning
/// of the first turn.
///
/// ```no_run
/// # fn example(
/// #     helm: helm_llm::Helm, record: helm_core::Record<'_>, context: helm_core::Context, outcome: helm_core::Outcome,
/// #     risk: helm_core::Risk,
/// # ) -> Result<(), helm_llm::Error> {
/// use helm_llm::{Conversation, GenerationConfig};
///
/// let mut conversation = Conversation::new(&helm, record, &context, &[(&outcome, risk)])?;
/// let reply = conversation.ask("What does my breath say?", GenerationConfig::default(), |piece| print!("{piece}"))?;
/// println!("\n{} characters", reply.len());
/// # Ok(())
/// # }
/// ```
pub struct Conversation<'a> {
    helm: &'a Helm,
    template: ChatTemplate,
    /// Soft tokens of each modality that the record has, `[n_soft, d_model]`.
    soft: Vec<Option<Tensor<2>>>,
    /// The soft prompt, which stands in front of everything; `[n_soft, d_model]`.
    front: Option<Tensor<2>>,
    turns: Vec<(ChatRole, Context)>,
}

impl<'a> Conversation<'a> {
    /// A conversation about a participant; `context` is their record as the model reads it for scoring, with its soft
    /// slots.
    ///
    /// # Errors
    /// [`Error::Prompt`] or [`Error::Encoder`] if the context has a slot whose input the record lacks, or without a
    /// modality.
    pub fn new(
        helm: &'a Helm,
        record: Record<'_>,
        context: &Context,
        risks: &[(&Outcome, Risk)],
    ) -> Result<Self, Error> {
        let mut soft = vec![None; helm.modalities().len()];
        for slot in context.slots() {
            let (index, input): (usize, ModalityInput) = helm.slot_input(slot, record)?;
            let modality = &helm.modalities()[index];
            // [1, n_soft, d_model] -> [n_soft, d_model]
            soft[index] = Some(modality.encode(&[&input]).reshape([modality.n_soft(), modality.d_model()]));
        }
        let front = helm.soft_prompt()?.map(|soft_prompt| {
            let flat: Vec<f32> = soft_prompt.vectors().flatten().copied().collect();
            let shape = [soft_prompt.n_soft(), soft_prompt.d_model()];
            Tensor::from_data(TensorData::new(flat, shape), helm.model().frozen().device())
        });
        let mut told = Context::default().with_text(INSTRUCTION).with_text("\n\n");
        for segment in context.segments() {
            told = match segment {
                Segment::Text(text) => told.with_text(text),
                Segment::Soft(slot) => told.with_soft(slot.clone()),
            };
        }
        if !risks.is_empty() {
            told = told.with_text("\n\nEstimated risks:");
            for (outcome, risk) in risks {
                told = told.with_text(format!("\n{}: {:.0} %", outcome.label, 100.0 * risk.probability()));
            }
        }
        let model = helm.model();
        let plain = || ChatTemplate::plain(model.tokenizer().start_text());
        let template = model.chat_template().cloned().unwrap_or_else(plain);
        Ok(Self { helm, template, soft, front, turns: vec![(ChatRole::System, told)] })
    }

    /// Goes on from a turn that was said before, by the person or by the model.
    pub fn with_turn(mut self, role: ChatRole, text: &str) -> Self {
        self.turns.push((role, Context::default().with_text(text)));
        self
    }

    /// Says something and returns the reply, each piece of which is handed out as soon as it is known.
    ///
    /// # Errors
    /// [`Error::Prompt`] if the conversation is longer than the model's positions; [`Error::Generation`] or
    /// [`Error::Format`] if a setting is out of range or the model's template refuses the conversation. What was said is
    /// then forgotten.
    pub fn ask(&mut self, text: &str, config: GenerationConfig, mut each: impl FnMut(&str)) -> Result<String, Error> {
        self.turns.push((ChatRole::User, Context::default().with_text(text)));
        let reply = self.reply(config).and_then(|pieces| {
            let mut whole = String::new();
            for piece in pieces {
                let piece = piece?;
                each(&piece);
                whole.push_str(&piece);
            }
            Ok(whole)
        });
        match reply {
            Ok(reply) => {
                self.turns.push((ChatRole::Assistant, Context::default().with_text(reply.trim())));
                Ok(reply)
            }
            Err(error) => {
                self.turns.pop();
                Err(error)
            }
        }
    }

    /// What the model reads now, as text: stand-ins for soft tokens are their slots' names.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn to_text(&self) -> Result<String, Error> {
        let (written, turns) = self.written()?;
        let said = |part: Written| match part {
            Written::Template(text) => text,
            Written::Turn { index, trimmed: false } => turns[index].to_text(),
            Written::Turn { index, trimmed: true } => turns[index].to_text().trim().to_owned(),
        };
        Ok(written.into_iter().map(said).collect())
    }

    fn reply(&self, mut config: GenerationConfig) -> Result<Generation<'a>, Error> {
        config.check()?;
        if self.template.is_plain() {
            config.stop.push("\nUser:".into());
        }
        let model = self.helm.model();
        let (written, turns) = self.written()?;
        let parts = chat_tokens(model.tokenizer(), written, &turns)?;
        let index_of = |slot: &SlotId| self.helm.modalities().iter().position(|modality| modality.slot() == slot);
        // The context's slots all had inputs.
        let soft =
            |slot: &SlotId| index_of(slot).and_then(|index| self.soft[index].clone()).expect("a slot of the context");
        let length = |part: &ChatPart| match part {
            ChatPart::Tokens(ids) => ids.len(),
            ChatPart::Soft(slot) => soft(slot).dims()[0],
        };
        let in_front = self.front.as_ref().map_or(0, |front| front.dims()[0]);
        check_length(in_front + parts.iter().map(length).sum::<usize>(), model.frozen().n_positions())?;
        let mut text: Box<dyn Decoding + 'a> = model.frozen().decode();
        let (mut logits, mut seam) = (Vec::new(), Vec::new());
        if let Some(front) = &self.front {
            text.push_soft(front.clone());
        }
        for part in &parts {
            logits = match part {
                ChatPart::Tokens(ids) => {
                    seam.clone_from(ids);
                    text.push_tokens(ids)
                }
                ChatPart::Soft(slot) => {
                    seam.clear();
                    text.push_soft(soft(slot))
                }
            };
        }
        Generation::new(model, text, logits, &seam, config)
    }

    /// The conversation by the template, and its turns; with what the model is told in the first turn where the
    /// template takes no system role.
    fn written(&self) -> Result<(Vec<Written>, Vec<Context>), Error> {
        let (roles, turns): (Vec<ChatRole>, Vec<Context>) = self.turns.iter().cloned().unzip();
        match self.template.write(&roles) {
            Err(Error::Generation { .. }) if roles.len() > 1 => {
                let mut first = turns[0].clone().with_text("\n\n");
                for segment in turns[1].segments() {
                    if let Segment::Text(text) = segment {
                        first = first.with_text(text);
                    }
                }
                let turns = std::iter::once(first).chain(turns.into_iter().skip(2)).collect();
                Ok((self.template.write(&roles[1..])?, turns))
            }
            written => Ok((written?, turns)),
        }
    }
}

impl fmt::Debug for Conversation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Conversation({} turns, {:?})", self.turns.len(), self.template)
    }
}
