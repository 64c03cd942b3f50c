use helm_core::{Context, Outcome, Question, Record, Schema, SlotId};

use crate::number::write_value;
use crate::{Error, MissingPolicy};

/// The place in a question template where the outcome's words go.
const OUTCOME: &str = "{outcome}";

/// Writes records as the context of a prompt, and outcomes as questions.
///
/// A context is an instruction, the features as `name: value` pairs, and then the soft slots, each with its name. The
/// text stands in front of every soft slot on purpose: with a frozen language model it is constant, so that its keys
/// and values need computing only once for all outcomes and training epochs.
///
/// ```
/// use helm_core::{Cohort, Feature, Outcome, ParticipantId, Schema, Signal, SignalState, Value};
/// use helm_serialize::Serializer;
///
/// let schema = Schema::new(
///     vec![
///         Feature::number("age", "age", "years", 0.0..=120.0),
///         Feature::category("sex", "sex", ["male", "female"]),
///     ],
///     vec!["spirogram".into()],
///     vec![Outcome::new("wheeze", "wheezing in the past year", "answered yes")],
/// )?;
/// let cohort = Cohort::builder(schema, vec![ParticipantId::new("a"), ParticipantId::new("b")])?
///     .feature("age", vec![Value::Number(54.0), Value::Number(31.0)])?
///     .feature("sex", vec![Value::Level(1), Value::Level(0)])?
///     .signal("spirogram", vec![SignalState::Present(Signal::new(vec![0.0, 2.0], 1, 1.0, "L")?), SignalState::Absent])?
///     .outcome("wheeze", vec![Some(true), None])?
///     .build()?;
/// let serializer = Serializer::new(cohort.schema())
///     .with_instruction("Estimate the person's risk.")
///     .with_signal("spirogram", "spirogram")?;
/// assert_eq!(
///     serializer.context(cohort.record(0))?.to_text(),
///     "Estimate the person's risk.\nage: 54 years, sex: female\nspirogram: <spirogram>"
/// );
/// assert_eq!(
///     serializer.context(cohort.record(1))?.to_text(),
///     "Estimate the person's risk.\nage: 31 years, sex: male\nspirogram: not available"
/// );
/// let question = serializer.question(&cohort.schema().outcomes()[0]);
/// assert_eq!(question.text, "\nwheezing in the past year:");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Serializer {
    instruction: String,
    features: Vec<String>,
    missing: MissingPolicy,
    slots: Vec<Slot>,
    question: String,
}

#[derive(Clone, Debug)]
struct Slot {
    id: SlotId,
    /// The signal without which the slot is left out; `None` for a slot that every participant has.
    signal: Option<String>,
    label: String,
}

impl Serializer {
    /// A serializer that writes every feature of a schema in its order, leaves out what is missing, and has no
    /// instruction and no soft slot.
    pub fn new(schema: &Schema) -> Self {
        Self {
            instruction: String::new(),
            features: schema.features().iter().map(|feature| feature.name.clone()).collect(),
            missing: MissingPolicy::default(),
            slots: Vec::new(),
            question: format!("\n{OUTCOME}:"),
        }
    }

    /// Opens every context with an instruction.
    pub fn with_instruction(mut self, instruction: impl Into<String>) -> Self {
        self.instruction = instruction.into();
        self
    }

    /// Writes these features only, in this order.
    pub fn with_features<S: Into<String>>(mut self, features: impl IntoIterator<Item = S>) -> Self {
        self.features = features.into_iter().map(Into::into).collect();
        self
    }

    /// Treats missing features by this policy.
    pub fn with_missing(mut self, missing: MissingPolicy) -> Self {
        self.missing = missing;
        self
    }

    /// Ends every context with a slot that every participant has, such as the tabular features' soft tokens.
    ///
    /// # Errors
    /// [`Error::DuplicateSlot`] if the slot is there already.
    pub fn with_slot(self, slot: impl Into<SlotId>, label: impl Into<String>) -> Result<Self, Error> {
        self.push_slot(slot.into(), None, label.into())
    }

    /// Ends every context with the slot of a signal, which bears the signal's name; for a participant without the
    /// signal (absent or unusable), the text says that it is not available instead.
    ///
    /// # Errors
    /// [`Error::DuplicateSlot`] if the slot is there already.
    pub fn with_signal(self, signal: impl Into<String>, label: impl Into<String>) -> Result<Self, Error> {
        let signal = signal.into();
        self.push_slot(SlotId::new(signal.clone()), Some(signal), label.into())
    }

    /// Asks for outcomes in other words; `{outcome}` stands for the outcome's label. The answer follows the last
    /// character.
    ///
    /// # Errors
    /// [`Error::QuestionTemplate`] without that placeholder.
    pub fn with_question(mut self, template: impl Into<String>) -> Result<Self, Error> {
        let template = template.into();
        if !template.contains(OUTCOME) {
            return Err(Error::QuestionTemplate { found: template });
        }
        self.question = template;
        Ok(self)
    }

    /// One participant's context.
    ///
    /// # Errors
    /// [`Error::Core`] if the record's schema lacks a feature or a signal that this serializer writes.
    pub fn context(&self, record: Record<'_>) -> Result<Context, Error> {
        let mut parts = Vec::with_capacity(self.features.len());
        for name in &self.features {
            let value = record.value(name)?;
            let schema = record.cohort().schema();
            let feature = &schema.features()[schema.feature_index(name)?];
            let written = match (write_value(feature, value), value, self.missing) {
                (Some(written), _, _) => written,
                (None, _, MissingPolicy::LeaveOut) => continue,
                (None, helm_core::Value::Missing(reason), MissingPolicy::Reason) => reason.to_string(),
                (None, _, _) => "unknown".into(),
            };
            parts.push(format!("{}: {written}", feature.label));
        }
        let text = if self.instruction.is_empty() {
            parts.join(", ")
        } else {
            format!("{}\n{}", self.instruction, parts.join(", "))
        };
        let mut context = Context::default().with_text(text);
        for slot in &self.slots {
            context = context.with_text(format!("\n{}: ", slot.label));
            let present = match &slot.signal {
                Some(signal) => record.signal(signal)?.signal().is_some(),
                None => true,
            };
            context = if present { context.with_soft(slot.id.clone()) } else { context.with_text("not available") };
        }
        Ok(context)
    }

    /// The question that asks for an outcome.
    pub fn question(&self, outcome: &Outcome) -> Question {
        Question { text: self.question.replace(OUTCOME, &outcome.label), answers: outcome.answers.clone() }
    }

    fn push_slot(mut self, id: SlotId, signal: Option<String>, label: String) -> Result<Self, Error> {
        if self.slots.iter().any(|slot| slot.id == id) {
            return Err(Error::DuplicateSlot { slot: id.to_string() });
        }
        self.slots.push(Slot { id, signal, label });
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use helm_core::{Cohort, Feature, MissingReason, ParticipantId, Value};

    use super::*;

    fn cohort() -> Cohort {
        let schema = Schema::new(
            vec![
                Feature::number("age", "age", "years", 0.0..=120.0),
                Feature::number("bmi", "body mass index", "kg/m²", 5.0..=200.0).with_decimals(1),
            ],
            vec![],
            vec![],
        )
        .expect("a schema");
        Cohort::builder(schema, vec![ParticipantId::new("a")])
            .and_then(|builder| builder.feature("age", vec![Value::Number(54.0)]))
            .and_then(|builder| builder.feature("bmi", vec![Value::Missing(MissingReason::Refused)]))
            .and_then(|builder| builder.build())
            .expect("a cohort")
    }

    #[test]
    fn missing_features_follow_the_policy() {
        let cohort = cohort();
        for (policy, expected) in [
            (MissingPolicy::LeaveOut, "age: 54 years"),
            (MissingPolicy::Name, "age: 54 years, body mass index: unknown"),
            (MissingPolicy::Reason, "age: 54 years, body mass index: refused"),
        ] {
            let serializer = Serializer::new(cohort.schema()).with_missing(policy);
            assert_eq!(serializer.context(cohort.record(0)).expect("a context").to_text(), expected);
        }
    }

    #[test]
    fn bad_settings_are_errors() {
        let cohort = cohort();
        let serializer = Serializer::new(cohort.schema());
        assert!(matches!(
            serializer.clone().with_features(["height"]).context(cohort.record(0)),
            Err(Error::Core(helm_core::Error::Unknown { .. }))
        ));
        assert!(matches!(
            serializer.clone().with_signal("ecg", "ECG").expect("a slot").context(cohort.record(0)),
            Err(Error::Core(helm_core::Error::Unknown { .. }))
        ));
        assert!(matches!(serializer.clone().with_question("Ill?"), Err(Error::QuestionTemplate { .. })));
        let twice = serializer.with_slot("a", "a").and_then(|serializer| serializer.with_slot("a", "b"));
        assert!(matches!(twice, Err(Error::DuplicateSlot { .. })));
    }
}
