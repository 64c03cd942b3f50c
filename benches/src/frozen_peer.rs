use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use helm_llm::Tokenizer;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::FrozenTask;

/// Python with transformers on the same weights, texts and soft tokens, which runs what it is asked to.
pub struct FrozenPeer {
    process: Child,
    answers: BufReader<ChildStdout>,
    /// Log-odds of all participants and outcomes, row by row and behind kept contexts.
    pub log_odds: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct First {
    log_odds: Vec<Vec<f64>>,
}

impl FrozenPeer {
    /// Starts the Python that `HELM_BENCH_PYTHON` names; nothing without it. Of so many outcomes it says log-odds.
    ///
    /// # Panics
    /// If it doesn't run.
    #[allow(clippy::expect_used, reason = "a bench ends by panicking")]
    pub fn start(task: &FrozenTask, compared: usize, folder: &Path, threads: usize) -> Option<Self> {
        let python = std::env::var_os("HELM_BENCH_PYTHON")?;
        let tokenizer = Tokenizer::from_file(&folder.join("tokenizer.json")).expect("the tokenizer");
        let ids = |text: &str| tokenizer.encode(text).expect("ids");
        let rows = 0..task.participants;
        let texts: Vec<Vec<u32>> =
            rows.clone().map(|row| [tokenizer.start(), &ids(&task.text(row))].concat()).collect();
        let questions: Vec<Vec<u32>> = (0..task.n_outcomes).map(|i| ids(&FrozenTask::question(i).text)).collect();
        assert!(texts.iter().all(|text| text.len() == task.n_text), "a token a byte");
        assert!(questions.iter().all(|ids| ids.len() == FrozenTask::N_QUESTION), "a token a byte");
        let input = json!({
            "model": folder, "threads": threads, "compared": compared, "texts": texts, "questions": questions,
            "soft": rows.clone().map(|row| task.soft(row)).collect::<Vec<_>>(), "n_soft": FrozenTask::N_SOFT,
            "curves": rows.map(FrozenTask::curve).collect::<Vec<_>>(), "yes": ids("1")[0], "no": ids("0")[0],
            "bf16": has_bf16(),
        });
        let path = folder.join("input.json");
        std::fs::write(&path, input.to_string()).expect("a writable folder");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/bench_frozen.py");
        let mut command = Command::new(python);
        command.arg(script).arg(path).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("Python runs");
        let answers = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut peer = Self { process, answers, log_odds: Vec::new() };
        let first: First = serde_json::from_value(peer.read()).expect("what the script prints first");
        peer.log_odds = first.log_odds;
        Some(peer)
    }

    #[allow(clippy::expect_used, reason = "a bench ends by panicking")]
    fn read(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the script answers");
        serde_json::from_str(&line).expect("JSON of scripts/bench_frozen.py")
    }

    /// One run of a task there, in seconds; nothing in bf16 where the processor doesn't compute in it.
    ///
    /// # Panics
    /// If the script fails.
    #[allow(clippy::expect_used, reason = "a bench ends by panicking")]
    pub fn seconds(&mut self, work: &str, dtype: &str, n_outcomes: usize) -> Option<f64> {
        if dtype == "bf16" && !has_bf16() {
            return None;
        }
        let task = json!({"work": work, "dtype": dtype, "outcomes": n_outcomes});
        let pipe = self.process.stdin.as_mut().expect("a pipe");
        writeln!(pipe, "{task}").and_then(|()| pipe.flush()).expect("the script listens");
        Some(self.read().as_f64().expect("seconds"))
    }
}

impl Drop for FrozenPeer {
    /// Frees its memory before the next one starts.
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// Whether the processor computes in bf16; without, PyTorch takes several times as long in it as in f32.
fn has_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}
