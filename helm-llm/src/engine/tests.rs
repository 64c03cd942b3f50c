//! The engine against burn's graph, on trees of every shape, and a tree's order and sight against its mask.

use std::path::PathBuf;
use std::sync::LazyLock;

use burn::tensor::{Tensor, TensorData};
use proptest::collection::vec;
use proptest::prelude::*;

use super::tree_rows::TreeRows;
use crate::packed::{PackedTrees, Padding};
use crate::tree::{Input, QuestionTargets, Target, TokenTree};
use crate::{FrozenDecoder, FrozenModel, TargetScore};

/// Largest difference of a log-probability, and, as a share of the largest entry, of a gradient.
const SAME: f64 = 1e-4;
/// Tokens of the fixtures' vocabularies.
const N_VOCAB: u32 = 300;

/// One of each family: the engine, the engine that computes layers again, and burn.
static MODELS: LazyLock<Vec<(String, [FrozenDecoder; 3])>> = LazyLock::new(|| {
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures");
    let families = std::fs::read_dir(fixtures.join("families")).expect("fixtures");
    let mut folders: Vec<PathBuf> = families.map(|entry| entry.expect("a folder").path()).collect();
    folders.push(fixtures.join("tiny-llama"));
    let device = helm_encoders::device("cpu").expect("the CPU");
    let load = |folder: &PathBuf| {
        let model = FrozenDecoder::load(folder, &device).expect("a model");
        assert!(model.has_engine(), "the CPU has an engine");
        model
    };
    let models = |folder: PathBuf| {
        let own = [load(&folder), load(&folder).with_recomputed_layers(), load(&folder).without_engine()];
        (folder.display().to_string(), own)
    };
    folders.into_iter().map(models).collect()
});

/// A tree's plan: text, soft tokens, more text, and questions with answers of some tokens; every other question starts
/// as the one before it.
#[derive(Clone, Debug)]
struct Plan {
    text: Vec<u32>,
    n_soft: usize,
    tail: Vec<u32>,
    questions: Vec<(Vec<u32>, usize)>,
}

fn plan(text: usize, tail: usize, questions: usize) -> impl Strategy<Value = Plan> {
    let ids = |n| vec(0..N_VOCAB, n);
    let question = (vec(0..N_VOCAB, 1..9usize), 1..3usize);
    (ids(0..text), 0..6usize, ids(1..tail), vec(question, 1..questions))
        .prop_map(|(text, n_soft, tail, questions)| Plan { text, n_soft, tail, questions })
}

fn tree(plan: &Plan) -> TokenTree {
    let mut tree = TokenTree::default();
    let mut last = None;
    for &id in &plan.text {
        last = Some(tree.child(last, Input::Token(id)));
    }
    for index in 0..plan.n_soft {
        last = Some(tree.child(last, Input::Soft { modality: 0, index }));
    }
    for &id in &plan.tail {
        last = Some(tree.child(last, Input::Token(id)));
    }
    for (index, (question, n_tokens)) in plan.questions.iter().enumerate() {
        let mut node = last;
        // Questions that begin alike but are not neighbours put the tree's nodes out of its order.
        for &id in [1 + (index % 3) as u32].iter().chain(question) {
            node = Some(tree.child(node, Input::Token(id)));
        }
        let mut answer = |first: u32| {
            let (mut node, mut targets) = (node, Vec::new());
            for id in (first..).take(*n_tokens) {
                targets.push(Target { node: node.expect("a question"), id });
                node = Some(tree.child(node, Input::Token(id)));
            }
            targets
        };
        let targets = QuestionTargets { positive: vec![answer(10)], negative: vec![answer(20)] };
        tree.push_question(targets).expect("answers that differ");
    }
    tree
}

fn pack(plans: &[Plan], padding: Padding) -> (PackedTrees, usize) {
    let trees: Vec<TokenTree> = plans.iter().map(tree).collect();
    let starts: Vec<usize> =
        plans.iter().scan(0, |next, plan| Some(std::mem::replace(next, *next + plan.n_soft))).collect();
    let packed = PackedTrees::new(&trees.iter().collect::<Vec<_>>(), padding, |row, _, index| starts[row] + index);
    (packed, plans.iter().map(|plan| plan.n_soft).sum())
}

/// What a model makes of a batch.
struct Computed {
    scores: Vec<TargetScore>,
    log_probs: Vec<f64>,
    /// Of a fixed mixture of the log-probabilities.
    gradient: Vec<f32>,
}

fn compute(model: &FrozenDecoder, batch: &PackedTrees, n_soft: usize) -> Computed {
    let d = model.d_model();
    let soft: Vec<f32> = (0..n_soft * d).map(|i| (0.3 * i as f32).sin()).collect();
    let soft = || Tensor::<2>::from_data(TensorData::new(soft.clone(), [n_soft, d]), model.device());
    let scores = model.target_scores(batch, (n_soft > 0).then(soft));
    if n_soft == 0 {
        return Computed { scores, log_probs: Vec::new(), gradient: Vec::new() };
    }
    let (log_probs, vjp) = model.log_probs_with_vjp(batch, soft());
    let weights: Vec<f64> = (0..log_probs.len()).map(|i| (i as f64 + 0.5).cos()).collect();
    let gradient = vjp.apply(&weights).into_data().try_to_vec::<f32>().expect("f32");
    Computed { scores, log_probs, gradient }
}

fn check(plans: &[Plan], padding: Padding) -> Result<(), TestCaseError> {
    let (batch, n_soft) = pack(plans, padding);
    for (name, [engine, recomputing, burn]) in &*MODELS {
        let found = compute(engine, &batch, n_soft);
        let expected = compute(burn, &batch, n_soft);
        for (found, expected) in found.scores.iter().zip(&expected.scores) {
            let (own, other) = (found.log_prob, expected.log_prob);
            prop_assert!((own - other).abs() < SAME * other.abs().max(1.0), "{name}: {own} {other}");
            prop_assert_eq!(found.is_most_likely, expected.is_most_likely, "{}: {}", name, own);
        }
        for (own, score) in found.log_probs.iter().zip(&found.scores) {
            prop_assert!((own - score.log_prob).abs() < SAME, "{name}: {own} {}", score.log_prob);
        }
        let most = expected.gradient.iter().fold(0f32, |most, value| most.max(value.abs()));
        for (own, other) in found.gradient.iter().zip(&expected.gradient) {
            prop_assert!(f64::from((own - other).abs()) <= SAME * f64::from(most), "{name}: {own} {other}");
        }
        prop_assert_eq!(found.gradient, compute(recomputing, &batch, n_soft).gradient, "{}", name);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn engine_equals_burn(
        plans in vec(plan(12, 12, 6), 1..6),
        padding in prop_oneof![Just(Padding::Left), Just(Padding::Right)],
    ) {
        check(&plans, padding)?;
    }

    /// Longer than a tile in each part, and more rows than a task.
    #[test]
    fn engine_equals_burn_on_large_trees(plans in vec(plan(90, 90, 40), 1..3)) {
        check(&plans, Padding::Right)?;
    }
}

proptest! {
    #[test]
    fn rows_see_their_paths_and_blocks_cover_them(plan in plan(9, 120, 40), window in 1..20usize) {
        let (batch, _) = pack(&[plan], Padding::Left);
        let rows = TreeRows::new(&batch, 0);
        let blocks = rows.key_blocks();
        let sees = batch.sees();
        for window in [None, Some(window)] {
            let sight = rows.sight(&blocks, window);
            for row in 0..rows.len() {
                let place = rows.places[row];
                let near = |position: usize| window.is_none_or(|window| rows.positions[row] - position < window);
                let expected: Vec<usize> = (0..rows.n_prefix)
                    .filter(|&position| near(position))
                    .chain((0..rows.len()).filter(|&other| {
                        sees[place * batch.length + rows.places[other]] && near(rows.positions[other])
                    }).map(|other| rows.n_prefix + other))
                    .collect();
                let visible: Vec<usize> = sight.visible(row).iter().cloned().flatten().collect();
                prop_assert_eq!(&visible, &expected);
                let mut covered: Vec<usize> = (0..rows.n_prefix).collect();
                let own = blocks.iter().filter(|block| block.rows.contains(&row));
                covered.extend(own.flat_map(|block| block.keys.clone()).map(|key| rows.n_prefix + key));
                let mut both: Vec<usize> = sight.hidden(row).iter().cloned().flatten().chain(visible).collect();
                both.sort_unstable();
                prop_assert_eq!(both, covered);
            }
        }
    }
}
