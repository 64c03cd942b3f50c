use crate::Error;

/// P-values adjusted for testing several hypotheses, so that those at or below α keep the chance of any false rejection
/// at α (Holm 1979, Scand. J. Stat. 6:65–70). In the order given, as R's `p.adjust(method = "holm")`.
///
/// ```
/// let adjusted = helm_eval::holm(&[0.01, 0.04, 0.03])?;
/// assert_eq!(adjusted, [0.03, 0.06, 0.06]);
/// # Ok::<(), helm_eval::Error>(())
/// ```
///
/// # Errors
/// [`Error::Probability`] with the first p-value that is not a number from 0 to 1.
pub fn holm(p_values: &[f64]) -> Result<Vec<f64>, Error> {
    let order = rising(p_values)?;
    let (mut adjusted, mut largest) = (vec![0.0; p_values.len()], 0.0_f64);
    for (place, &index) in order.iter().enumerate() {
        largest = largest.max((p_values.len() - place) as f64 * p_values[index]);
        adjusted[index] = largest.min(1.0);
    }
    Ok(adjusted)
}

/// P-values adjusted so that among those at or below α the expected share of false rejections is at most α (Benjamini
/// and Hochberg 1995, J. R. Stat. Soc. B 57:289–300). In the order given, as R's `p.adjust(method = "BH")`.
///
/// ```
/// let adjusted = helm_eval::benjamini_hochberg(&[0.01, 0.04, 0.03])?;
/// assert_eq!(adjusted, [0.03, 0.04, 0.04]);
/// # Ok::<(), helm_eval::Error>(())
/// ```
///
/// # Errors
/// [`Error::Probability`] with the first p-value that is not a number from 0 to 1.
pub fn benjamini_hochberg(p_values: &[f64]) -> Result<Vec<f64>, Error> {
    let order = rising(p_values)?;
    let (mut adjusted, mut smallest) = (vec![0.0; p_values.len()], 1.0_f64);
    for (place, &index) in order.iter().enumerate().rev() {
        smallest = smallest.min(p_values[index] * (p_values.len() as f64 / (place + 1) as f64));
        adjusted[index] = smallest;
    }
    Ok(adjusted)
}

/// Places of p-values from the smallest.
fn rising(p_values: &[f64]) -> Result<Vec<usize>, Error> {
    Error::check_probabilities("p-values", p_values)?;
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    Ok(order)
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    /// Worked by hand from the definitions.
    #[test]
    fn seven_p_values() {
        let p_values = [0.01, 0.02, 0.03, 0.04, 0.05, 0.9, 0.01];
        let holm = holm(&p_values).expect("p-values");
        for (found, expected) in holm.iter().zip([0.07, 0.1, 0.12, 0.12, 0.12, 0.9, 0.07]) {
            assert_relative_eq!(*found, expected, max_relative = 1e-12);
        }
        let adjusted = benjamini_hochberg(&p_values).expect("p-values");
        let expected = [0.035, 0.14 / 3.0, 0.0525, 0.056, 0.35 / 6.0, 0.9, 0.035];
        for (found, expected) in adjusted.iter().zip(expected) {
            assert_relative_eq!(*found, expected, max_relative = 1e-12);
        }
    }

    #[test]
    fn ends_and_errors() {
        for adjust in [super::holm, benjamini_hochberg] {
            assert_eq!(adjust(&[]).expect("none"), [0.0; 0]);
            assert_eq!(adjust(&[0.0, 1.0]).expect("ends"), [0.0, 1.0]);
            assert!(adjust(&[0.9, 0.8, 0.7]).expect("large").iter().all(|&p| p <= 1.0));
            for bad in [-0.1, 1.1, f64::NAN] {
                let error = adjust(&[0.5, bad]).expect_err("not a p-value").to_string();
                assert_eq!(error, "p-values: expected numbers from 0 to 1, found another in row 2");
            }
        }
    }
}
