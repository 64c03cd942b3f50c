//! The gradient at the splice, by the engine and by burn: against PyTorch's through transformers' model, and against
//! finite differences.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;

use helm_core::{Answers, Context, Question, SlotId};
use serde::Deserialize;

use super::*;
use crate::Tokenizer;
use crate::answer_score::answer_scores;
use crate::likelihood::target_gradients;
use crate::packed::Padding;
use crate::splice::splice;
use crate::tree::TokenTree;

/// Largest difference of a gradient from PyTorch's, as a share of its largest entry.
const GRADIENT: f64 = 1e-3;

/// What scripts/golden_llama.py wrote of prompts with soft tokens.
#[derive(Deserialize)]
struct Golden {
    soft: Vec<Case>,
}

/// What scripts/golden_families.py wrote of every family.
#[derive(Deserialize)]
struct Families {
    families: BTreeMap<String, Golden>,
}

#[derive(Deserialize)]
struct Case {
    about: String,
    slots: Vec<Slot>,
    tail: String,
    question: String,
    forms: Vec<Form>,
}

#[derive(Deserialize)]
struct Slot {
    text: String,
    soft: Vec<Vec<f32>>,
    log_odds_gradient: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Form {
    answer: String,
    form: String,
}

/// Each model twice where it has an engine: with it and without.
fn models() -> Vec<(Vec<FrozenDecoder>, Tokenizer, Golden)> {
    let device = helm_encoders::device(&std::env::var("HELM_TEST_DEVICE").unwrap_or("cpu".into())).expect("a device");
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let mut folders = vec![(tests.join("fixtures/tiny-llama"), "tiny_llama.json")];
    match std::env::var_os("HELM_TEST_DATA").filter(|data| !data.is_empty()) {
        Some(data) => folders.push((PathBuf::from(data).join("models/stories260K"), "stories260k.json")),
        // Not eprintln, which a passing test swallows.
        None => drop(writeln!(std::io::stderr(), "skipped for stories260K: HELM_TEST_DATA is not set")),
    }
    let both = |folder: &Path| {
        let load = || FrozenDecoder::load(folder, &device).expect("a model");
        let on_cpu = helm_encoders::device("cpu").is_ok_and(|cpu| cpu == device);
        assert_eq!(load().engine().is_some(), on_cpu);
        if on_cpu { vec![load(), load().without_engine()] } else { vec![load()] }
    };
    let load = |(folder, golden): (PathBuf, &str)| {
        let golden = std::fs::read_to_string(tests.join("golden").join(golden)).expect("a golden file");
        (
            both(&folder),
            Tokenizer::from_file(&folder.join("tokenizer.json")).expect("a tokenizer"),
            serde_json::from_str(&golden).expect("golden numbers"),
        )
    };
    let mut models: Vec<_> = folders.into_iter().map(load).collect();
    let families = std::fs::read_to_string(tests.join("golden/families.json")).expect("a golden file");
    let Families { families } = serde_json::from_str(&families).expect("golden numbers");
    for (name, golden) in families {
        let frozen = both(&tests.join("fixtures/families").join(name));
        let tokenizer = Tokenizer::from_file(&tests.join("fixtures/tiny-llama/tokenizer.json")).expect("a tokenizer");
        models.push((frozen, tokenizer, golden));
    }
    models
}

fn tree(tokenizer: &Tokenizer, case: &Case) -> TokenTree {
    let mut context = Context::default();
    for (index, slot) in case.slots.iter().enumerate() {
        context = context.with_text(&slot.text).with_soft(index.to_string().as_str());
    }
    let forms = |answer: &str| {
        let forms = case.forms.iter().filter(|form| form.answer == answer);
        forms.map(|form| form.form.clone()).collect::<Vec<_>>()
    };
    let answers = Answers::new(forms("yes"), forms("no")).expect("answers");
    let question = Question { text: case.question.clone(), answers };
    let slot = |id: &SlotId| {
        let index: usize = id.as_str().parse().ok()?;
        Some((index, case.slots[index].soft.len()))
    };
    splice(tokenizer, None, &context.with_text(&case.tail), &[question], slot).expect("a tree")
}

/// Log-odds of a case from its soft tokens, row after row, and their gradient.
struct LogOdds<'a> {
    frozen: &'a FrozenDecoder,
    tree: TokenTree,
    packed: PackedTrees,
}

impl<'a> LogOdds<'a> {
    fn new(frozen: &'a FrozenDecoder, tokenizer: &Tokenizer, case: &Case) -> Self {
        let tree = tree(tokenizer, case);
        let starts: Vec<usize> =
            (0..case.slots.len()).map(|slot| case.slots[..slot].iter().map(|slot| slot.soft.len()).sum()).collect();
        let packed = PackedTrees::new(&[&tree], Padding::Right, |_, modality, index| starts[modality] + index);
        Self { frozen, tree, packed }
    }

    fn soft(&self, values: &[f32]) -> Tensor<2> {
        let d_model = self.frozen.d_model();
        Tensor::from_data(TensorData::new(values.to_vec(), [values.len() / d_model, d_model]), self.frozen.device())
    }

    fn value(&self, soft: &[f32]) -> f64 {
        let targets = self.frozen.target_scores(&self.packed, Some(self.soft(soft)));
        answer_scores(&self.tree, &targets)[0].risk().log_odds
    }

    fn gradient(&self, soft: &[f32]) -> Vec<f64> {
        let (log_probs, vjp) = self.frozen.log_probs_with_vjp(&self.packed, self.soft(soft));
        let gradient = vjp.apply(&target_gradients(&self.tree, &log_probs, &[(1.0, -1.0)]));
        to_f32(gradient.into_data()).into_iter().map(f64::from).collect()
    }
}

#[test]
fn gradients_at_the_splice_equal_pytorch() {
    for (models, tokenizer, golden) in models() {
        for (frozen, case) in models.iter().flat_map(|model| golden.soft.iter().map(move |case| (model, case))) {
            let soft: Vec<f32> = case.slots.iter().flat_map(|slot| slot.soft.concat()).collect();
            let expected: Vec<f64> = case.slots.iter().flat_map(|slot| slot.log_odds_gradient.concat()).collect();
            let most = expected.iter().fold(0f64, |most, value| most.max(value.abs()));
            let found = LogOdds::new(frozen, &tokenizer, case).gradient(&soft);
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - expected).abs() < GRADIENT * most, "{}: {found} {expected}", case.about);
            }
        }
    }
}

#[test]
fn gradients_at_the_splice_equal_finite_differences() {
    for (models, tokenizer, golden) in models() {
        for (frozen, case) in models.iter().flat_map(|model| golden.soft.iter().map(move |case| (model, case))) {
            let soft: Vec<f32> = case.slots.iter().flat_map(|slot| slot.soft.concat()).collect();
            let log_odds = LogOdds::new(frozen, &tokenizer, case);
            let gradient = log_odds.gradient(&soft);
            let norm = gradient.iter().map(|value| value * value).sum::<f64>().sqrt();
            // Along the gradient and along two fixed directions: f32 leaves few digits for a single coordinate.
            let directions: [Vec<f64>; 3] = [
                gradient.iter().map(|value| value / norm).collect(),
                (0..soft.len()).map(|i| (i as f64).sin() / (soft.len() as f64 / 2.0).sqrt()).collect(),
                (0..soft.len()).map(|i| (3.0 * i as f64).cos() / (soft.len() as f64 / 2.0).sqrt()).collect(),
            ];
            for direction in directions {
                let moved = |by: f64| -> Vec<f32> {
                    soft.iter().zip(&direction).map(|(&value, step)| (f64::from(value) + by * step) as f32).collect()
                };
                let h = 4e-3;
                let numeric = (log_odds.value(&moved(h)) - log_odds.value(&moved(-h))) / (2.0 * h);
                let exact: f64 = gradient.iter().zip(&direction).map(|(gradient, step)| gradient * step).sum();
                assert!((numeric - exact).abs() < 5e-3 * norm, "{}: {numeric} {exact} of {norm}", case.about);
            }
        }
    }
}
