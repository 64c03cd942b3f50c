//! What several benchmarks share.

mod frozen_peer;
mod frozen_task;
mod random_llama;
mod timing;

pub use frozen_peer::FrozenPeer;
pub use frozen_task::{FrozenTask, SoftSource};
pub use random_llama::{LlamaShape, random_llama};
pub use timing::{seconds, spread};
