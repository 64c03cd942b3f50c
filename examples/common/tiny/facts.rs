use helm_core::simulate::{Effect, OUTCOME_MODELS, OutcomeModel, Term};
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::Text;

/// A published fact: what raises or lowers the risk of what, or plain health knowledge.
pub(super) fn fact(rng: &mut ChaCha8Rng) -> Text {
    if rng.random_bool(0.5) {
        return risk_factor(rng);
    }
    let Some((question, answer)) = KNOWLEDGE.choose(rng) else { return Text::default() };
    match rng.random_range(0..3) {
        0 => Text::default().says(*answer),
        _ => Text::default().says(format!("Question: {question}\nAnswer: {answer}")),
    }
}

/// A plain question about health and its answer.
pub(super) fn knowledge(rng: &mut ChaCha8Rng) -> (&'static str, &'static str) {
    KNOWLEDGE.choose(rng).copied().unwrap_or(KNOWLEDGE[0])
}

fn risk_factor(rng: &mut ChaCha8Rng) -> Text {
    // Only effects that a paper gave; what was calibrated by hand is no knowledge.
    let published = |model: &'static OutcomeModel| {
        model.effects.iter().filter(|effect| effect.is_published()).map(move |effect| (model, effect))
    };
    let all: Vec<(&OutcomeModel, &Effect)> = OUTCOME_MODELS.iter().flat_map(published).collect();
    let Some((model, effect)) = all.choose(rng) else { return Text::default() };
    let (name, raises, label) = (words(effect.of), effect.log_odds > 0.0, model.label);
    match rng.random_range(0..3) {
        0 => {
            let verb = if raises { "raises" } else { "lowers" };
            Text::default().says(format!("{} {verb} the risk of {label}.", capital(name)))
        }
        1 => {
            let change = if raises { "more" } else { "less" };
            Text::default().says(format!("People with {name} have {label} {change} often."))
        }
        _ => {
            let asks_raises = rng.random_bool(0.5);
            let verb = if asks_raises { "raise" } else { "lower" };
            let question = format!("Question: Does {name} {verb} the risk of {label}?\nAnswer:");
            Text::default().answers(&question, if asks_raises == raises { " yes" } else { " no" })
        }
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn words(term: Term) -> &'static str {
    match term {
        Term::AgeDecade => "a higher age",
        Term::Female => "female sex",
        Term::Bmi5 => "a higher body mass index",
        Term::Hdl => "a higher HDL cholesterol",
        Term::Ldl => "a higher LDL cholesterol",
        Term::TriglyceridesDoubled => "higher triglycerides",
        Term::Diastolic10 => "a higher diastolic blood pressure",
        Term::EverSmoked => "smoking",
        Term::Snoring => "snoring",
        Term::Insomnia => "insomnia",
        Term::Napping => "daytime napping",
        Term::ShortSleep => "short sleep",
        Term::LongSleep => "long sleep",
        Term::Evening => "an evening chronotype",
        Term::Diabetes => "diabetes",
        Term::Hypertension => "hypertension",
        Term::Obstruction => "narrow airways",
        Term::Airways => "damage to the airways",
        _ => "another factor",
    }
}

/// Plain questions about health, and what a textbook says in one or two sentences.
const KNOWLEDGE: [(&str, &str); 40] = [
    (
        "What is asthma?",
        "Asthma is a disease of the airways. They narrow at times, so that air leaves the lungs slowly.",
    ),
    ("What is COPD?", "Chronic obstructive pulmonary disease narrows the airways for good. Smoking is its main cause."),
    (
        "What is diabetes?",
        "In diabetes the blood holds too much sugar, because the body lacks insulin or responds to it badly.",
    ),
    ("What is hypertension?", "Hypertension is high blood pressure. It strains the heart and the blood vessels."),
    ("What is a stroke?", "In a stroke a part of the brain gets no blood, or blood flows into it from a torn vessel."),
    (
        "What is a myocardial infarction?",
        "A myocardial infarction is a heart attack: a part of the heart's muscle gets no blood.",
    ),
    ("What is migraine?", "Migraine is a strong headache that comes in attacks, often on one side and with nausea."),
    ("What is major depression?", "Major depression is a low mood and a loss of interest that last for weeks."),
    ("What is a cataract?", "A cataract is a clouding of the lens of the eye. It becomes more common with age."),
    ("What is osteoarthritis?", "Osteoarthritis is wear of the joints. Age and weight are its main risk factors."),
    ("What is pneumonia?", "Pneumonia is an infection of the lungs."),
    ("What is reflux disease?", "In reflux disease acid flows back from the stomach into the gullet."),
    ("What is hay fever?", "Hay fever is an allergy to pollen. The nose runs and the eyes itch."),
    ("What is eczema?", "Eczema is an itching inflammation of the skin."),
    (
        "What is body mass index?",
        "The body mass index is the weight in kilograms divided by the square of the height in metres.",
    ),
    (
        "Which body mass index is normal?",
        "A body mass index from 18.5 to 25 is called normal, and one above 30 obesity.",
    ),
    (
        "What is HDL cholesterol?",
        "HDL cholesterol carries fat away from the vessels. More of it goes with a lower risk of heart attacks.",
    ),
    (
        "What is LDL cholesterol?",
        "LDL cholesterol carries fat to the vessels. More of it raises the risk of heart attacks.",
    ),
    (
        "What are triglycerides?",
        "Triglycerides are fats in the blood. They rise with weight and with sugar in the food.",
    ),
    (
        "What is diastolic blood pressure?",
        "The diastolic blood pressure is the pressure in the vessels while the heart rests between two beats.",
    ),
    (
        "What is a spirogram?",
        "A spirogram is the curve of a forced breath: the volume of air that leaves the lungs over time.",
    ),
    ("What is FEV1?", "FEV1 is the volume of air that a person breathes out in the first second of a forced breath."),
    ("What is FVC?", "FVC is the volume of air that a person breathes out in a whole forced breath."),
    (
        "What does a low ratio of FEV1 to FVC mean?",
        "A low ratio of FEV1 to FVC means that the airways are narrow, as in asthma and COPD.",
    ),
    ("Is smoking bad for the lungs?", "Yes, smoking harms the lungs and the heart. Stopping helps at any age."),
    (
        "How can I lower my blood pressure?",
        "Less salt, less weight and more movement lower the blood pressure. Please ask your doctor about treatment.",
    ),
    ("How much sleep is healthy?", "Most adults do well with seven to eight hours of sleep."),
    ("Does weight matter?", "Yes, a higher weight raises the risk of diabetes and of high blood pressure."),
    ("Does age matter?", "Yes, the risk of most diseases rises with age."),
    ("What is insomnia?", "Insomnia means trouble falling asleep or staying asleep."),
    ("What is a chronotype?", "The chronotype says whether someone is a morning or an evening person."),
    (
        "What is a risk?",
        "A risk is a probability: a risk of 10 % means that about 10 of 100 people like you have the condition.",
    ),
    (
        "Can you make a diagnosis?",
        "No, I give no diagnosis. I am research software, not a medical device. Please see a doctor.",
    ),
    ("Can you give me a treatment?", "No, I give no treatment. Please talk with your doctor about it."),
    (
        "Who are you?",
        "I am a small language model that reads health data. I am research software, not a medical device.",
    ),
    ("Hello", "Hello. You can ask me about your record and about the estimated risks."),
    ("Thank you", "You are welcome. Please see a doctor about your worries."),
    ("I am worried.", "I am sorry to hear that. Please talk with your doctor about your worries."),
    ("Should I see a doctor?", "Please see a doctor about any worries. I can't judge how you are."),
    ("What can you tell me?", "I can tell you what stands in your record and what the estimated risks are."),
];
