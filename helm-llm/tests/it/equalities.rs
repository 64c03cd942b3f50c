//! Every shortcut against the plain computation: packed questions, batches, padding, cached prefixes.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use helm_core::{Answers, Cohort, Context, Question, Risk};
use helm_encoders::Modality;
use helm_llm::{FrozenDecoder, Helm, LanguageModel, Padding, Prompt, SoftPrompt, Tokenizer};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::models::{cohort, device, family_folder, pass_on, stories_folder, tiny_folder};

/// Largest difference of a log-likelihood between two ways to compute it; where it is below −4, the same share of it:
/// at −18 the steps of an f32 are 2e-6.
const LOG_LIKELIHOOD: f64 = 1e-5;
const PARTICIPANTS: usize = 7;

/// The models, one of each family among them, each with and without a cache of constant prefixes.
static MODELS: LazyLock<Vec<[LanguageModel; 2]>> = LazyLock::new(|| {
    let load = |folder: &Path, tokenizer: &Path, bytes| {
        let frozen = FrozenDecoder::load(folder, &device()).unwrap().with_cache_bytes(bytes);
        let tokenizer = Tokenizer::from_file(&tokenizer.join("tokenizer.json")).unwrap();
        LanguageModel::new(Arc::new(frozen), Arc::new(tokenizer))
    };
    let mut folders = vec![(tiny_folder(), tiny_folder())];
    folders.extend(stories_folder().map(|folder| (folder.clone(), folder)));
    folders.extend(FAMILIES.map(|name| (family_folder(name), tiny_folder())));
    folders.iter().map(|(folder, tokenizer)| [load(folder, tokenizer, 1 << 24), load(folder, tokenizer, 0)]).collect()
});

/// Those that differ in what a tree's shape and positions touch: windows, caps, learned and partial positions.
const FAMILIES: [&str; 6] = ["mistral", "gemma2", "gemma3_text", "phi3", "gpt2", "gpt_neox"];

static COHORT: LazyLock<Cohort> = LazyLock::new(|| cohort(PARTICIPANTS));

fn modalities(d_model: usize) -> Vec<Modality> {
    let vectors = |n: usize, turn: f64| {
        move |x: f64| (0..n).map(|i| ((i as f64 + 1.0) * (x + turn)).sin() as f32).collect::<Vec<_>>()
    };
    vec![
        pass_on("breath", 3, d_model, vectors(3 * d_model, 0.3)),
        pass_on("heart", 2, d_model, vectors(2 * d_model, 2.0)),
    ]
}

/// Modalities, and a soft prompt of so many vectors in front of everything.
fn helm(model: &LanguageModel, n_front: usize) -> Helm {
    let helm = Helm::new(model.clone(), modalities(model.frozen().d_model())).unwrap();
    if n_front == 0 {
        return helm;
    }
    helm.with_soft_prompt(&SoftPrompt::from_text(n_front, "ill or well", model).unwrap()).unwrap()
}

/// What a participant's context holds, in this order: text, perhaps the breath, text, perhaps the heart, text.
#[derive(Clone, Debug)]
struct Plan {
    texts: [String; 3],
    breath: bool,
    heart: bool,
}

impl Plan {
    fn context(&self) -> Context {
        let mut context = Context::default().with_text(&self.texts[0]);
        if self.breath {
            context = context.with_soft("breath");
        }
        context = context.with_text(&self.texts[1]);
        if self.heart {
            context = context.with_soft("heart");
        }
        context.with_text(&self.texts[2])
    }
}

prop_compose! {
    /// A few words with what tokenizers merge across: blanks, line ends, digits, accents.
    fn words()(words in prop::collection::vec(select(vec!["age", " 54", " sick", "\n", " ", "é", "sex:", "0", "."]), 0..6))
        -> String
    {
        words.concat()
    }
}

prop_compose! {
    fn plan()(texts in [words(), words(), words()], breath: bool, heart: bool) -> Plan {
        Plan { texts, breath, heart }
    }
}

prop_compose! {
    fn plans()(one in plan(), others in prop::collection::vec(plan(), PARTICIPANTS), shared: bool) -> Vec<Plan> {
        if shared { vec![one; PARTICIPANTS] } else { others }
    }
}

prop_compose! {
    fn questions()(texts in prop::collection::vec(words(), 1..4), answers in prop::collection::vec(any::<Index>(), 4))
        -> Vec<Question>
    {
        let sets = [
            Answers::yes_no(),
            Answers::new([" yes", " Yes", "\nyes"], [" no", " No"]).unwrap(),
            Answers::new([" ill"], [" well and happy"]).unwrap(),
        ];
        let question = |(text, answer): (String, Index)| Question { text: format!("{text} ill:"), answers: answer.get(&sets).clone() };
        texts.into_iter().zip(answers).map(question).collect()
    }
}

fn prompts(helm: &Helm, plans: &[Plan], questions: &[Question]) -> Vec<Prompt> {
    let prompt = |(record, plan): (_, &Plan)| helm.prompt(&plan.context(), record, questions).unwrap();
    COHORT.records().zip(plans).map(prompt).collect()
}

fn risks(helm: &Helm, plans: &[Plan], questions: &[Question]) -> Vec<Vec<Risk>> {
    helm.risks(&prompts(helm, plans, questions)).unwrap()
}

/// Of the positive and the negative answer.
fn log_likelihoods(risk: Risk) -> [f64; 2] {
    [-risk.log_odds, risk.log_odds].map(|turned| risk.answer_mass.ln() - turned.exp().ln_1p())
}

fn close(a: &[Vec<Risk>], b: &[Vec<Risk>]) -> Result<(), TestCaseError> {
    prop_assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        prop_assert_eq!(a.len(), b.len());
        for (a, b) in a.iter().zip(b) {
            for (a, b) in log_likelihoods(*a).into_iter().zip(log_likelihoods(*b)) {
                prop_assert!((a - b).abs() < LOG_LIKELIHOOD * (a.abs() / 4.0).max(1.0), "{a} {b}");
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn packed_questions_equal_one_at_a_time(plans in plans(), questions in questions(), n_front in 0usize..4) {
        for [model, _] in MODELS.iter() {
            let helm = helm(model, n_front);
            let together = risks(&helm, &plans, &questions);
            let alone: Vec<_> = questions.iter().map(|question| risks(&helm, &plans, std::slice::from_ref(question))).collect();
            let alone: Vec<Vec<Risk>> =
                (0..PARTICIPANTS).map(|row| alone.iter().map(|of_question| of_question[row][0]).collect()).collect();
            close(&together, &alone)?;
        }
    }

    #[test]
    fn a_batch_equals_its_participants_alone(plans in plans(), questions in questions(), n_front in 0usize..4, per_pass in 1usize..8) {
        for [model, _] in MODELS.iter() {
            let alone = helm(model, n_front).with_trees_per_pass(1);
            let alone: Vec<_> = prompts(&alone, &plans, &questions)
                .into_iter()
                .map(|prompt| alone.risks(&[prompt]).unwrap().remove(0))
                .collect();
            close(&risks(&helm(model, n_front).with_trees_per_pass(per_pass), &plans, &questions), &alone)?;
        }
    }

    #[test]
    fn the_side_of_padding_changes_nothing(plans in plans(), questions in questions(), n_front in 0usize..4) {
        for [model, _] in MODELS.iter() {
            let right = risks(&helm(model, n_front).with_padding(Padding::Right), &plans, &questions);
            close(&right, &risks(&helm(model, n_front).with_padding(Padding::Left), &plans, &questions))?;
        }
    }

    #[test]
    fn cached_prefixes_equal_computed_ones(plans in plans(), questions in questions(), n_front in 0usize..4) {
        for [cached, computed] in MODELS.iter() {
            let (cached, computed) = (helm(cached, n_front), helm(computed, n_front));
            let first = risks(&cached, &plans, &questions);
            close(&first, &risks(&computed, &plans, &questions))?;
            // The second time the prefixes come from the cache.
            close(&first, &risks(&cached, &plans, &questions))?;
        }
    }

    #[test]
    fn the_order_of_rows_changes_nothing(plans in plans(), questions in questions(), n_front in 0usize..4) {
        for [model, _] in MODELS.iter() {
            let helm = helm(model, n_front);
            let mut prompts = prompts(&helm, &plans, &questions);
            let mut forward = helm.risks(&prompts).unwrap();
            prompts.reverse();
            forward.reverse();
            close(&helm.risks(&prompts).unwrap(), &forward)?;
        }
    }
}

#[test]
fn a_long_prompt_is_counted_with_its_soft_tokens() {
    let [model, _] = &MODELS[0];
    let d_model = model.frozen().d_model();
    let n_positions = model.frozen().n_positions();
    let question = Question { text: ":".into(), answers: Answers::yes_no() };
    let ask = |n_soft: usize| {
        let modality = pass_on("breath", n_soft, d_model, move |_| vec![0.1; n_soft * d_model]);
        let helm = Helm::new(model.clone(), vec![modality]).unwrap();
        let prompt =
            helm.prompt(&Context::default().with_soft("breath"), COHORT.record(0), std::slice::from_ref(&question))?;
        Ok::<_, helm_llm::Error>(helm.risks(&[prompt]).unwrap()[0][0].log_odds)
    };
    // The start token, the question's one token and an answer of one token stand beside them.
    assert!(ask(n_positions - 3).unwrap().is_finite());
    let error = ask(n_positions - 2).unwrap_err().to_string();
    assert!(error.contains(&n_positions.to_string()) && error.contains(&(n_positions + 1).to_string()), "{error}");
}
