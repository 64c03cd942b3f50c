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
        scored.check_independent("DeLong variance")?;
        if scored.n_cases() < 2 || scored.n_controls() < 2 {
            let found = format!("{} cases and {} controls", scored.n_cases(), scored.n_controls());
            let expected = "at least 2 cases and 2 controls".into();
            return Err(Error::Undefined { what: "DeLong variance", expected, found });
        }
        Ok(Self::of(scored))
    }

    /// Placement values of rows that may have weights: shares are of their sums.
    pub(crate) fn of(scored: &Scored) -> Self {
        let tally = scored.tally();
        let (m, n) = tally.rising().fold((0.0, 0.0), |sum, own| (sum.0 + own.0, sum.1 + own.1));
        let (mut cases, mut controls) = (0.0, 0.0);
        let placements = tally.rising().map(|(own_cases, own_controls)| {
            let case = (controls + own_controls / 2.0) / n;
            cases += own_cases;
            controls += own_controls;
            (case, (m - cases + own_cases / 2.0) / m)
        });
        let (case_of_group, control_of_group) = placements.unzip();
        Self { auroc: tally.auroc(), case_of_group, control_of_group }
    }
}
