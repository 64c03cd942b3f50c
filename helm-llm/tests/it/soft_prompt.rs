//! Soft prompts: where they stand, that they are counted, and what they learn.

use helm_core::{Answers, Cohort, Context, Question};
use helm_llm::{Error, Examples, Helm, LanguageModel, Prompt, SoftPrompt, TrainConfig, Trainer};
use proptest::prelude::*;

use crate::models::{cohort, device, pass_on, seeded, stories_folder, tiny};

/// Largest difference of a log-likelihood between two ways to compute it.
const LOG_LIKELIHOOD: f64 = 1e-5;
const PARTICIPANTS: usize = 16;

fn question(text: &str) -> Question {
    Question { text: text.into(), answers: Answers::new([" yes"], [" no"]).unwrap() }
}

fn models() -> impl Iterator<Item = LanguageModel> {
    let stories = stories_folder().map(|folder| LanguageModel::load(&folder, &device()).unwrap());
    [Some(tiny()), stories].into_iter().flatten()
}

fn log_odds(helm: &Helm, prompts: &[Prompt]) -> Vec<f64> {
    helm.risks(prompts).unwrap().iter().map(|risks| risks[0].log_odds).collect()
}

/// Log-odds of " yes" against " no" by a plain pass over tokens.
fn plain_log_odds(model: &LanguageModel, front: &[u32], text: &str) -> f64 {
    let ids = |form: &str| {
        let own = model.tokenizer().encode(&format!("{text}{form}")).unwrap();
        [front, model.tokenizer().start(), &own].concat()
    };
    let (yes, no) = (ids(" yes"), ids(" no"));
    let start = yes.iter().zip(&no).take_while(|(a, b)| a == b).count();
    let log_likelihood = |ids: &[u32]| -> f64 {
        let logits = model.frozen().next_token_logits(ids);
        (start..ids.len())
            .map(|i| {
                let sum: f64 = logits[i - 1].iter().map(|&logit| f64::from(logit).exp()).sum();
                f64::from(logits[i - 1][ids[i] as usize]) - sum.ln()
            })
            .sum()
    };
    log_likelihood(&yes) - log_likelihood(&no)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Vectors that are the embeddings of tokens do what the tokens would do in front of the one that starts the text.
    #[test]
    fn embeddings_in_front_equal_their_tokens(n_soft in 1usize..9, text in "[a-z .]{0,12}", init in "[a-z ]{0,6}") {
        let cohort = cohort(1);
        for model in models() {
            let mut front = model.tokenizer().start().to_vec();
            front.extend(model.tokenizer().encode(&init).unwrap());
            let front: Vec<u32> = front.into_iter().cycle().take(n_soft).collect();
            let soft_prompt = SoftPrompt::from_text(n_soft, &init, &model).unwrap();
            let helm = Helm::new(model.clone(), vec![]).unwrap().with_soft_prompt(&soft_prompt).unwrap();
            let context = Context::default().with_text(&text);
            let prompt = helm.prompt(&context, cohort.record(0), &[question(" ill:")]).unwrap();
            let found = log_odds(&helm, &[prompt])[0];
            let expected = plain_log_odds(&model, &front, &format!("{text} ill:"));
            prop_assert!((found - expected).abs() < 4.0 * LOG_LIKELIHOOD, "{found} {expected}");
        }
    }
}

#[test]
fn it_is_handed_out_as_it_was_put_in_and_can_be_replaced() {
    let model = tiny();
    let one = seeded(1, |_| SoftPrompt::random(3, &model)).unwrap();
    assert_eq!(one, seeded(1, |_| SoftPrompt::random(3, &model)).unwrap());
    let rms = one.vectors().flatten().map(|value| f64::from(value * value)).sum::<f64>() / (3.0 * 16.0);
    assert!((rms.sqrt() / model.frozen().embedding_rms() - 1.0).abs() < 0.3, "{rms}");
    assert_eq!(format!("{one:?}"), "SoftPrompt(3 × 16)");
    let other = SoftPrompt::from_text(2, "ill", &model).unwrap();
    assert_eq!((other.n_soft(), other.d_model()), (2, 16));
    let helm = Helm::new(model, vec![pass_on("x", 1, 16, |x| vec![x as f32; 16])]).unwrap();
    assert_eq!(helm.soft_prompt().unwrap(), None);
    let helm = helm.with_soft_prompt(&one).unwrap();
    assert_eq!(helm.soft_prompt().unwrap(), Some(one));
    let helm = helm.with_soft_prompt(&other).unwrap();
    assert_eq!(helm.soft_prompt().unwrap(), Some(other));
    assert_eq!(helm.modalities().len(), 1);
}

#[test]
fn lengths_count_it() {
    let model = tiny();
    let n_positions = model.frozen().n_positions();
    let cohort = cohort(1);
    let ask = |n_soft: usize| {
        let helm = Helm::new(model.clone(), vec![]).unwrap();
        let helm = helm.with_soft_prompt(&SoftPrompt::from_text(n_soft, "a", &model).unwrap()).unwrap();
        let prompt = helm.prompt(&Context::default(), cohort.record(0), &[question(":")])?;
        assert_eq!(prompt.n_tokens(), n_soft + 2);
        helm.risks(&[prompt])
    };
    // The start token, the question's one token and an answer of one token stand behind it.
    assert!(ask(n_positions - 3).is_ok());
    let error = ask(n_positions - 2).unwrap_err().to_string();
    assert!(error.contains(&(n_positions + 1).to_string()), "{error}");
}

#[test]
fn soft_prompts_that_cannot_be_are_errors() {
    let model = tiny();
    let n_positions = model.frozen().n_positions();
    for error in [
        SoftPrompt::new(&[]).unwrap_err(),
        SoftPrompt::new(&[vec![], vec![]]).unwrap_err(),
        SoftPrompt::new(&[vec![1.0; 4], vec![1.0; 5]]).unwrap_err(),
        SoftPrompt::new(&[vec![f32::NAN; 4]]).unwrap_err(),
        SoftPrompt::random(0, &model).unwrap_err(),
        SoftPrompt::random(n_positions + 1, &model).unwrap_err(),
        SoftPrompt::from_text(0, "a", &model).unwrap_err(),
    ] {
        assert!(matches!(error, Error::Prompt { .. }), "{error}");
    }
    let narrow = SoftPrompt::new(&[vec![1.0; 4]]).unwrap();
    let error = Helm::new(model.clone(), vec![]).unwrap().with_soft_prompt(&narrow).unwrap_err();
    assert!(error.to_string().contains("width 4"), "{error}");
    let fits = SoftPrompt::from_text(2, "a", &model).unwrap();
    let taken = pass_on(SoftPrompt::SLOT, 1, 16, |x| vec![x as f32; 16]);
    let error = Helm::new(model.clone(), vec![taken]).unwrap().with_soft_prompt(&fits).unwrap_err();
    assert!(error.to_string().contains("twice"), "{error}");

    // A context has no slot for it, and prompts from before lack it.
    let cohort = cohort(2);
    let helm = Helm::new(model, vec![]).unwrap();
    let old = helm.prompt(&Context::default(), cohort.record(0), &[question(":")]).unwrap();
    let mut helm = helm.with_soft_prompt(&fits).unwrap();
    let context = Context::default().with_soft(SoftPrompt::SLOT);
    assert!(
        helm.prompt(&context, cohort.record(0), &[question(":")]).unwrap_err().to_string().contains("none for slot")
    );
    assert!(matches!(helm.risks(std::slice::from_ref(&old)), Err(Error::Prompt { .. })));
    let train = Examples::new(vec![old.clone(), old], vec![vec![Some(true)], vec![Some(false)]]).unwrap();
    let error = Trainer::new(TrainConfig::default()).unwrap().fit(&mut helm, &train, &mut ()).unwrap_err();
    assert!(matches!(error, Error::Prompt { .. }), "{error}");
}

/// Prompts whose text says what the label is; the odd rows are ill.
fn text_prompts(helm: &Helm, cohort: &Cohort) -> Vec<Prompt> {
    let text = |row: usize| if row % 2 == 1 { "dose 15" } else { "no dose" };
    let of =
        |row: usize| helm.prompt(&Context::default().with_text(text(row)), cohort.record(row), &[question(" ill:")]);
    (0..PARTICIPANTS).map(|row| of(row).unwrap()).collect()
}

fn config(epochs: usize) -> TrainConfig {
    let mut config = TrainConfig::default();
    config.epochs = epochs;
    config.batch_size = 8;
    config.learning_rate = 5e-2;
    config
}

#[test]
fn alone_it_learns_to_read_the_text_and_the_model_stays_bit_identical() {
    let cohort = cohort(PARTICIPANTS);
    for model in models() {
        let before = model.frozen().weights_sha256();
        let start = seeded(4, |_| SoftPrompt::random(6, &model)).unwrap();
        let mut helm = Helm::new(model.clone(), vec![]).unwrap().with_soft_prompt(&start).unwrap();
        let prompts = text_prompts(&helm, &cohort);
        let labels = (0..PARTICIPANTS).map(|row| vec![Some(row % 2 == 1)]).collect();
        let train = Examples::new(prompts.clone(), labels).unwrap();
        Trainer::new(config(30)).unwrap().fit(&mut helm, &train, &mut ()).unwrap();
        let trained = log_odds(&helm, &prompts);
        assert!(trained[0] < -0.5 && trained[1] > 0.5, "{trained:?}");
        assert_eq!(model.frozen().weights_sha256(), before);

        // What was learned is what is written, and what is read does the same.
        let learned = helm.soft_prompt().unwrap().unwrap();
        assert_ne!(learned, start);
        let folder = tempfile::tempdir().unwrap();
        learned.save_adapter(folder.path(), "model").unwrap();
        let loaded = SoftPrompt::load_adapter(folder.path()).unwrap();
        assert_eq!(loaded, learned);
        let helm = Helm::new(model, vec![]).unwrap().with_soft_prompt(&loaded).unwrap();
        assert_eq!(log_odds(&helm, &text_prompts(&helm, &cohort)), trained);
    }
}

/// Beside a modality that some lack, under dropout: both learn, and the soft prompt is never dropped.
#[test]
fn it_learns_beside_modalities() {
    let cohort = cohort(PARTICIPANTS);
    let modality = seeded(5, |_| pass_on("x", 1, 16, |x| vec![x as f32; 16]).with_stand_in(0.1));
    let start = seeded(6, |_| SoftPrompt::random(2, &tiny())).unwrap();
    let mut helm = Helm::new(tiny(), vec![modality]).unwrap().with_soft_prompt(&start).unwrap();
    let prompts: Vec<Prompt> = (0..PARTICIPANTS)
        .map(|row| {
            let context = Context::default().with_text("x:");
            let context = if row % 3 == 0 { context } else { context.with_soft("x") };
            helm.prompt(&context, cohort.record(row), &[question(" ill:")]).unwrap()
        })
        .collect();
    let labels = (0..PARTICIPANTS).map(|row| vec![Some(row % 3 == 0)]).collect();
    let train = Examples::new(prompts.clone(), labels).unwrap();
    let mut config = config(6);
    config.modality_dropout = 0.5;
    let soft = |helm: &Helm| helm.soft_tokens(&prompts, &"x".into()).unwrap();
    let before = soft(&helm);
    Trainer::new(config).unwrap().fit(&mut helm, &train, &mut ()).unwrap();
    assert_ne!(helm.soft_prompt().unwrap().unwrap(), start);
    assert_ne!(soft(&helm), before);
    assert_eq!(log_odds(&helm, &prompts).len(), PARTICIPANTS);
}
