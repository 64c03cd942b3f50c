use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// One participant's input of one modality, of a type that only its encoder knows. Cloning shares it.
#[derive(Clone)]
pub struct ModalityInput(Content);

#[derive(Clone)]
enum Content {
    Read(Arc<dyn Any + Send + Sync>),
    Missing,
}

impl ModalityInput {
    /// An input that no record holds, for a modality whose encoder takes this type.
    pub fn new(input: impl Any + Send + Sync) -> Self {
        Self(Content::Read(Arc::new(input)))
    }

    /// The input of a participant for whom the modality's stand-in is used.
    pub(super) fn missing() -> Self {
        Self(Content::Missing)
    }

    /// What was read; `None` for the stand-in.
    ///
    /// # Panics
    /// If another modality, of another input type, read it.
    pub(super) fn get<I: 'static>(&self) -> Option<&I> {
        match &self.0 {
            Content::Read(input) => Some(input.downcast_ref().expect("an input that this modality read")),
            Content::Missing => None,
        }
    }

    /// Whether the modality's stand-in is used for it.
    pub fn is_stand_in(&self) -> bool {
        matches!(self.0, Content::Missing)
    }
}

impl fmt::Debug for ModalityInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ModalityInput")
    }
}
