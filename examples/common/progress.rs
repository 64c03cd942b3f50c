use helm_llm::{StepReport, TrainObserver};
use indicatif::{ProgressBar, ProgressStyle};

/// A progress bar on standard error; silent where that is no terminal.
pub struct Progress {
    bar: ProgressBar,
    stage: String,
    /// Steps of the stage done so far, and its share of the whole run, in steps of the bar.
    share: u64,
    done_before: u64,
}

/// Steps of the bar for each stage.
const PER_STAGE: u64 = 1000;

impl Progress {
    /// A bar over so many stages.
    pub fn new(stages: usize) -> Self {
        let bar = ProgressBar::new(stages as u64 * PER_STAGE);
        let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {elapsed}, {eta} left  {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        // The clock goes on where a stage's steps don't say how far they are.
        bar.enable_steady_tick(std::time::Duration::from_millis(500));
        Self { bar, stage: String::new(), share: 1, done_before: 0 }
    }

    /// Begins a stage that is so many stages of the bar long.
    pub fn stage(&mut self, name: impl Into<String>, stages: usize) {
        self.done_before += if self.stage.is_empty() { 0 } else { self.share * PER_STAGE };
        self.stage = name.into();
        self.share = stages as u64;
        self.bar.set_position(self.done_before);
        self.bar.set_message(self.stage.clone());
    }

    /// So much of the stage is done.
    pub fn advance(&self, done: usize, of: usize) {
        self.bar.set_position(self.done_before + self.share * PER_STAGE * done as u64 / of.max(1) as u64);
    }

    /// Ends the bar and removes it.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}

impl TrainObserver for Progress {
    fn step(&mut self, report: &StepReport) {
        let within = self.share * PER_STAGE * report.step as u64 / report.n_steps as u64;
        self.bar.set_position(self.done_before + within);
        self.bar.set_message(format!(
            "{}, loss {:.3}, {:.0} participants/s",
            self.stage, report.loss, report.participants_per_second
        ));
    }
}
