//! What the embedded language model learned: a tokenizer and an endless, reproducible stream of texts.

mod conversation;
mod facts;
mod record;
mod stream;
mod text;
mod tokenizer;

pub use stream::{PEOPLE_SEED, TextStream};
pub use text::Text;
pub use tokenizer::{CHAT_TEMPLATE, END, TinyTokenizer};

/// The outcomes that are asked and answered in the texts. Those of HeLM's paper that it held out (cataract, reflux
/// disease, hay fever or eczema, osteoarthritis, pneumonia) are named by facts only: no text holds a label of theirs.
pub const LABELLED: [&str; 9] = [
    "asthma",
    "copd",
    "depression",
    "diabetes",
    "hypertension",
    "migraine",
    "mortality",
    "myocardial_infarction",
    "stroke",
];
