//! `pretrain_tiny` for a few steps, in one go and killed on the way.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::program::{refused, run, start};

const SMALL: [&str; 6] = ["--steps", "6", "--batch", "2", "--checkpoint-steps", "1"];

fn arguments(output: &Path) -> Vec<&str> {
    [&SMALL[..], &["--output", output.to_str().unwrap()]].concat()
}

#[test]
fn a_run_that_was_killed_ends_as_if_it_had_never_stopped() {
    let whole = tempfile::tempdir().unwrap();
    let output = run("pretrain_tiny", arguments(whole.path()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let killed = tempfile::tempdir().unwrap();
    let mut process = start("pretrain_tiny", arguments(killed.path()));
    let begin = Instant::now();
    while !killed.path().join("run/step-2").is_dir() {
        assert!(begin.elapsed() < Duration::from_secs(600) && process.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(2));
    }
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(!killed.path().join("model.safetensors").exists(), "the run ended before it was killed");

    // With other settings, it would not be the run that began there.
    let other = [&arguments(killed.path())[..], &["--seed", "1"]].concat();
    let message = refused(&run("pretrain_tiny", other));
    assert!(message.contains("the settings of the run that began there"), "{message}");

    let output = run("pretrain_tiny", arguments(killed.path()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for file in ["model.safetensors", "tokenizer.json", "config.json"] {
        let read = |folder: &Path| std::fs::read(folder.join(file)).unwrap();
        assert!(read(whole.path()) == read(killed.path()), "{file} differs");
    }
}
