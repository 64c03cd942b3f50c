/// Reads a count from the command line that must not be smaller than some number.
pub fn at_least(least: usize) -> impl Fn(&str) -> Result<usize, String> + Clone + Send + Sync + 'static {
    move |text| match text.parse::<usize>() {
        Ok(count) if count >= least => Ok(count),
        _ => Err(format!("expected a whole number of at least {least}")),
    }
}
