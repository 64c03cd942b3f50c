use serde::Deserialize;
use xgb::parameters::BoosterParameters;
use xgb::{Booster, DMatrix};

use super::boosting::BoostingConfig;
use super::tree::{Node, Tree};
use crate::Error;

/// Trees of XGBoost, from some features of training rows.
pub(super) fn grow(
    config: &BoostingConfig,
    rows: &[Vec<f64>],
    labels: &[bool],
    features: &[usize],
    intercept: f64,
) -> Result<Vec<Tree>, Error> {
    train(config, rows, labels, features, intercept)
        .map_err(|error| failed(error.to_string()))
        .and_then(|json| trees(&json, features))
}

/// A model as XGBoost writes it in JSON.
fn train(
    config: &BoostingConfig,
    rows: &[Vec<f64>],
    labels: &[bool],
    features: &[usize],
    intercept: f64,
) -> Result<Vec<u8>, xgb::XGBError> {
    let data: Vec<f32> = rows.iter().flat_map(|row| features.iter().map(|&feature| row[feature] as f32)).collect();
    let mut matrix = DMatrix::from_dense(&data, rows.len())?;
    matrix.set_labels(&labels.iter().map(|&case| f32::from(u8::from(case))).collect::<Vec<_>>())?;
    let mut booster = Booster::new_with_cached_dmats(&BoosterParameters::default(), &[&matrix])?;
    for (name, value) in [
        ("verbosity", "0"),
        ("objective", "binary:logistic"),
        ("tree_method", "hist"),
        ("base_score", &(1.0 / (1.0 + (-intercept).exp())).to_string()),
        ("max_depth", &config.max_depth.to_string()),
        ("learning_rate", &config.learning_rate.to_string()),
        ("reg_lambda", &config.l2.to_string()),
    ] {
        booster.set_param(name, value)?;
    }
    for round in 0..config.trees {
        booster.update(&matrix, round as i32)?;
    }
    booster.save_buffer(false)
}

#[derive(Deserialize)]
struct Model {
    learner: Learner,
}

#[derive(Deserialize)]
struct Learner {
    gradient_booster: GradientBooster,
}

#[derive(Deserialize)]
struct GradientBooster {
    model: Forest,
}

#[derive(Deserialize)]
struct Forest {
    trees: Vec<Columns>,
}

/// A tree, node by node. A node without a left child is a leaf, and has its weight where others have a threshold.
#[derive(Deserialize)]
struct Columns {
    left_children: Vec<i64>,
    right_children: Vec<i64>,
    split_indices: Vec<usize>,
    split_conditions: Vec<f64>,
}

fn trees(json: &[u8], features: &[usize]) -> Result<Vec<Tree>, Error> {
    let model: Model = serde_json::from_slice(json).map_err(|error| failed(error.to_string()))?;
    let tree = |tree: &Columns| {
        let children = tree.left_children.iter().zip(&tree.right_children);
        let nodes = children.zip(tree.split_indices.iter().zip(&tree.split_conditions)).map(
            |((&left, &right), (&feature, &condition))| {
                // Numbers are f32 in the model, and written shortest.
                let number = f64::from(condition as f32);
                match (usize::try_from(left), usize::try_from(right), features.get(feature)) {
                    (Ok(left), Ok(right), Some(&feature)) => Node::Split { feature, threshold: number, left, right },
                    _ => Node::Leaf(number),
                }
            },
        );
        Tree::try_from(nodes.collect::<Vec<_>>()).map_err(|problem| failed(problem.into()))
    };
    model.learner.gradient_booster.model.trees.iter().map(tree).collect()
}

fn failed(problem: String) -> Error {
    Error::Fit { model: "XGBoost", problem }
}
