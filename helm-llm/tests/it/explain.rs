//! Attributions: they add up, they are the gradients they say they are, and they leave the encoder as it was.

use helm_core::{Answers, Context, Question, SlotId};
use helm_encoders::{Modality, TabularEncoderConfig};
use helm_llm::{Error, Helm, Prompt};

use crate::models::{cohort, device, pass_on, seeded, tiny};

const N_COLUMNS: usize = 5;

/// A perceptron over five numbers and, beside it, soft tokens that stay.
fn helm() -> Helm {
    let model = tiny();
    let d_model = model.frozen().d_model();
    let encoder = seeded(5, |device| {
        // As large as embeddings are, so that the language model's bends show.
        TabularEncoderConfig::new(N_COLUMNS, 3, d_model).with_d_hidden(16).with_initial_rms(1.0).init(device)
    });
    let reader = |record: helm_core::Record<'_>| {
        let x = record.value("x")?.as_number().unwrap_or(0.0) as f32;
        Ok(Some((0..N_COLUMNS).map(|index| (3.0 * x + index as f32).sin() * 2.0).collect::<Vec<f32>>()))
    };
    let stays = pass_on("stays", 2, d_model, move |x| (0..2 * d_model).map(|i| (i as f32 * x as f32).cos()).collect());
    Helm::new(model, vec![stays, Modality::new("curve", encoder, reader, &device())]).unwrap()
}

fn prompt(helm: &Helm, row: usize) -> Prompt {
    let question = |text: &str| Question { text: text.into(), answers: Answers::yes_no() };
    let context = Context::default().with_text("a ").with_soft("curve").with_text(" b ").with_soft("stays");
    let cohort = cohort(3);
    helm.prompt(&context, cohort.record(row), &[question("\none:"), question("\nanother:")]).unwrap()
}

#[test]
fn attributions_add_up_to_the_difference() {
    let helm = helm();
    let curve = SlotId::new("curve");
    let all: Vec<Prompt> = (0..3).map(|row| prompt(&helm, row)).collect();
    let tokens = helm.soft_tokens(&all, &curve).unwrap();
    let mean: Vec<f32> = (0..tokens[0].as_ref().unwrap().len())
        .map(|at| tokens.iter().map(|own| own.as_ref().unwrap()[at] / 3.0).sum())
        .collect();
    for row in 0..3 {
        let prompt = prompt(&helm, row);
        let risks = helm.risks(std::slice::from_ref(&prompt)).unwrap();
        for (question, risk) in risks[0].iter().enumerate() {
            let samples = helm.attribute_samples(&prompt, question, &curve, &[0.1; N_COLUMNS], 100).unwrap();
            let soft = helm.attribute_soft_tokens(&prompt, question, &curve, &mean, 100).unwrap();
            assert_eq!((samples.values.len(), soft.values.len()), (N_COLUMNS, 3));
            for attribution in [samples, soft] {
                assert!((attribution.log_odds - risk.log_odds).abs() < 1e-4);
                let difference = (attribution.log_odds - attribution.baseline_log_odds).abs();
                assert!(difference > 1e-4, "nothing to explain: {difference}");
                assert!(attribution.completeness_error() < 1e-3 + 0.02 * difference, "{attribution:?} {difference}");
            }
        }
    }
    // With few steps it misses, and says so.
    let one = helm.attribute_soft_tokens(&all[0], 0, &curve, &mean, 1).unwrap();
    let many = helm.attribute_soft_tokens(&all[0], 0, &curve, &mean, 200).unwrap();
    assert!(many.completeness_error() <= one.completeness_error());
}

/// Towards a baseline that differs in one sample only, and by little, the attribution is that sample's difference.
#[test]
fn one_sample_has_it_all() {
    let helm = helm();
    let prompt = prompt(&helm, 1);
    let curve = SlotId::new("curve");
    let at = |baseline: &[f32]| helm.attribute_samples(&prompt, 1, &curve, baseline, 8).unwrap();
    let cohort = cohort(3);
    let x = cohort.record(1).value("x").unwrap().as_number().unwrap() as f32;
    let own: Vec<f32> = (0..N_COLUMNS).map(|index| (3.0 * x + index as f32).sin() * 2.0).collect();
    for sample in 0..N_COLUMNS {
        let mut baseline = own.clone();
        baseline[sample] -= 0.5;
        let attribution = at(&baseline);
        let difference = attribution.log_odds - attribution.baseline_log_odds;
        assert!((attribution.values[sample] - difference).abs() < 1e-4 + 0.02 * difference.abs());
        assert!(attribution.values.iter().enumerate().all(|(index, &value)| index == sample || value == 0.0));
    }
    assert!(at(&own).values.iter().all(|&value| value == 0.0));
}

#[test]
fn what_cannot_be_attributed_is_an_error() {
    let helm = helm();
    let prompt = prompt(&helm, 0);
    let message = |result: Result<_, Error>| {
        let attribution: helm_llm::Attribution = match result {
            Err(error) => return error.to_string(),
            Ok(attribution) => attribution,
        };
        panic!("{attribution:?}")
    };
    let [curve, stays, other] = ["curve", "stays", "other"].map(SlotId::new);
    let samples = |question, slot, n: usize, steps| {
        message(helm.attribute_samples(&prompt, question, slot, &vec![0.0; n], steps))
    };
    assert_eq!(samples(2, &curve, 5, 9), "prompt: expected a question from 0 to 1, found 2");
    assert_eq!(samples(0, &curve, 4, 9), "prompt: expected a baseline of 5 samples for slot curve, found 4");
    assert_eq!(samples(0, &curve, 5, 0), "prompt: expected at least one step of attribution, found 0");
    assert_eq!(samples(0, &stays, 5, 9), "prompt: expected samples in slot stays, found an encoder that has none");
    let expected = "prompt: expected a prompt with an input in slot other, found none";
    assert_eq!(samples(0, &other, 5, 9), expected);
    let short = message(helm.attribute_soft_tokens(&prompt, 0, &curve, &[0.0], 9));
    assert!(short.starts_with("prompt: expected a baseline of 3 × "), "{short}");
    assert_eq!(message(helm.attribute_soft_tokens(&prompt, 0, &other, &[], 9)), expected);
}
