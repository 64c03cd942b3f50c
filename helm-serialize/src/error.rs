/// What can be wrong when a record becomes text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The schema lacks a feature or a signal that the serializer was told to write.
    #[error(transparent)]
    Core(#[from] helm_core::Error),

    /// A question template without the place where the outcome's name goes.
    #[error("question template: expected the placeholder {{outcome}}, found {found:?}")]
    QuestionTemplate {
        /// The template.
        found: String,
    },

    /// Two slots of one name.
    #[error("soft slots: expected every slot to have a name of its own, found {slot:?} twice")]
    DuplicateSlot {
        /// The slot.
        slot: String,
    },
}
