/// Whether the program is only asked whether it builds: by `cargo test --benches`, which runs it with `--test`.
pub fn is_only_built() -> bool {
    std::env::args().any(|argument| argument == "--test")
}
