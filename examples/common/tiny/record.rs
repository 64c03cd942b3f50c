use helm_core::{Feature, FeatureKind, Record, Schema, Value};
use helm_serialize::{MissingPolicy, Serializer, Template};
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::{LABELLED, Text};
use crate::Failure;

/// A person's features as text in one of the templates, and questions about them.
pub(super) fn record(record: Record<'_>, rng: &mut ChaCha8Rng) -> Result<Text, Failure> {
    let features = features(record.cohort().schema(), rng);
    let serializer = serializer(record.cohort().schema(), &features, rng)?;
    let mut context = String::new();
    serializer.write_text(record, &mut context)?;
    // The model will meet soft tokens behind such words.
    if rng.random_bool(0.3) {
        context.push_str("\nmeasurements:");
    }
    if rng.random_bool(0.3) {
        context.push_str(if rng.random_bool(0.5) { "\nbreath: not available" } else { "\nbreath:" });
    }
    let mut questions = outcomes(record, &serializer)?;
    questions.shuffle(rng);
    questions.truncate(3);
    questions.extend(readings(record, &serializer, &features, rng)?);
    questions.shuffle(rng);
    let mut text = Text::default().reads(context);
    for (question, is_yes) in questions {
        text = text.answers(&question, if is_yes { " yes" } else { " no" });
    }
    Ok(text)
}

/// HeLM's baseline, its expanded features, or any others, in their order or in another.
fn features(schema: &Schema, rng: &mut ChaCha8Rng) -> Vec<String> {
    use helm_core::simulate::SimulatedCohort;

    let mut names: Vec<String> = match rng.random_range(0..10) {
        0 | 1 => SimulatedCohort::BASELINE.map(Into::into).into(),
        2..=6 => SimulatedCohort::EXPANDED.map(Into::into).into(),
        _ => schema.features().iter().map(|feature| feature.name.clone()).collect(),
    };
    if rng.random_bool(0.4) {
        let keep = rng.random_range(0.4..1.0);
        let first = names[0].clone();
        names.retain(|_| rng.random_bool(keep));
        if names.is_empty() {
            names.push(first);
        }
    }
    if rng.random_bool(0.3) {
        names.shuffle(rng);
    }
    names
}

/// Writes in one of the templates, most often pairs as the examples do.
pub(super) fn serializer(schema: &Schema, features: &[String], rng: &mut ChaCha8Rng) -> Result<Serializer, Failure> {
    let template = match rng.random_range(0..10) {
        0..=4 => Template::pairs(),
        5 | 6 => Template::paper(),
        7 => Template::json(),
        8 => Template::sentences(),
        _ => Template::short(),
    };
    let missing = match rng.random_range(0..4) {
        0 => MissingPolicy::Name,
        1 => MissingPolicy::Reason,
        _ => MissingPolicy::LeaveOut,
    };
    Ok(Serializer::new(schema).with_template(template)?.with_features(features).with_missing(missing))
}

fn outcomes(record: Record<'_>, serializer: &Serializer) -> Result<Vec<(String, bool)>, Failure> {
    let mut questions = Vec::new();
    for outcome in record.cohort().schema().outcomes() {
        if let (true, Some(label)) = (LABELLED.contains(&outcome.name.as_str()), record.label(&outcome.name)?) {
            questions.push((serializer.question(outcome).text, label));
        }
    }
    Ok(questions)
}

/// Questions whose answers stand in the text: they teach to read numbers and levels.
fn readings(
    record: Record<'_>,
    serializer: &Serializer,
    features: &[String],
    rng: &mut ChaCha8Rng,
) -> Result<Vec<(String, bool)>, Failure> {
    let mut readings = Vec::new();
    for name in features {
        let schema = record.cohort().schema();
        let Feature { label, kind, .. } = &schema.features()[schema.feature_index(name)?];
        let reading = match (kind, record.value(name)?) {
            (FeatureKind::Number { .. }, Value::Number(number)) => {
                // A bound near the number, never so near that rounding decides.
                let share = rng.random_range(0.03..0.35) * if rng.random_bool(0.5) { 1.0 } else { -1.0 };
                let bound = (number * (1.0 + share)).round();
                let (above, gap) = (rng.random_bool(0.5), (number - bound).abs());
                if gap < 0.6 {
                    continue;
                }
                let side = if above { "above" } else { "below" };
                (format!("{label} {side} {bound}"), (number > bound) == above)
            }
            (FeatureKind::Category { levels }, Value::Level(level)) => {
                let asked = rng.random_range(0..levels.len());
                (format!("{label} is {}", levels[asked]), asked == level)
            }
            _ => continue,
        };
        readings.push(reading);
    }
    readings.shuffle(rng);
    readings.truncate(1 + usize::from(rng.random_bool(0.5)));
    let ask = |(label, answer): (String, bool)| {
        let outcome = helm_core::Outcome::new("reading", label, "read off the text");
        (serializer.question(&outcome).text, answer)
    };
    Ok(readings.into_iter().map(ask).collect())
}
