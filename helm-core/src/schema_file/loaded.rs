use crate::{Cohort, Part, ParticipantId, Skipped};

/// A cohort with what else its table said of the participants.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The participants that are included.
    pub cohort: Cohort,
    /// The cluster of each (a household, a sampling unit), if the schema file names its column.
    pub clusters: Option<Vec<ParticipantId>>,
    /// The part of the cohort that each belongs to, if the schema file names its column.
    pub parts: Option<Vec<Part>>,
    /// Rows that the schema file's `include` left out.
    pub n_left_out: usize,
    /// Bad rows and cells, where those are to be counted and skipped.
    pub skipped: Skipped,
}

impl Loaded {
    /// These participants and then those of another batch of the same cohort.
    pub(crate) fn append(&mut self, other: Self) {
        self.cohort.append(other.cohort);
        if let (Some(clusters), Some(others)) = (&mut self.clusters, other.clusters) {
            clusters.extend(others);
        }
        if let (Some(parts), Some(others)) = (&mut self.parts, other.parts) {
            parts.extend(others);
        }
        self.n_left_out += other.n_left_out;
        self.skipped.add(&other.skipped);
    }
}
