/// What can be wrong when a record becomes text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The schema lacks a feature or a signal that the serializer was told to write.
    #[error(transparent)]
    Core(#[from] helm_core::Error),

    /// A question template without the place where the outcome's name goes.
    #[error("question template: expected the placeholder {{{{ outcome }}}}, found {found:?}")]
    QuestionTemplate {
        /// The template.
        found: String,
    },

    /// A piece of a template that can't be used.
    #[error("template's piece {piece:?}: expected {expected}, found {found}")]
    Template {
        /// The piece.
        piece: &'static str,
        /// What it must be.
        expected: String,
        /// What was found.
        found: String,
    },

    /// Two slots of one name.
    #[error("soft slots: expected every slot to have a name of its own, found {slot:?} twice")]
    DuplicateSlot {
        /// The slot.
        slot: String,
    },

    /// A setting out of its range.
    #[error("{setting}: expected {expected}, found {found}")]
    Setting {
        /// The setting.
        setting: &'static str,
        /// What it may be.
        expected: String,
        /// What it was.
        found: String,
    },

    /// A context that is too long even without any feature that may be dropped.
    #[error("token budget: expected at most {budget} tokens, found {needed} without a single feature")]
    Budget {
        /// Tokens there may be.
        budget: usize,
        /// Tokens of what is left.
        needed: usize,
    },

    /// Text that this serializer did not write.
    #[error("serialised text, byte {offset}: expected {expected}, found something else")]
    Parse {
        /// Where, in bytes from the start.
        offset: usize,
        /// What stands there in a serialised record.
        expected: String,
    },
}
