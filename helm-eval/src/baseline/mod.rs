//! Classical models on the same rows and folds: [`Logistic`] regression and gradient [`Boosting`].
//!
//! Both take rows of numbers that may be missing, learn means and standard deviations on the training rows only, and
//! have the same three steps: `fit` on training rows, `log_odds` of a row, and `cross_validate` for log-odds of every
//! row from a model that has not seen it.

mod boosting;
mod cross_validation;
mod logistic;
mod training;
mod tree;
#[cfg(feature = "xgboost")]
mod xgboost;

pub use boosting::{Boosting, BoostingConfig, BoostingLibrary};
pub use logistic::{Logistic, LogisticConfig};
