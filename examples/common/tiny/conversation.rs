use helm_core::simulate::SimulatedCohort;
use helm_core::{FeatureKind, Outcome, Record, Risk, Value};
use helm_llm::{ChatRole, Conversation, Helm};
use rand::RngExt;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::facts::knowledge;
use super::record::serializer;
use super::tokenizer::END;
use super::{LABELLED, Text};
use crate::Failure;

/// A conversation about a person's record and risks, as the example chat holds it.
pub(super) fn conversation(helm: &Helm, record: Record<'_>, rng: &mut ChaCha8Rng) -> Result<Text, Failure> {
    let schema = record.cohort().schema();
    let names: Vec<String> = SimulatedCohort::EXPANDED.map(Into::into).into();
    let known = if rng.random_bool(0.3) { &names[..3] } else { &names[..] };
    let context = serializer(schema, known, rng)?.context(record)?;
    let mut outcomes: Vec<&Outcome> =
        schema.outcomes().iter().filter(|outcome| LABELLED.contains(&outcome.name.as_str())).collect();
    outcomes.shuffle(rng);
    outcomes.truncate(rng.random_range(0..=4));
    // Any numbers do for reading them back.
    let percents: Vec<u32> = outcomes.iter().map(|_| rng.random_range(1..80)).collect();
    let risk = |percent: &u32| {
        let probability = f64::from(*percent) / 100.0;
        Risk { log_odds: (probability / (1.0 - probability)).ln(), answer_mass: 1.0 }
    };
    let risks: Vec<(&Outcome, Risk)> = outcomes.iter().copied().zip(percents.iter().map(risk)).collect();
    let (question, reply) = turn(record, known, &outcomes, &percents, rng)?;
    let conversation = Conversation::new(helm, record, &context, &risks)?;
    let read = conversation.with_turn(ChatRole::User, &question).to_text()?;
    let read = read.strip_prefix("<s>").map_or(read.clone(), Into::into);
    Ok(Text::default().reads(read).says(format!("{reply}{END}")))
}

/// What the person asks, and a reply that the conversation's own text supports.
fn turn(
    record: Record<'_>,
    known: &[String],
    outcomes: &[&Outcome],
    percents: &[u32],
    rng: &mut ChaCha8Rng,
) -> Result<(String, String), Failure> {
    let which = if percents.is_empty() { 0 } else { rng.random_range(0..percents.len()) };
    let asked = rng.random_range(0..10);
    Ok(match (asked, outcomes.get(which)) {
        (0..=3, Some(outcome)) => {
            let (label, percent) = (&outcome.label, percents[which]);
            let question = [
                format!("What is my risk of {label}?"),
                format!("How high is my risk of {label}?"),
                format!("Do I have {label}?"),
                format!("What about {label}?"),
            ];
            let reply = format!(
                "Your estimated risk of {label} is {percent} %. This is no diagnosis. Please see a doctor about worries."
            );
            (question.choose(rng).cloned().unwrap_or_default(), reply)
        }
        (4 | 5, Some(_)) => {
            let most = percents.iter().copied().max().unwrap_or(0);
            let highest = percents.iter().position(|&percent| percent == most).unwrap_or(0);
            let question = ["Which of my risks is the highest?", "What should I know?", "What do my data say?"];
            let reply = format!(
                "The highest of your estimated risks is that of {}, {most} %. This is no diagnosis.",
                outcomes[highest].label
            );
            (question.choose(rng).copied().unwrap_or_default().into(), reply)
        }
        (6 | 7, _) => {
            let name = known.choose(rng).map_or("age", String::as_str);
            let schema = record.cohort().schema();
            let feature = &schema.features()[schema.feature_index(name)?];
            let label = &feature.label;
            let reply = match (&feature.kind, record.value(name)?) {
                (FeatureKind::Number { .. }, Value::Number(_)) => {
                    format!("Your {label} is {} by your record.", number(record, name)?)
                }
                (FeatureKind::Category { levels }, Value::Level(level)) => {
                    format!("Your record says of {label}: {}.", levels[level])
                }
                _ => format!("Your record does not say what your {label} is."),
            };
            (format!("What is my {label}?"), reply)
        }
        _ => {
            let (question, reply) = knowledge(rng);
            (question.into(), reply.into())
        }
    })
}

/// A number with its unit, as the record writes it.
fn number(record: Record<'_>, name: &str) -> Result<String, Failure> {
    let serializer = helm_serialize::Serializer::new(record.cohort().schema()).with_features([name]);
    let mut text = String::new();
    serializer.write_text(record, &mut text)?;
    Ok(text.split_once(": ").map_or(text.clone(), |(_, value)| value.into()))
}
