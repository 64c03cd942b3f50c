use std::fmt;
use std::path::{Path, PathBuf};

use minijinja::{Environment, ErrorKind, context};
use serde::Serialize;
use serde_json::Value;

use crate::Error;

/// How a model wants a conversation written: the Jinja template of its Hugging Face folder.
///
/// A template is given stand-ins for what is said, which are replaced afterwards: what people say is text, whatever it
/// spells, and can't become a special token or a part of the template.
#[derive(Clone)]
pub struct ChatTemplate {
    source: String,
    start_token: String,
    end_token: String,
    /// Where it came from, for messages.
    path: PathBuf,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ChatRole {
    /// What the model is told about the conversation.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
}

/// What a template makes of a conversation: its own text, and which turns are said where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// Text of the template, in which special tokens are special.
    Template(String),
    /// What is said in a turn; without blanks around it where the template takes them off.
    Turn { index: usize, trimmed: bool },
}

/// Opens and closes the stand-in of a turn: characters for private use, which no template has.
const OPEN: char = '\u{f8f0}';
const CLOSE: char = '\u{f8f1}';

/// A blank that no template has.
const BLANK: char = '\u{2003}';

/// For models without a template of their own.
const PLAIN: &str = "{{ bos_token }}{% for message in messages %}{% if message.role == 'system' %}\
    {{ message.content }}{% elif message.role == 'user' %}{{ '\nUser: ' + message.content }}{% else %}\
    {{ '\nAssistant: ' + message.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}\
    {{ '\nAssistant:' }}{% endif %}";

impl ChatTemplate {
    /// A template from its source and the special tokens that it may name `bos_token` and `eos_token`.
    ///
    /// # Errors
    /// [`Error::Format`] if it is no Jinja template.
    pub fn new(
        source: impl Into<String>,
        start_token: impl Into<String>,
        end_token: impl Into<String>,
    ) -> Result<Self, Error> {
        let template = Self {
            source: source.into(),
            start_token: start_token.into(),
            end_token: end_token.into(),
            path: "chat template".into(),
        };
        template.check()?;
        Ok(template)
    }

    /// Plain text, `User: …` and `Assistant: …` on lines of their own, for models without a template.
    pub fn plain(start_token: impl Into<String>) -> Self {
        let (source, end_token) = (PLAIN.into(), String::new());
        Self { source, start_token: start_token.into(), end_token, path: "plain chat template".into() }
    }

    /// The template of a Hugging Face folder: `chat_template.jinja`, or `chat_template` of `tokenizer_config.json`, of
    /// several the one named default; `None` if it has none.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Format`] if a file can't be read or has no template where it should.
    pub fn from_folder(folder: &Path) -> Result<Option<Self>, Error> {
        let config_path = folder.join("tokenizer_config.json");
        let wrong = |path: &Path, expected: &str, found: String| Error::Format {
            path: path.into(),
            expected: expected.into(),
            found,
        };
        let read =
            |path: &Path| std::fs::read_to_string(path).map_err(|source| Error::Io { path: path.into(), source });
        let config: Value = if config_path.is_file() {
            serde_json::from_str(&read(&config_path)?)
                .map_err(|error| wrong(&config_path, "a JSON object", error.to_string()))?
        } else {
            Value::Null
        };
        let file = folder.join("chat_template.jinja");
        let (path, source) = if file.is_file() {
            let source = read(&file)?;
            (file, source)
        } else {
            let named = |all: &Vec<Value>| {
                all.iter()
                    .find(|one| one["name"] == "default")
                    .and_then(|one| one["template"].as_str())
                    .map(str::to_owned)
            };
            let source = match &config["chat_template"] {
                Value::Null => return Ok(None),
                Value::String(source) => Some(source.clone()),
                Value::Array(all) => named(all),
                _ => None,
            };
            let expected = "a chat_template, a string or a list with one named default";
            (config_path.clone(), source.ok_or_else(|| wrong(&config_path, expected, "another".into()))?)
        };
        let token = |name: &str| {
            let token = &config[name];
            token.as_str().or(token["content"].as_str()).unwrap_or_default().to_owned()
        };
        let (start_token, end_token) = (token("bos_token"), token("eos_token"));
        let template = Self { source, start_token, end_token, path };
        template.check()?;
        Ok(Some(template))
    }

    /// Whether this is [`plain`](Self::plain) text, in which a reply ends where the next turn would begin.
    pub(crate) fn is_plain(&self) -> bool {
        self.source == PLAIN
    }

    /// Writes a conversation whose turns have these roles, and the beginning of the reply.
    ///
    /// # Errors
    /// [`Error::Format`] if the template can't be computed; [`Error::Generation`] if it refuses the roles in this order.
    pub(crate) fn write(&self, roles: &[ChatRole]) -> Result<Vec<Written>, Error> {
        let environment = self.environment();
        let template = environment.template_from_str(&self.source).map_err(|error| self.wrong(&error))?;
        // The blanks around tell whether the template takes them off.
        let messages: Vec<_> = roles
            .iter()
            .enumerate()
            .map(|(index, role)| context! { role => role, content => format!("{BLANK}{OPEN}{index}{CLOSE}{BLANK}") })
            .collect();
        let written = template.render(context! {
            messages,
            add_generation_prompt => true,
            bos_token => self.start_token,
            eos_token => self.end_token,
        });
        let written = written.map_err(|error| match error.kind() {
            ErrorKind::InvalidOperation if error.detail().is_some_and(|detail| detail.starts_with(REFUSED)) => {
                let found = error.detail().unwrap_or_default().trim_start_matches(REFUSED).to_owned();
                Error::Generation { expected: "turns that the model's chat template takes".into(), found }
            }
            _ => self.wrong(&error),
        })?;
        split(&written, roles.len()).ok_or_else(|| Error::Format {
            path: self.path.clone(),
            expected: "a chat template that writes each turn as it is".into(),
            found: "one that changes what is said".into(),
        })
    }

    fn check(&self) -> Result<(), Error> {
        self.environment().template_from_str(&self.source).map(drop).map_err(|error| self.wrong(&error))
    }

    /// As transformers sets Jinja up: a block takes its line's blanks and newline with it, and Python's methods of
    /// strings are there.
    fn environment(&self) -> Environment<'_> {
        let mut environment = Environment::new();
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", |message: String| -> Result<String, minijinja::Error> {
            Err(minijinja::Error::new(ErrorKind::InvalidOperation, format!("{REFUSED}{message}")))
        });
        environment
    }

    fn wrong(&self, error: &minijinja::Error) -> Error {
        Error::Format { path: self.path.clone(), expected: "a Jinja chat template".into(), found: error.to_string() }
    }
}

/// What a template's own refusal begins with.
const REFUSED: &str = "the template refuses: ";

/// Takes a written conversation apart at the stand-ins; `None` if one of them is damaged.
fn split(written: &str, n_turns: usize) -> Option<Vec<Written>> {
    let mut parts = Vec::new();
    let mut rest = written;
    while let Some(open) = rest.find(OPEN) {
        let close = open + rest[open..].find(CLOSE)?;
        let index: usize = rest[open + OPEN.len_utf8()..close].parse().ok().filter(|&index| index < n_turns)?;
        let after = &rest[close + CLOSE.len_utf8()..];
        let before = &rest[..open];
        let (before, after, trimmed) = match (before.strip_suffix(BLANK), after.strip_prefix(BLANK)) {
            (Some(before), Some(after)) => (before, after, false),
            _ => (before.trim_end_matches(BLANK), after.trim_start_matches(BLANK), true),
        };
        parts.push(Written::Template(before.to_owned()));
        parts.push(Written::Turn { index, trimmed });
        rest = after;
    }
    if rest.contains(CLOSE) {
        return None;
    }
    parts.push(Written::Template(rest.to_owned()));
    parts.retain(|part| !matches!(part, Written::Template(text) if text.is_empty()));
    Some(parts)
}

impl fmt::Debug for ChatTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChatTemplate({}, {} characters)", self.path.display(), self.source.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(index: usize, trimmed: bool) -> Written {
        Written::Turn { index, trimmed }
    }

    fn text(text: &str) -> Written {
        Written::Template(text.into())
    }

    #[test]
    fn turns_stand_where_the_template_puts_them() {
        let source = "{{ bos_token }}{%- for m in messages %}\n<|{{ m['role'] }}|>{{ m.content | trim }}<|end|>\n{%- endfor %}\
                      {% if add_generation_prompt %}<|assistant|>{% endif %}";
        let template = ChatTemplate::new(source, "<s>", "</s>").expect("a template");
        let written = template.write(&[ChatRole::System, ChatRole::User]).expect("a conversation");
        let expected = [
            text("<s><|system|>"),
            turn(0, true),
            text("<|end|><|user|>"),
            turn(1, true),
            text("<|end|><|assistant|>"),
        ];
        assert_eq!(written, expected);
    }

    #[test]
    fn pythons_methods_and_refusals_are_understood() {
        let source = "{% if messages[0]['role'].startswith('sys') %}{{ raise_exception('no system role') }}{% endif %}\
                      {% for m in messages %}{{ m.role.upper() }}:{{ m.content }}{% endfor %}";
        let template = ChatTemplate::new(source, "", "").expect("a template");
        let error = template.write(&[ChatRole::System]).expect_err("refused").to_string();
        assert!(error.contains("no system role"), "{error}");
        let written = template.write(&[ChatRole::User]).expect("a conversation");
        assert_eq!(written, [text("USER:"), turn(0, false)]);
    }

    #[test]
    fn templates_that_change_what_is_said_are_errors() {
        for source in ["{{ messages[0].content[:3] }}", "{{ messages[0].content | replace('0', '9') }}"] {
            let template = ChatTemplate::new(source, "", "").expect("a template");
            assert!(matches!(template.write(&[ChatRole::User]), Err(Error::Format { .. })), "{source}");
        }
        assert!(matches!(ChatTemplate::new("{% if %}", "", ""), Err(Error::Format { .. })));
    }
}
