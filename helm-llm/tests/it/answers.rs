use helm_core::{Answers, Context, Question, Risk};
use helm_llm::{AnswerScore, Error, GenerationConfig, Helm, LanguageModel};

use crate::golden::{self, Form};
use crate::models::{cohort, pass_on};

/// Largest difference of a log-likelihood from transformers'.
const LOG_LIKELIHOOD: f64 = 1e-4;

fn forms(all: &[Form], answer: &str) -> Vec<String> {
    all.iter().filter(|form| form.answer == answer).map(|form| form.form.clone()).collect()
}

fn question(text: &str, forms_of: &[Form]) -> Question {
    let answers = Answers::new(forms(forms_of, "yes"), forms(forms_of, "no")).unwrap();
    Question { text: text.into(), answers }
}

fn ask(helm: &Helm, context: &Context, question: Question) -> Risk {
    let cohort = cohort(1);
    let prompt = helm.prompt(context, cohort.record(0), &[question]).unwrap();
    helm.risks(&[prompt]).unwrap()[0][0]
}

fn score(helm: &Helm, context: &Context, question: Question) -> AnswerScore {
    let cohort = cohort(1);
    let prompt = helm.prompt(context, cohort.record(0), &[question]).unwrap();
    helm.answer_scores(&[prompt]).unwrap().remove(0).remove(0)
}

/// The log-likelihood of a form by the plain forward pass: the sum over its ids from `start`.
fn plain(model: &LanguageModel, form: &Form, start: usize) -> f64 {
    let logits = model.frozen().next_token_logits(&form.ids);
    (start..form.ids.len())
        .map(|i| {
            let logits = &logits[i - 1];
            let most = logits.iter().copied().fold(f32::MIN, f32::max);
            let sum: f64 = logits.iter().map(|&logit| f64::from(logit - most).exp()).sum();
            f64::from(logits[form.ids[i] as usize] - most) - sum.ln()
        })
        .sum()
}

#[test]
fn log_likelihoods_equal_transformers_on_the_whole_string() {
    for (model, answers, _) in golden::all_answers() {
        let helm = Helm::new(model.clone(), vec![]).unwrap();
        for case in answers {
            let context = Context::default().with_text(&case.context);
            let risk = ask(&helm, &context, question(&case.question, &case.forms));
            let start = case.forms.iter().map(|form| form.start).min().unwrap();
            let score = score(&helm, &context, question(&case.question, &case.forms));
            assert_eq!(score.risk(), risk, "{}", case.about);
            for (answer, found) in [("yes", score.positive()), ("no", score.negative())] {
                let forms: Vec<&Form> = case.forms.iter().filter(|form| form.answer == answer).collect();
                assert_eq!(forms.len(), found.len());
                for (form, found) in forms.iter().zip(found).filter(|(form, _)| form.start == start) {
                    assert!((found - form.log_likelihood).abs() < LOG_LIKELIHOOD, "{} {:?}", case.about, form.form);
                }
            }
            if case.forms.iter().all(|form| form.start == start) {
                assert!((risk.log_odds - case.log_odds).abs() < LOG_LIKELIHOOD, "{}", case.about);
                assert!((risk.answer_mass.ln() - case.log_answer_mass).abs() < LOG_LIKELIHOOD, "{}", case.about);
            }
            // Form by form, two at a time; all count from the token at which the earliest starts.
            for yes in case.forms.iter().filter(|form| form.answer == "yes") {
                for no in case.forms.iter().filter(|form| form.answer == "no") {
                    let risk = ask(&helm, &context, question(&case.question, &[yes.clone(), no.clone()]));
                    let start = yes.start.min(no.start);
                    let expected = |form: &Form| match form.start == start {
                        true => form.log_likelihood,
                        false => plain(&model, form, start),
                    };
                    let (yes, no) = (expected(yes), expected(no));
                    assert!((risk.log_odds - (yes - no)).abs() < LOG_LIKELIHOOD, "{}", case.about);
                    let mass = yes.exp() + no.exp();
                    assert!(mass <= 1.0 && (risk.answer_mass / mass).ln().abs() < LOG_LIKELIHOOD, "{}", case.about);
                }
            }
        }
    }
}

#[test]
fn answers_after_soft_tokens_equal_transformers() {
    for (model, _, soft) in golden::all_answers() {
        for case in soft {
            let d_model = model.frozen().d_model();
            let mut context = Context::default();
            let mut modalities = Vec::new();
            for (index, slot) in case.slots.iter().enumerate() {
                let name = format!("slot{index}");
                context = context.with_text(&slot.text).with_soft(name.as_str());
                let vectors = slot.soft.concat();
                modalities.push(pass_on(&name, slot.soft.len(), d_model, move |_| vectors.clone()));
            }
            let helm = Helm::new(model.clone(), modalities).unwrap();
            let risk = ask(&helm, &context.with_text(&case.tail), question(&case.question, &case.forms));
            assert!((risk.log_odds - case.log_odds).abs() < LOG_LIKELIHOOD, "{}", case.about);
            assert!((risk.answer_mass.ln() - case.log_answer_mass).abs() < LOG_LIKELIHOOD, "{}", case.about);
        }
    }
}

/// An answer is valid where greedy generation begins with it.
#[test]
fn valid_answers_are_those_that_greedy_generation_writes() {
    let mut n_checked = 0;
    for (name, model, _) in golden::families() {
        let helm = Helm::new(model.clone(), vec![]).unwrap();
        for text in ["Does the patient have asthma?", "Age: 54.", "She was sick, and", "The dose is 10 or"] {
            let mut config = GenerationConfig::default();
            config.max_tokens = 3;
            let said: String = model.generate(text, config).unwrap().map(Result::unwrap).collect();
            let ids = model.tokenizer().encode(&format!("{text}{said}")).unwrap();
            let begins = model.tokenizer().encode(text).unwrap();
            // Bytes that are no character, or tokens that are others when the text is read again, can't be declared.
            if said.contains('\u{fffd}') || !ids.starts_with(&begins) || ids.len() != begins.len() + 3 {
                continue;
            }
            let context = Context::default().with_text(text);
            let ask = |positive: &str| {
                let answers = Answers::new([positive], [" none"]).unwrap();
                score(&helm, &context, Question { text: String::new(), answers })
            };
            assert!(ask(&said).is_valid(), "{name} {text:?} {said:?}");
            assert!(!ask(" \u{1f642}").is_valid(), "{name} {text:?}");
            n_checked += 1;
        }
    }
    assert!(n_checked > 0, "some text can be read again");
}

#[test]
fn answers_that_cannot_be_told_apart_are_errors() {
    let helm = Helm::new(crate::models::tiny(), vec![]).unwrap();
    let context = Context::default().with_text("She was sick.");
    let cohort = cohort(1);
    for (yes, no) in [(" yes", " yesterday"), (" no", " no no")] {
        let answers = Answers::new([yes], [no]).unwrap();
        let question = Question { text: " Asthma:".into(), answers };
        match helm.prompt(&context, cohort.record(0), &[question]) {
            Err(Error::Prompt { .. }) => {}
            // Some longer answer does not begin with the shorter one's tokens: that is fine.
            Ok(prompt) => assert!(helm.risks(&[prompt]).unwrap()[0][0].answer_mass <= 1.0),
            Err(other) => panic!("{other}"),
        }
    }
    let answers = Answers::new([" no"], [" no no"]).unwrap();
    let question = Question { text: " Asthma:".into(), answers };
    assert!(matches!(helm.prompt(&context, cohort.record(0), &[question]), Err(Error::Prompt { .. })));
}

#[test]
fn slots_and_modalities_must_match() {
    let d_model = crate::models::tiny().frozen().d_model();
    let helm = Helm::new(crate::models::tiny(), vec![pass_on("breath", 1, d_model, move |_| vec![0.1; 16])]).unwrap();
    let cohort = cohort(1);
    let question = Question { text: " Asthma:".into(), answers: Answers::yes_no() };
    let ask = |context: Context| helm.prompt(&context, cohort.record(0), std::slice::from_ref(&question));
    for (context, expected) in [
        (Context::default().with_text("a").with_soft("heart"), "none for slot heart"),
        (Context::default().with_soft("breath").with_soft("breath"), "slot breath twice"),
        (Context::default().with_text("She was sick. ".repeat(60)), "at most 256 tokens"),
    ] {
        let error = ask(context).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let error = helm.prompt(&Context::default(), cohort.record(0), &[]).unwrap_err().to_string();
    assert!(error.contains("at least one question"), "{error}");
    // Of many, the first one's, whatever is wrong with others; and each context has a record.
    let many = crate::models::cohort(3);
    let text = |text: &str| Context::default().with_text(text);
    let contexts = [text("a"), text("a").with_soft("heart"), text(&"She was sick. ".repeat(60))];
    let error = helm.prompts(&contexts, many.records(), std::slice::from_ref(&question)).unwrap_err().to_string();
    assert!(error.contains("none for slot heart"), "{error}");
    let error = helm.prompts(&contexts[..2], many.records(), std::slice::from_ref(&question)).unwrap_err().to_string();
    assert!(error.contains("a record for each of 2 contexts, found 3"), "{error}");
    // A slot whose signal the participant lacks.
    let reader = |_: helm_core::Record<'_>| Ok(None::<Vec<f32>>);
    let modality = helm_encoders::Modality::new(
        "breath",
        crate::models::PassOn::new(1, d_model),
        reader,
        &crate::models::device(),
    );
    let helm = Helm::new(crate::models::tiny(), vec![modality]).unwrap();
    let context = Context::default().with_soft("breath");
    let error = helm.prompt(&context, cohort.record(0), std::slice::from_ref(&question)).unwrap_err().to_string();
    assert!(error.contains("none in row 1"), "{error}");
    // Widths and names.
    let modality = |slot: &str, d_model| pass_on(slot, 1, d_model, |_| vec![]);
    for modalities in [vec![modality("a", 8)], vec![modality("a", 16), modality("a", 16)]] {
        assert!(matches!(Helm::new(crate::models::tiny(), modalities), Err(Error::Prompt { .. })));
    }
}
