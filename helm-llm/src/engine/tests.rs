//! The engine against burn's graph, on trees of every shape, and a tree's order and sight against its mask.

use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};

use burn::tensor::{DType, Tensor, TensorData};
use half::bf16;
use proptest::collection::vec;
use proptest::prelude::*;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::memory::TreeSize;
use super::tree_rows::TreeRows;
use crate::packed::{PackedTrees, Padding};
use crate::tree::{Input, QuestionTargets, Target, TokenTree};
use crate::{FrozenDecoder, FrozenModel, TargetScore};

/// Largest difference of a log-probability, and, as a share of the largest entry, of a gradient.
const SAME: f64 = 1e-4;
/// Tokens of the fixtures' vocabularies.
const N_VOCAB: u32 = 300;

/// One of each family: the engine, the engine that computes layers again, and burn.
static MODELS: LazyLock<Vec<(String, [FrozenDecoder; 3])>> = LazyLock::new(models);

/// A folder of each family.
fn folders() -> Vec<PathBuf> {
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures");
    let families = std::fs::read_dir(fixtures.join("families")).expect("fixtures");
    let mut folders: Vec<PathBuf> = families.map(|entry| entry.expect("a folder").path()).collect();
    folders.push(fixtures.join("tiny-llama"));
    folders
}

fn models() -> Vec<(String, [FrozenDecoder; 3])> {
    let device = helm_encoders::device("cpu").expect("the CPU");
    let load = |folder: &PathBuf| {
        let model = FrozenDecoder::load(folder, &device).expect("a model");
        assert!(model.engine().is_some(), "the CPU has an engine");
        model
    };
    let models = |folder: PathBuf| {
        let own = [load(&folder), load(&folder).with_recomputed_layers(), load(&folder).without_engine()];
        (folder.display().to_string(), own)
    };
    folders().into_iter().map(models).collect()
}

/// Each family with its weights rounded to bf16, held in f32 and in bf16, and the latter with layers computed again.
static ROUNDED: LazyLock<Vec<(String, [FrozenDecoder; 3])>> = LazyLock::new(|| {
    let device = helm_encoders::device("cpu").expect("the CPU");
    let models = |folder: PathBuf| {
        let rounded = rounded(&folder);
        let load = |dtype| {
            let model = FrozenDecoder::load_in(rounded.path(), &device, dtype).expect("a model");
            assert!(model.engine().is_some(), "the CPU has an engine");
            model
        };
        let own = [load(DType::F32), load(DType::BF16), load(DType::BF16).with_recomputed_layers()];
        (folder.display().to_string(), own)
    };
    folders().into_iter().map(models).collect()
});

/// Each family in f32 and in bf16, without a cache of constant text and with one.
static AFRESH_AND_KEEPING: LazyLock<Vec<(String, [FrozenDecoder; 2])>> = LazyLock::new(|| {
    let device = helm_encoders::device("cpu").expect("the CPU");
    let load = |folder: PathBuf| {
        [DType::F32, DType::BF16].map(|dtype| {
            let load = || FrozenDecoder::load_in(&folder, &device, dtype).expect("a model");
            (format!("{} {dtype:?}", folder.display()), [load().with_cache_bytes(0), load()])
        })
    };
    folders().into_iter().flat_map(load).collect()
});

/// A copy of a model's folder with weights in bf16.
fn rounded(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a folder");
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a file").path();
        let to = copy.path().join(path.file_name().expect("a name"));
        if path.extension().is_none_or(|extension| extension != "safetensors") {
            std::fs::copy(&path, to).expect("a copy");
            continue;
        }
        let bytes = std::fs::read(&path).expect("a file");
        let tensors = SafeTensors::deserialize(&bytes).expect("tensors");
        let narrow = |(name, view): (&str, TensorView<'_>)| {
            let is_f32 = view.dtype() == Dtype::F32;
            let numbers = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
            let data = match is_f32 {
                true => numbers.flat_map(|x| bf16::from_f32(x).to_le_bytes()).collect(),
                false => view.data().to_vec(),
            };
            (name.to_owned(), if is_f32 { Dtype::BF16 } else { view.dtype() }, view.shape().to_vec(), data)
        };
        let narrowed: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = tensors.iter().map(narrow).collect();
        let views = narrowed.iter().map(|(name, dtype, shape, data)| {
            (name.as_str(), TensorView::new(*dtype, shape.clone(), data).expect("a tensor"))
        });
        safetensors::serialize_to_file(views, None, &to).expect("a file");
    }
    copy
}

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
        check_equal(name, &found, &compute(burn, &batch, n_soft))?;
        prop_assert_eq!(found.gradient, compute(recomputing, &batch, n_soft).gradient, "{}", name);
    }
    for (name, [wide, narrow, recomputing]) in &*ROUNDED {
        let found = compute(narrow, &batch, n_soft);
        check_equal(name, &found, &compute(wide, &batch, n_soft))?;
        prop_assert_eq!(found.gradient, compute(recomputing, &batch, n_soft).gradient, "{}", name);
    }
    Ok(())
}

fn check_equal(name: &str, found: &Computed, expected: &Computed) -> Result<(), TestCaseError> {
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
    Ok(())
}

/// Numbers that buffers hold at most in scoring and in training, and what is said of them, of every family, in f32,
/// with layers computed again, and in bf16, on so many threads. Constant text is computed each time.
fn memory(plans: &[Plan], threads: usize) -> Vec<(String, [(usize, usize); 2])> {
    /// Of their own: what other tests use of buffers is not counted.
    static MODELS: LazyLock<Vec<(String, FrozenDecoder)>> = LazyLock::new(|| {
        let device = helm_encoders::device("cpu").expect("the CPU");
        let load = |folder: PathBuf| {
            let load = |dtype| FrozenDecoder::load_in(&folder, &device, dtype).expect("a model").with_cache_bytes(0);
            let models = [load(DType::F32), load(DType::F32).with_recomputed_layers(), load(DType::BF16)];
            models.map(|model| (folder.display().to_string(), model))
        };
        folders().into_iter().flat_map(load).collect()
    });
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (batch, n_soft) = pack(plans, Padding::Right);
    let measure = |(name, model): &(String, FrozenDecoder)| {
        let engine = model.engine().expect("the CPU has an engine");
        let (shape, trees) = (engine.memory_shape(), TreeSize::all(&batch));
        let soft = vec![0.1; n_soft * model.d_model()];
        engine.buffers.most_numbers();
        engine.scores(&batch, &soft);
        let scoring = (engine.buffers.most_numbers(), shape.scoring_numbers(&trees));
        let (scores, saved) = engine.scores_to_differentiate(&batch, &soft);
        engine.vjp(saved, &vec![1.0; scores.len()], n_soft);
        let training = (engine.buffers.most_numbers(), shape.training_numbers(&trees));
        (name.clone(), [scoring, training])
    };
    let threads = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    threads.install(|| MODELS.iter().map(measure).collect())
}

fn check_memory(plans: &[Plan]) -> Result<(), TestCaseError> {
    for threads in [2, 5] {
        for (name, found) in memory(plans, threads) {
            for (found, bound) in found {
                prop_assert!(found <= bound, "{name} on {threads} threads: {found} of {bound}");
            }
        }
    }
    Ok(())
}

/// The bound is no guess: scoring many trees uses a sixteenth of it at least, and training a sixth. On one thread, since
/// how two of them fall together is chance.
#[test]
fn passes_use_a_share_of_their_bound() {
    let questions = vec![((0..8).collect(), 1); 20];
    let plan = Plan { text: (0..50).collect(), n_soft: 6, tail: (0..30).collect(), questions };
    for (name, found) in memory(&vec![plan; 16], 1) {
        for ((found, bound), share) in found.into_iter().zip([16, 6]) {
            assert!(found > bound / share, "{name}: {found} of {bound}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn passes_keep_within_their_bound(plans in vec(plan(90, 90, 40), 1..9)) {
        check_memory(&plans)?;
    }

    #[test]
    fn passes_behind_a_common_text_keep_within_their_bound(
        head in vec(0..N_VOCAB, 64..110usize),
        mut plans in vec(plan(60, 40, 20), 2..6),
    ) {
        plans.iter_mut().for_each(|plan| plan.text = [head.as_slice(), &plan.text].concat());
        check_memory(&plans)?;
    }

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
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Fewer trees than threads, so that some help: nothing changes, to the last bit.
    #[test]
    fn helpers_change_no_number(plans in vec(plan(120, 60, 40), 1..4)) {
        let (batch, n_soft) = pack(&plans, Padding::Right);
        // Nothing is kept, so that constant text is computed on either number of threads.
        for (name, [model, _]) in &*AFRESH_AND_KEEPING {
            let on = |threads: usize| {
                let threads = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
                let Computed { log_probs, gradient, .. } = threads.install(|| compute(model, &batch, n_soft));
                (log_probs, gradient)
            };
            prop_assert!(on(1) == on(5), "{}", name);
        }
    }

    /// Texts share their first tokens, often whole blocks of them, and end on their own, often just behind a block.
    #[test]
    fn blocks_do_not_depend_on_what_came_with_them(
        head in vec(0..N_VOCAB, 190),
        ends in vec((
            prop_oneof![Just(0), Just(64), Just(128), 0..190usize],
            prop_oneof![vec(0..N_VOCAB, 1), vec(0..N_VOCAB, 63..67usize), vec(0..N_VOCAB, 0..66usize)],
        ), 1..6),
    ) {
        let texts: Vec<Vec<u32>> = ends.into_iter().map(|(cut, end)| [&head[..cut], &end].concat()).collect();
        check_blocks(&texts)?;
    }
}

#[test]
fn a_text_of_one_token_does_not_depend_on_what_came_with_it() {
    check_blocks(&[vec![7], (0..80).collect(), vec![8], vec![7, 9]]).expect("the same blocks");
}

/// Keys and values of texts are the same to the last bit alone, together, with some of them kept, and with all of them
/// kept: what is kept may depend on which thread was faster.
fn check_blocks(texts: &[Vec<u32>]) -> Result<(), TestCaseError> {
    let blocks = |model: &FrozenDecoder, texts: &[Vec<u32>]| {
        let engine = model.engine().expect("the CPU has an engine");
        engine.prefixes.get_or_compute(texts, |stretches| engine.compute_prefixes(stretches))
    };
    for (name, [afresh, keeping]) in &*AFRESH_AND_KEEPING {
        let alone: Vec<_> = texts.iter().flat_map(|text| blocks(afresh, std::slice::from_ref(text))).collect();
        prop_assert!(alone == blocks(afresh, texts), "{}", name);
        for (text, alone) in texts.iter().zip(&alone).rev() {
            prop_assert!(alone == &blocks(keeping, std::slice::from_ref(text))[0], "{}", name);
        }
        prop_assert!(alone == blocks(keeping, texts), "{}", name);
    }
    Ok(())
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
