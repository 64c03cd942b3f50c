use forust_ml::{GradientBooster, Matrix};
use helm_core::{Folds, Standardizer};
use serde::{Deserialize, Serialize};

use super::cross_validation::{Order, cross_validate};
use super::training::Training;
use super::tree::{Node, Tree};
use crate::Error;

/// Settings of gradient [`Boosting`]. The default is 150 trees of depth 3 at a rate of 0.05.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BoostingConfig {
    /// How many trees are grown, one after another.
    pub trees: usize,
    /// How many splits there are at most from a tree's root to a leaf.
    pub max_depth: usize,
    /// What share of a tree's weights is added, XGBoost's `learning_rate`.
    pub learning_rate: f64,
    /// The penalty on squared weights of leaves, XGBoost's `reg_lambda`.
    pub l2: f64,
    /// Who grows the trees.
    pub library: BoostingLibrary,
}

/// Who grows the trees of a [`Boosting`] model. Both choose splits from histograms of 256 bins by the gain of Chen and
/// Guestrin (2016, KDD, equation 7), with sums of second derivatives of at least 1 in a leaf, and differ in where bins
/// end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BoostingLibrary {
    /// The crate forust-ml.
    #[default]
    Forust,
    /// XGBoost itself, linked from a library that you have: `pip install xgboost-cpu`, set `XGBOOST_LIB_DIR` to the
    /// folder of `libxgboost.so` at build time and `LD_LIBRARY_PATH` to it at run time, and switch the feature
    /// `xgboost` on.
    #[cfg(feature = "xgboost")]
    Xgboost,
}

impl Default for BoostingConfig {
    fn default() -> Self {
        Self { trees: 150, max_depth: 3, learning_rate: 0.05, l2: 1.0, library: BoostingLibrary::default() }
    }
}

/// Gradient boosting of regression trees on the log-odds (Friedman 2001, Ann. Stat. 29:1189–1232), features
/// standardised and missing ones at the training mean. Nothing is drawn: the same rows give the same trees, on any number
/// of threads.
///
/// ```
/// use helm_core::{Folds, ParticipantId};
/// use helm_eval::baseline::BoostingConfig;
/// use helm_eval::Scored;
///
/// // The young and the old are ill, which no line through age tells.
/// let ages: Vec<Vec<Option<f64>>> = (0..90).map(|i| vec![(i != 7).then_some(f64::from(i))]).collect();
/// let ill: Vec<Option<bool>> = (0..90).map(|i| Some(!(30..60).contains(&i))).collect();
/// let ids: Vec<ParticipantId> = (0..90).map(|i| ParticipantId::new(i.to_string())).collect();
/// let log_odds = BoostingConfig::default().cross_validate(&ages, &ill, &Folds::new(&ids, 5, 0)?)?;
/// let labels: Vec<bool> = ill.into_iter().flatten().collect();
/// assert!(Scored::new(&labels, &log_odds)?.auroc() > 0.9);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Boosting {
    standardizer: Standardizer,
    intercept: f64,
    trees: Vec<Tree>,
}

/// A model as a file has it, before it is checked.
#[derive(Deserialize)]
struct Stored {
    standardizer: Standardizer,
    intercept: f64,
    trees: Vec<Tree>,
}

impl TryFrom<Stored> for Boosting {
    type Error = String;

    fn try_from(Stored { standardizer, intercept, trees }: Stored) -> Result<Self, String> {
        let (width, found) = (standardizer.width(), trees.iter().map(Tree::width).max().unwrap_or(0));
        if found > width {
            return Err(format!("boosting: expected trees of {width} features, found one of {found}"));
        }
        if !intercept.is_finite() {
            return Err("boosting: expected a finite intercept, found NaN or infinity".into());
        }
        Ok(Self { standardizer, intercept, trees })
    }
}

impl BoostingConfig {
    /// Fits on training rows, each with one number or `None` a feature.
    ///
    /// # Errors
    /// [`Error::Length`] if there are not as many labels as rows, [`Error::OneClass`] without cases or controls,
    /// [`Error::Core`] if rows differ in length or hold a number that is not finite, [`Error::Setting`] if the rate is
    /// not above 0 and at most 1, the penalty negative, or the depth not from 1 to 16, [`Error::Fit`] if the library
    /// fails.
    pub fn fit<R: AsRef<[Option<f64>]>>(&self, rows: &[R], labels: &[bool]) -> Result<Boosting, Error> {
        self.check()?;
        let Training { standardizer, mut rows, cases } = Training::new(rows, labels)?;
        rows.iter_mut().flatten().for_each(|x| *x = single(*x));
        // A feature that is the same everywhere splits nothing, and forust refuses it.
        let varies = |&feature: &usize| rows.iter().any(|row| row[feature] != rows[0][feature]);
        let features: Vec<usize> = (0..standardizer.width()).filter(varies).collect();
        let intercept = (cases as f64 / (labels.len() - cases) as f64).ln();
        let trees = if features.is_empty() {
            Vec::new()
        } else {
            match self.library {
                BoostingLibrary::Forust => self.grow(&rows, labels, &features, intercept)?,
                #[cfg(feature = "xgboost")]
                BoostingLibrary::Xgboost => super::xgboost::grow(self, &rows, labels, &features, intercept)?,
            }
        };
        Ok(Boosting { standardizer, intercept, trees })
    }

    /// Log-odds of every row from a model that was fitted on the other folds; rows without a label are scored, and
    /// train nothing.
    ///
    /// # Errors
    /// As [`BoostingConfig::fit`], for each fold; [`Error::Core`] also for a bad row without a label.
    pub fn cross_validate<R: AsRef<[Option<f64>]> + Sync>(
        &self,
        rows: &[R],
        labels: &[Option<bool>],
        folds: &Folds,
    ) -> Result<Vec<f64>, Error> {
        cross_validate(rows, labels, folds, Order::InTurn, |rows, labels| self.fit(rows, labels), Boosting::log_odds)
    }

    fn check(&self) -> Result<(), Error> {
        let settings = [
            ("learning rate", self.learning_rate > 0.0 && self.learning_rate <= 1.0, "a number above 0 and at most 1"),
            ("l2", self.l2 >= 0.0 && self.l2.is_finite(), "a number of at least 0"),
            ("tree depth", (1..=16).contains(&self.max_depth), "a whole number from 1 to 16"),
        ];
        let found = [self.learning_rate.to_string(), self.l2.to_string(), self.max_depth.to_string()];
        for ((what, is_good, expected), found) in settings.into_iter().zip(found) {
            if !is_good {
                return Err(Error::Setting { what, expected: expected.into(), found });
            }
        }
        Ok(())
    }

    /// Trees of forust.
    fn grow(&self, rows: &[Vec<f64>], labels: &[bool], features: &[usize], intercept: f64) -> Result<Vec<Tree>, Error> {
        let columns: Vec<f64> = features.iter().flat_map(|&feature| rows.iter().map(move |row| row[feature])).collect();
        let matrix = Matrix::new(&columns, rows.len(), features.len());
        let y: Vec<f64> = labels.iter().map(|&case| f64::from(u8::from(case))).collect();
        let mut booster = GradientBooster::default()
            .set_iterations(self.trees)
            .set_max_depth(self.max_depth)
            .set_learning_rate(self.learning_rate as f32)
            .set_l2(self.l2 as f32)
            .set_base_score(intercept)
            .set_initialize_base_score(false);
        let failed = |problem: String| Error::Fit { model: "gradient boosting", problem };
        booster.fit_unweighted(&matrix, &y, None).map_err(|error| failed(error.to_string()))?;
        let trees = booster.trees.iter().map(|tree| {
            let nodes = tree.nodes.iter().map(|node| match node.is_leaf {
                true => Node::Leaf(f64::from(node.weight_value)),
                false => Node::Split {
                    feature: features[node.split_feature],
                    threshold: node.split_value,
                    left: node.left_child,
                    right: node.right_child,
                },
            });
            Tree::try_from(nodes.collect::<Vec<_>>())
        });
        trees.collect::<Result<_, _>>().map_err(|problem| failed(problem.into()))
    }
}

impl Boosting {
    /// The log-odds of a row.
    ///
    /// # Panics
    /// If the row has another number of features than the training rows.
    pub fn log_odds(&self, row: &[Option<f64>]) -> f64 {
        let row: Vec<f64> = self.standardizer.apply(row).into_iter().map(single).collect();
        self.intercept + self.trees.iter().map(|tree| tree.weight(&row)).sum::<f64>()
    }

    /// How many trees there are; none where no feature varies among the training rows.
    pub fn n_trees(&self) -> usize {
        self.trees.len()
    }
}

/// Rounded as XGBoost holds features, so that rows fall on the side of a threshold on which they were in training.
fn single(x: f64) -> f64 {
    f64::from(x as f32)
}
