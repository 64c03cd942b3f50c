use serde::{Deserialize, Serialize};

/// What a prompt says of a feature that was not measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MissingPolicy {
    /// Nothing: the feature is left out.
    #[default]
    LeaveOut,
    /// That it is unknown: "body mass index: unknown".
    Name,
    /// Why it is unknown: "body mass index: refused".
    Reason,
}
