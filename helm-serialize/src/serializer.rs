use std::sync::{Arc, OnceLock};

use helm_core::{Cohort, Context, Outcome, Question, Record, Schema, SlotId};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::order::{Dropout, places};
use crate::plan::{Plan, cut};
use crate::settings::Settings;
use crate::template::{Engine, HOLE};
use crate::{Error, FeatureOrder, MissingPolicy, Template};

/// Writes records as the context of a prompt, and outcomes as questions.
///
/// A context is an instruction, the features (as `label: value` pairs, unless another [`Template`] says otherwise), and
/// then the soft slots, each with its name. The
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
///
/// It serialises as its settings, from which an equal one is made: a bundle keeps them, so that new people are written
/// as those were of whom a model learned.
///
/// ```
/// use helm_core::{Feature, Schema};
/// use helm_serialize::Serializer;
///
/// let schema = Schema::new(vec![Feature::number("age", "age", "years", 0.0..=120.0)], vec![], vec![])?;
/// let serializer = Serializer::new(&schema).with_instruction("Estimate the person's risk.");
/// let settings = serde_json::to_string(&serializer)?;
/// assert_eq!(serde_json::from_str::<Serializer>(&settings)?, serializer);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(into = "Settings", try_from = "Settings")]
pub struct Serializer {
    pub(crate) template: Template,
    pub(crate) instruction: Option<String>,
    pub(crate) features: Vec<String>,
    pub(crate) missing: MissingPolicy,
    pub(crate) order: FeatureOrder,
    pub(crate) dropout: Option<Dropout>,
    pub(crate) slots: Vec<Slot>,
    /// The text around the outcome.
    pub(crate) question: Vec<String>,
    /// The template for the schema that was met first.
    pub(crate) plan: OnceLock<Arc<Plan>>,
}

/// Rows that a thread writes at once.
const ROWS_PER_PIECE: usize = 512;

#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) id: SlotId,
    /// The signal without which the slot is left out; `None` for a slot that every participant has.
    pub(crate) signal: Option<String>,
    /// The text in front of the soft tokens and behind them.
    around: [String; 2],
    absent: String,
    pub(crate) label: String,
}

impl Serializer {
    /// A serializer that writes every feature of a schema in its order, as pairs, leaves out what is missing, and has no
    /// instruction and no soft slot.
    pub fn new(schema: &Schema) -> Self {
        let template = Template::pairs();
        Self {
            instruction: None,
            features: schema.features().iter().map(|feature| feature.name.clone()).collect(),
            missing: MissingPolicy::default(),
            order: FeatureOrder::default(),
            dropout: None,
            slots: Vec::new(),
            question: vec!["\n".into(), ":".into()],
            plan: OnceLock::new(),
            template,
        }
    }

    /// Writes by another template. Its faults in features come up with the first record.
    ///
    /// # Errors
    /// [`Error::Template`] or [`Error::QuestionTemplate`] if a piece is none.
    pub fn with_template(mut self, template: Template) -> Result<Self, Error> {
        let question = std::mem::take(&mut self.question);
        self = Self { question, template, plan: OnceLock::new(), ..self };
        let slots = std::mem::take(&mut self.slots);
        for Slot { id, signal, label, .. } in slots {
            self = self.push_slot(id, signal, label)?;
        }
        let question = self.template.question.clone();
        self.with_question(question)
    }

    /// Opens every context with an instruction, in place of the template's.
    pub fn with_instruction(mut self, instruction: impl Into<String>) -> Self {
        self.instruction = Some(instruction.into());
        self.plan = OnceLock::new();
        self
    }

    /// Writes these features only, in this order.
    pub fn with_features<S: Into<String>>(mut self, features: impl IntoIterator<Item = S>) -> Self {
        self.features = features.into_iter().map(Into::into).collect();
        self.plan = OnceLock::new();
        self
    }

    /// Treats missing features by this policy.
    pub fn with_missing(mut self, missing: MissingPolicy) -> Self {
        self.missing = missing;
        self.plan = OnceLock::new();
        self
    }

    /// Writes features in this order.
    pub fn with_order(mut self, order: FeatureOrder) -> Self {
        self.order = order;
        self
    }

    /// Leaves out each feature of each participant with this probability, drawn by a seed and the participant: for
    /// training, with another seed in every epoch.
    ///
    /// # Errors
    /// [`Error::Setting`] if the rate is not from 0 up to below 1.
    pub fn with_dropout(mut self, rate: f64, seed: u64) -> Result<Self, Error> {
        if !(0.0..1.0).contains(&rate) {
            let (expected, found) = ("a rate from 0 up to below 1".into(), rate.to_string());
            return Err(Error::Setting { setting: "feature dropout", expected, found });
        }
        self.dropout = (rate > 0.0).then_some(Dropout { rate, seed });
        Ok(self)
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

    /// Asks for outcomes in other words; `{{ outcome }}` stands for the outcome's label. The answer follows the last
    /// character.
    ///
    /// # Errors
    /// [`Error::QuestionTemplate`] without that placeholder, [`Error::Template`] if it is no template.
    pub fn with_question(mut self, template: impl Into<String>) -> Result<Self, Error> {
        let template = template.into();
        let parts = cut(&Engine::new().text("question", &template, "outcome", HOLE)?);
        if parts.len() < 2 {
            return Err(Error::QuestionTemplate { found: template });
        }
        self.question = parts;
        Ok(self)
    }

    /// One participant's context.
    ///
    /// # Errors
    /// [`Error::Core`] if the record's schema lacks a feature or a signal that this serializer writes,
    /// [`Error::Template`] if a piece of the template can't be rendered for it.
    pub fn context(&self, record: Record<'_>) -> Result<Context, Error> {
        let mut text = String::with_capacity(256);
        self.write_text(record, &mut text)?;
        self.with_slots(&text, record)
    }

    /// The contexts of all participants, in the cohort's order, on as many threads as the pool has: whose number changes
    /// nothing.
    ///
    /// ```
    /// use helm_core::CohortSource;
    /// use helm_core::simulate::SimulatedCohort;
    /// use helm_serialize::Serializer;
    ///
    /// // Batch by batch, a cohort of any size.
    /// let cohort = SimulatedCohort::new(300, 0)?;
    /// let serializer = Serializer::new(cohort.schema()).with_signal("spirogram", "breath")?;
    /// for batch in cohort.batches()? {
    ///     assert_eq!(serializer.contexts(&batch?)?.len(), 300);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Serializer::context`], for the first row that has one.
    pub fn contexts(&self, cohort: &Cohort) -> Result<Vec<Context>, Error> {
        let n = cohort.n_participants();
        // Pieces of rows, so that threads are asked for seldom; the first error in the cohort's order is the one.
        let pieces: Vec<Result<Vec<Context>, Error>> = (0..n.div_ceil(ROWS_PER_PIECE))
            .into_par_iter()
            .map(|piece| {
                let rows = piece * ROWS_PER_PIECE..n.min((piece + 1) * ROWS_PER_PIECE);
                // One text is written over and over; a context takes a copy of just its length.
                let mut text = String::with_capacity(256);
                let mut context = |row| {
                    let record = cohort.record(row);
                    text.clear();
                    self.write_text(record, &mut text)?;
                    self.with_slots(&text, record)
                };
                rows.map(&mut context).collect()
            })
            .collect();
        let mut contexts = Vec::with_capacity(n);
        for piece in pieces {
            contexts.extend(piece?);
        }
        Ok(contexts)
    }

    /// Appends the text of one participant's context, without the soft slots, to a text: for writing many records
    /// without taking memory for each.
    ///
    /// # Errors
    /// As [`Serializer::context`].
    pub fn write_text(&self, record: Record<'_>, out: &mut String) -> Result<(), Error> {
        let plan = self.plan(record)?;
        if self.is_plain() {
            write_features(&plan, record, 0..plan.features.len(), out);
        } else {
            write_features(&plan, record, self.places(record), out);
        }
        Ok(())
    }

    /// The question that asks for an outcome: its own, or else the template's.
    pub fn question(&self, outcome: &Outcome) -> Question {
        let text = outcome.question.clone().unwrap_or_else(|| self.question.join(&outcome.label));
        Question { text, answers: outcome.answers.clone() }
    }

    /// The pieces for the record's schema: rendered with the first record, and used for all of that schema.
    pub(crate) fn plan(&self, record: Record<'_>) -> Result<Arc<Plan>, Error> {
        let schema = record.cohort().shared_schema();
        let is_for = |plan: &&Arc<Plan>| Arc::ptr_eq(&plan.schema, schema) || plan.schema == *schema;
        if let Some(plan) = self.plan.get().filter(is_for) {
            return Ok(plan.clone());
        }
        let instruction = self.instruction.as_deref().unwrap_or(&self.template.instruction);
        let plan = Plan::new(schema.clone(), &self.template, instruction, &self.features, self.missing)?;
        let plan = Arc::new(plan);
        // Where another schema was met before, its plan stays.
        let _ = self.plan.set(plan.clone());
        Ok(plan)
    }

    fn is_plain(&self) -> bool {
        self.order == FeatureOrder::Fixed && self.dropout.is_none()
    }

    /// The places of the features that are written of a record, in their order.
    pub(crate) fn places(&self, record: Record<'_>) -> Vec<usize> {
        let id = record.cohort().participants()[record.row()].as_str();
        places(self.features.len(), self.order, self.dropout, id)
    }

    /// Text and then the soft slots.
    pub(crate) fn with_slots(&self, text: &str, record: Record<'_>) -> Result<Context, Error> {
        let mut context = Context::default().with_text(text);
        for slot in &self.slots {
            let present = match &slot.signal {
                Some(signal) => record.signal(signal)?.signal().is_some(),
                None => true,
            };
            let [before, behind] = &slot.around;
            context = context.with_text(before);
            context = if present { context.with_soft(slot.id.clone()) } else { context.with_text(&slot.absent) };
            if !behind.is_empty() {
                context = context.with_text(behind);
            }
        }
        Ok(context)
    }

    pub(crate) fn push_slot(mut self, id: SlotId, signal: Option<String>, label: String) -> Result<Self, Error> {
        if self.slots.iter().any(|slot| slot.id == id) {
            return Err(Error::DuplicateSlot { slot: id.to_string() });
        }
        let engine = Engine::new();
        let around = cut(&engine.labelled("signal", &self.template.signal, &label, HOLE)?);
        let around = <[String; 2]>::try_from(around).map_err(|parts| Error::Template {
            piece: "signal",
            expected: "{{ slot }} once".into(),
            found: format!("{} of them", parts.len().saturating_sub(1)),
        })?;
        let absent = engine.labelled("absent", &self.template.absent, &label, "")?;
        self.slots.push(Slot { id, signal, around, absent, label });
        Ok(self)
    }
}

/// Writes some features of a record between opening and closing.
pub(crate) fn write_features(
    plan: &Plan,
    record: Record<'_>,
    places: impl IntoIterator<Item = usize>,
    out: &mut String,
) {
    out.push_str(&plan.opening);
    let mut separator = "";
    for place in places {
        let feature = &plan.features[place];
        if feature.write(out, separator, record.value_at(feature.index)) {
            separator = &plan.separator;
        }
    }
    out.push_str(&plan.closing);
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
