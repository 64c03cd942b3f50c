use minijinja::{Environment, UndefinedBehavior, context};
use serde::{Deserialize, Serialize};

use crate::Error;

/// The pieces of which a prompt is made, each in the template language of Jinja (the crate `minijinja`), with nothing
/// escaped.
///
/// Pieces are rendered once, when a serializer first meets a schema, and the text is cut where a number goes. So a piece
/// may do with names, labels and levels what the language can, while a number stands where it is put.
///
/// | piece | variables |
/// | --- | --- |
/// | `opening` | `instruction` |
/// | `feature` | `name`, `label`, `kind` ("number" or "category"), `unit`, `number` (digits), `value` (digits and unit, or the level) |
/// | `missing` | `name`, `label`, `kind`, `unit`, `reason` ("unknown", or why) |
/// | `separator` | between features |
/// | `closing` | behind the features |
/// | `signal` | `label`, `slot` (where the soft tokens, or `absent`, stand) |
/// | `absent` | `label` |
/// | `question` | `outcome` (its label) |
///
/// The filter `quoted` writes text as JSON does.
///
/// ```
/// use helm_serialize::Template;
///
/// let template = Template { feature: "- {{ label|upper }} = {{ value }}".into(), separator: "\n".into(), ..Template::pairs() };
/// assert_eq!(template.closing, "");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// In front of the features.
    pub opening: String,
    /// A feature that was measured.
    pub feature: String,
    /// A feature that was not, unless those are left out.
    pub missing: String,
    /// Between two features.
    pub separator: String,
    /// Behind the features.
    pub closing: String,
    /// A modality's soft tokens.
    pub signal: String,
    /// In place of the soft tokens of a signal that is not there.
    pub absent: String,
    /// What asks for an outcome; the answer follows its last character.
    pub question: String,
    /// What `opening` knows as `instruction` where the serializer is given none.
    pub instruction: String,
}

impl Template {
    /// `age: 54 years, sex: female`: pairs of label and value, and no instruction.
    pub fn pairs() -> Self {
        Self {
            opening: "{% if instruction %}{{ instruction }}\n{% endif %}".into(),
            feature: "{{ label }}: {{ value }}".into(),
            missing: "{{ label }}: {{ reason }}".into(),
            separator: ", ".into(),
            closing: String::new(),
            signal: "\n{{ label }}: {{ slot }}".into(),
            absent: "not available".into(),
            question: "\n{{ outcome }}:".into(),
            instruction: String::new(),
        }
    }

    /// The paper's prompt: an instruction, pairs of name and value, and the condition's name and a colon behind which
    /// the answer stands. The paper's own words are not known exactly; these have their meaning.
    pub fn paper() -> Self {
        Self { instruction: "Predict if a patient has the condition or not.".into(), ..Self::pairs() }
    }

    /// `{"age (years)": 54, "sex": "female"}`.
    pub fn json() -> Self {
        let key = "{{ (label ~ \" (\" ~ unit ~ \")\" if unit else label)|quoted }}";
        Self {
            opening: "{% if instruction %}{{ instruction }}\n{% endif %}{".into(),
            feature: format!(
                "{key}: {{% if kind == \"number\" %}}{{{{ number }}}}{{% else %}}{{{{ value|quoted }}}}{{% endif %}}"
            ),
            missing: format!("{key}: null"),
            closing: "}".into(),
            ..Self::pairs()
        }
    }

    /// `The age is 54 years. The sex is female.`
    pub fn sentences() -> Self {
        Self {
            feature: "The {{ label }} is {{ value }}.".into(),
            missing: "The {{ label }} is {{ reason }}.".into(),
            separator: " ".into(),
            ..Self::pairs()
        }
    }

    /// `age 54;sex female`: few tokens, without units.
    pub fn short() -> Self {
        Self {
            feature: "{{ label }} {% if kind == \"number\" %}{{ number }}{% else %}{{ value }}{% endif %}".into(),
            missing: "{{ label }} ?".into(),
            separator: ";".into(),
            question: "\n{{ outcome }}?".into(),
            absent: "none".into(),
            ..Self::pairs()
        }
    }
}

/// Stands for what is known of each record only; no text of a schema or template may contain it.
pub(crate) const HOLE: &str = "\u{10fff0}";

/// What a piece knows of a feature.
pub(crate) struct Variables<'a> {
    pub(crate) name: &'a str,
    pub(crate) label: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) unit: &'a str,
    pub(crate) number: &'a str,
    pub(crate) value: &'a str,
    pub(crate) reason: &'a str,
}

/// Renders pieces.
pub(crate) struct Engine(Environment<'static>);

impl Engine {
    pub(crate) fn new() -> Self {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_keep_trailing_newline(true);
        environment.add_filter("quoted", |text: String| quoted(&text));
        Self(environment)
    }

    pub(crate) fn feature(&self, piece: &'static str, source: &str, of: &Variables<'_>) -> Result<String, Error> {
        let Variables { name, label, kind, unit, number, value, reason } = *of;
        self.render(piece, source, context! { name, label, kind, unit, number, value, reason })
    }

    pub(crate) fn text(&self, piece: &'static str, source: &str, name: &str, value: &str) -> Result<String, Error> {
        self.render(piece, source, std::iter::once((name, value)).collect())
    }

    /// A piece that has a label and one hole.
    pub(crate) fn labelled(&self, piece: &'static str, source: &str, label: &str, hole: &str) -> Result<String, Error> {
        self.render(piece, source, context! { label, slot => hole })
    }

    fn render(&self, piece: &'static str, source: &str, context: minijinja::Value) -> Result<String, Error> {
        self.0.render_str(source, context).map_err(|error| Error::Template {
            piece,
            expected: "a template of its variables".into(),
            found: error.to_string(),
        })
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out + "\""
}
