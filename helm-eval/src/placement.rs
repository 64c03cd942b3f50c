use crate::clusters::Clusters;
use crate::{Error, Scored};

/// Placement values by group of equal scores: the parts of an AUROC that single rows contribute.
pub(crate) struct Placements {
    pub(crate) auroc: f64,
    /// For a case in the group: the share of controls below it, ties counting half.
    pub(crate) case_of_group: Vec<f64>,
    /// For a control in the group: the share of cases above it, ties counting half.
    pub(crate) control_of_group: Vec<f64>,
}

impl Placements {
    /// # Errors
    /// [`Error::Undefined`] where no variance can be computed from them.
    pub(crate) fn new(scored: &Scored) -> Result<Self, Error> {
        let undefined = |expected: &str, found: String| Error::Undefined {
            what: "DeLong variance",
            expected: expected.into(),
            found,
        };
        if scored.is_weighted() {
            return Err(undefined("rows that count alike", "weights".into()));
        }
        if scored.clusters().is_some_and(Clusters::any_several) {
            return Err(undefined("one row a participant", "several".into()));
        }
        if scored.n_cases() < 2 || scored.n_controls() < 2 {
            let found = format!("{} cases and {} controls", scored.n_cases(), scored.n_controls());
            return Err(undefined("at least 2 cases and 2 controls", found));
        }
        let tally = scored.tally();
        let (m, n) = (scored.n_cases() as f64, scored.n_controls() as f64);
        let (mut cases, mut controls) = (0.0, 0.0);
        let placements = tally.rising().map(|(own_cases, own_controls)| {
            let case = (controls + own_controls / 2.0) / n;
            cases += own_cases;
            controls += own_controls;
            (case, (m - cases + own_cases / 2.0) / m)
        });
        let (case_of_group, control_of_group) = placements.unzip();
        Ok(Self { auroc: tally.auroc(), case_of_group, control_of_group })
    }
}
