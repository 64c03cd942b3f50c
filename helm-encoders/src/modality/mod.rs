//! An encoder with its slot, its reader and its optimiser, its type forgotten.

mod description;
mod files;
mod input;
mod kinds;
#[expect(clippy::module_inception, reason = "the file of the type that the folder is named after")]
mod modality;
mod sample_graph;
mod trainable;
mod weights;

pub use description::EncoderConfig;
pub(crate) use description::check_sizes;
pub use input::ModalityInput;
pub use kinds::ModalityKinds;
pub use modality::{Modality, ModalitySnapshot};
pub use sample_graph::SampleGraph;
pub(crate) use weights::file_error;
