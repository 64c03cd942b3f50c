use crate::placement::Placements;
use crate::{DeLong, Error, Scored, ZTest};

impl Scored {
    /// The AUROC with its design-based variance: that of a survey ([`Scored::surveyed`]), or of participants with several
    /// rows ([`Scored::clustered`]), or of rows with weights.
    ///
    /// Taylor linearisation (Binder 1983, Int. Stat. Rev. 51:279–292): the weighted area A moves with a row's weight w
    /// by `w (V − A) / W`, V being DeLong's placement value (the weighted share of the other class that the row is
    /// rightly above or below, ties counting half) and W the weights of the row's class. These are summed by sampling
    /// unit, and `Σₕ nₕ / (nₕ − 1) Σ (sum − mean of sums)²` over strata h of nₕ units is the variance, units taken as
    /// drawn with replacement. Without strata, all participants (or rows) are the units of one. For independent rows it
    /// is DeLong's variance within `1 / n`, and with participants that of Obuchowski (1997, Biometrics 53:567–578) in
    /// the same sense.
    ///
    /// Intervals from it are normal: with few units, those of a t distribution with
    /// [`survey_degrees_of_freedom`](Self::survey_degrees_of_freedom) are wider.
    ///
    /// ```
    /// use helm_eval::Scored;
    ///
    /// // Two visits each.
    /// let (labels, people) = ([false, false, false, false, true, true, true, true], [1, 1, 2, 2, 3, 3, 4, 4]);
    /// let scored = Scored::new(&labels, &[0.1, 0.4, 0.3, 0.2, 0.35, 0.8, 0.3, 0.5])?.clustered(&people)?;
    /// let survey = scored.survey()?;
    /// assert_eq!(survey.auroc, scored.auroc());
    /// assert!(survey.wald(0.95)?.lower < survey.auroc);
    /// # Ok::<(), helm_eval::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Undefined`] with fewer than 2 sampling units.
    pub fn survey(&self) -> Result<DeLong, Error> {
        let variance = self.variance_of_sums(&self.influences())?;
        Ok(DeLong { auroc: self.auroc(), variance })
    }

    /// Whether two scores of the same rows have the same AUROC, with the variance of [`survey`](Self::survey).
    ///
    /// # Errors
    /// [`Error::Setting`] if labels, weights, participants or the survey differ, or as [`Scored::survey`].
    pub fn survey_test(&self, other: &Self) -> Result<ZTest, Error> {
        Self::check_same_rows(&[self, other])?;
        let differences: Vec<f64> = self.influences().iter().zip(other.influences()).map(|(a, b)| a - b).collect();
        Ok(ZTest::new(self.auroc() - other.auroc(), self.variance_of_sums(&differences)?))
    }

    /// Sampling units less strata.
    pub fn survey_degrees_of_freedom(&self) -> usize {
        let (_, strata) = self.units();
        strata.iter().map(|stratum| stratum.len() - 1).sum()
    }

    /// How far the area moves with each row's weight, times the weight.
    fn influences(&self) -> Vec<f64> {
        let placements = Placements::of(self);
        let weight = |row: u32| self.weights().map_or(1.0, |weights| weights[row as usize]);
        let mut influences = vec![0.0; self.n_rows()];
        for (rows, of_group) in
            [(self.cases(), &placements.case_of_group), (self.controls(), &placements.control_of_group)]
        {
            let total: f64 = rows.iter().map(|&row| weight(row)).sum();
            for &row in rows {
                let deviation = of_group[self.group_of(row)] - placements.auroc;
                influences[row as usize] = weight(row) * deviation / total;
            }
        }
        influences
    }

    /// The sampling unit of each row, and the units of each stratum.
    fn units(&self) -> (Vec<u32>, Vec<std::ops::Range<usize>>) {
        if let Some(design) = self.design() {
            return (design.unit_of_row().to_vec(), design.strata().to_vec());
        }
        let mut unit_of_row = vec![0; self.n_rows()];
        let mut n_units = 0;
        match self.clusters() {
            Some(clusters) => {
                for cluster in 0..clusters.len() {
                    clusters.rows(cluster).iter().for_each(|&row| unit_of_row[row as usize] = cluster as u32);
                }
                n_units = clusters.len();
            }
            None => {
                for &row in self.cases().iter().chain(self.controls()) {
                    unit_of_row[row as usize] = n_units as u32;
                    n_units += 1;
                }
            }
        }
        (unit_of_row, std::iter::once(0..n_units).collect())
    }

    fn variance_of_sums(&self, influences: &[f64]) -> Result<f64, Error> {
        let (unit_of_row, strata) = self.units();
        let n_units = strata.last().map_or(0, |stratum| stratum.end);
        if n_units < 2 {
            let (expected, found) = ("at least 2 sampling units".into(), n_units.to_string());
            return Err(Error::Undefined { what: "survey variance", expected, found });
        }
        let mut sums = vec![0.0; n_units];
        for (&unit, influence) in unit_of_row.iter().zip(influences) {
            sums[unit as usize] += influence;
        }
        let of_stratum = |stratum: &std::ops::Range<usize>| {
            let (sums, n) = (&sums[stratum.clone()], stratum.len() as f64);
            let mean = sums.iter().sum::<f64>() / n;
            n / (n - 1.0) * sums.iter().map(|sum| (sum - mean).powi(2)).sum::<f64>()
        };
        Ok(strata.iter().map(of_stratum).sum())
    }
}
