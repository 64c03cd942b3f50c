use crate::Error;

/// Risks from a sample with one share of cases, as they are in a population with another: odds are multiplied by the
/// ratio of the two odds (Elkan 2001, IJCAI). It holds where cases look alike in both, and controls too, and only how
/// many there are differs: in a case-control study, say.
///
/// ```
/// // As many cases as controls in the sample, one in ten in the population.
/// let risks = helm_eval::shift_prevalence(&[0.5, 0.9, 0.0, 1.0], 0.5, 0.1)?;
/// assert!((risks[0] - 0.1).abs() < 1e-12 && (risks[1] - 0.5).abs() < 1e-12);
/// assert_eq!(risks[2..], [0.0, 1.0]);
/// # Ok::<(), helm_eval::Error>(())
/// ```
///
/// # Errors
/// [`Error::Probability`] with the first risk that is not a number from 0 to 1, [`Error::Setting`] if a prevalence is
/// not between 0 and 1.
pub fn shift_prevalence(risks: &[f64], from: f64, to: f64) -> Result<Vec<f64>, Error> {
    Error::check_probabilities("risks", risks)?;
    for prevalence in [from, to] {
        Error::check_prevalence(prevalence)?;
    }
    let (case, control) = (to / from, (1.0 - to) / (1.0 - from));
    Ok(risks.iter().map(|risk| risk * case / (risk * case + (1.0 - risk) * control)).collect())
}
