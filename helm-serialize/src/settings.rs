use std::sync::OnceLock;

use helm_core::SlotId;
use serde::{Deserialize, Serialize};

use crate::order::Dropout;
use crate::template::HOLE;
use crate::{Error, FeatureOrder, MissingPolicy, Serializer, Template};

/// A serializer as a file has it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Serializer", deny_unknown_fields)]
pub(crate) struct Settings {
    template: Template,
    /// In place of the template's.
    instruction: Option<String>,
    features: Vec<String>,
    missing: MissingPolicy,
    order: FeatureOrder,
    dropout: Option<Dropout>,
    slots: Vec<SlotSettings>,
    /// The text around the outcome: in front of its label, and behind it.
    question: Vec<String>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SlotSettings {
    slot: SlotId,
    /// The signal without which the slot is left out.
    signal: Option<String>,
    label: String,
}

impl From<Serializer> for Settings {
    fn from(serializer: Serializer) -> Self {
        let Serializer { template, instruction, features, missing, order, dropout, slots, question, .. } = serializer;
        let slots =
            slots.into_iter().map(|slot| SlotSettings { slot: slot.id, signal: slot.signal, label: slot.label });
        Self { template, instruction, features, missing, order, dropout, slots: slots.collect(), question }
    }
}

impl TryFrom<Settings> for Serializer {
    type Error = Error;

    fn try_from(settings: Settings) -> Result<Self, Error> {
        let Settings { template, instruction, features, missing, order, dropout, slots, question } = settings;
        if question.len() < 2 || question.iter().any(|part| part.contains(HOLE)) {
            return Err(Error::QuestionTemplate { found: question.join("") });
        }
        let serializer = Self {
            template,
            instruction,
            features,
            missing,
            order,
            dropout: None,
            slots: Vec::new(),
            question,
            plan: OnceLock::new(),
        };
        let serializer = match dropout {
            Some(Dropout { rate, seed }) => serializer.with_dropout(rate, seed)?,
            None => serializer,
        };
        slots.into_iter().try_fold(serializer, |serializer, SlotSettings { slot, signal, label }| {
            serializer.push_slot(slot, signal, label)
        })
    }
}

/// Whether both write the same of every record, and ask the same.
impl PartialEq for Serializer {
    fn eq(&self, other: &Self) -> bool {
        Settings::from(self.clone()) == Settings::from(other.clone())
    }
}
