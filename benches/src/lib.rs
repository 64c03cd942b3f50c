//! What several benchmarks share.

#[cfg(feature = "candle")]
mod candle_peer;
mod frozen_peer;
mod frozen_task;
mod only_built;
mod peak;
mod random_llama;
mod timing;

#[cfg(feature = "candle")]
pub use candle_peer::CandlePeer;
pub use frozen_peer::FrozenPeer;
pub use frozen_task::{FrozenTask, SoftSource};
pub use only_built::is_only_built;
pub use peak::gflops_at_best;
pub use random_llama::{LlamaShape, random_llama};
pub use timing::{seconds, spread};
