//! Classical models on the same rows and folds.

mod logistic;

pub use logistic::{Logistic, LogisticConfig};
