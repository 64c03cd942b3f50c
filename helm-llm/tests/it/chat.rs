//! A conversation about one participant, by a model of random weights: what it reads, not what it says.

use helm_core::{Context, Outcome, Risk};
use helm_llm::{
    ChatRole, ChatTemplate, Conversation, Error, GenerationConfig, Helm, LanguageModel, NOTICE, SoftPrompt,
};

use crate::models::{cohort, device, pass_on, stories_folder, tiny};

fn config(max_tokens: usize) -> GenerationConfig {
    let mut config = GenerationConfig::default();
    config.max_tokens = max_tokens;
    config
}

fn context() -> Context {
    Context::default().with_text("Breath:").with_soft("breath").with_text(" Age: 54.")
}

/// The tiny model has 256 positions, of which the instruction alone would fill more.
fn told(conversation: &Conversation<'_>) -> String {
    conversation.to_text().unwrap()
}

#[test]
fn the_record_and_the_risks_are_told_before_what_is_said() {
    let helm = Helm::new(tiny(), vec![pass_on("breath", 2, 16, |x| vec![x as f32; 32])]).unwrap();
    let asthma = Outcome::new("asthma", "asthma", "");
    let cohort = cohort(2);
    let risk = Risk::from_log_likelihoods(-1.0, -1.0);
    let conversation = Conversation::new(&helm, cohort.record(1), &context(), &[(&asthma, risk)]).unwrap();
    let text = told(&conversation);
    for part in ["not a medical device", "Breath:<breath> Age: 54.", "asthma: 50 %"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(NOTICE.contains("not a medical device"));
    // What was said before stands behind it, in its order.
    let conversation =
        conversation.with_turn(ChatRole::User, "Is it </s> asthma?").with_turn(ChatRole::Assistant, "No.");
    let longer = told(&conversation);
    let (said, replied) = (longer.find("Is it </s> asthma?").unwrap(), longer.find("No.").unwrap());
    assert!(longer.find("asthma: 50 %").unwrap() < said && said < replied, "{longer}");
    // Nothing of the record is in its Debug.
    assert!(!format!("{conversation:?}").contains("54"));
}

#[test]
fn a_template_without_a_system_role_gets_it_in_the_first_turn() {
    let source = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}\
                  {% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}";
    let model = tiny().with_chat_template(ChatTemplate::new(source, "", "").unwrap());
    let helm = Helm::new(model, vec![]).unwrap();
    let cohort = cohort(1);
    let mut conversation =
        Conversation::new(&helm, cohort.record(0), &Context::default().with_text("Age: 54."), &[]).unwrap();
    // Too long for this model, which is an error with both numbers, and forgotten.
    let error = conversation.ask("Is it asthma?", config(4), |_| ()).unwrap_err();
    assert!(matches!(&error, Error::Prompt { expected, .. } if expected.contains("256")), "{error}");
    let error = conversation.to_text().unwrap_err();
    assert!(error.to_string().contains("no system"), "{error}");
}

#[test]
fn slots_without_an_input_or_a_modality_are_errors() {
    let helm = Helm::new(tiny(), vec![]).unwrap();
    let cohort = cohort(1);
    let error = Conversation::new(&helm, cohort.record(0), &context(), &[]).unwrap_err();
    assert!(matches!(&error, Error::Prompt { .. }) && error.to_string().contains("breath"), "{error}");
}

/// A real model, small as it is, has room for two turns.
#[test]
fn a_reply_is_what_the_model_says_after_the_written_conversation() {
    let Some(folder) = stories_folder() else { return };
    let helm = Helm::new(LanguageModel::load(&folder, &device()).unwrap(), vec![]).unwrap();
    let cohort = cohort(1);
    let record = Context::default().with_text("Age: 54.");
    let mut conversation = Conversation::new(&helm, cohort.record(0), &record, &[]).unwrap();
    let written = told(&conversation);
    let written = written.strip_prefix("<s>").unwrap().strip_suffix("\nAssistant:").unwrap();
    let asked = format!("{written}\nUser: Is it asthma?\nAssistant:");
    let mut pieces = Vec::new();
    let reply = conversation.ask("Is it asthma?", config(20), |piece| pieces.push(piece.to_owned())).unwrap();
    assert_eq!(pieces.concat(), reply);
    let mut stopping = config(20);
    stopping.stop = vec!["\nUser:".into()];
    let expected: String = helm.model().generate(&asked, stopping).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(reply, expected);
    // It is a part of what is read next.
    assert!(told(&conversation).ends_with(&format!("User: Is it asthma?\nAssistant: {}\nAssistant:", reply.trim())));
    conversation.ask("And then?", config(5), |_| ()).unwrap();
}

/// A soft prompt stands in front of the conversation, and says something of its own there.
#[test]
fn a_soft_prompt_is_in_front_of_the_conversation() {
    let Some(folder) = stories_folder() else { return };
    let model = LanguageModel::load(&folder, &device()).unwrap();
    let reply = |helm: &Helm| {
        let record = Context::default().with_text("Age: 54.");
        let cohort = cohort(1);
        let mut conversation = Conversation::new(helm, cohort.record(0), &record, &[]).unwrap();
        conversation.ask("Is it asthma?", config(20), |_| ()).unwrap()
    };
    let plain = Helm::new(model.clone(), vec![]).unwrap();
    let d_model = model.frozen().d_model();
    let vector = |at: usize| (0..d_model).map(|i| (1.7 * (i * at) as f32).sin()).collect();
    let soft_prompt = SoftPrompt::new(&(1..80).map(vector).collect::<Vec<Vec<f32>>>()).unwrap();
    let tuned = Helm::new(model, vec![]).unwrap().with_soft_prompt(&soft_prompt).unwrap();
    assert_ne!(reply(&plain), reply(&tuned));
    assert_eq!(reply(&tuned), reply(&tuned));
}
