//! What several benchmarks share.

mod random_llama;

pub use random_llama::{LlamaShape, random_llama};
