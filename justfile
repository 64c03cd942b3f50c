# The commands of the project, for people and for CI alike. `just` lists them.

_default:
    @just --list

# Everything that CI runs
ci:
    .ci/run

# All tests, in release so that burn is built once
test *ARGS:
    cargo test --release --workspace --locked {{ ARGS }}

# A crate outside the workspace that brings its own encoder: that what is public is enough
own-encoder:
    cp Cargo.lock helm-llm/tests/fixtures/own-encoder/Cargo.lock
    cargo test --release --manifest-path helm-llm/tests/fixtures/own-encoder/Cargo.toml --target-dir target/own-encoder

# Formatting, lints, documentation
lint:
    cargo fmt --all -- --check
    cargo clippy --workspace --all-targets --locked -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

# Who may use whom
arrows:
    scripts/check_arrows.sh

# Licences, sources, advisories (needs cargo-deny)
deny:
    cargo deny check

# What would go to crates.io
package:
    cargo package --workspace --no-verify --locked

# Benchmarks
bench *ARGS:
    cargo bench --package helm-benches {{ ARGS }}

# Prefill beside candle, which only this feature builds
bench-candle:
    cargo clippy --package helm-benches --features candle --all-targets --locked -- -D warnings
    cargo bench --package helm-benches --features candle --bench prefill

# HeLM on NHANES 2011–2012: the survey's files and a Llama folder
nhanes DATA MODEL *ARGS:
    cargo run --release --locked --package helm-examples --example nhanes -- --data {{ DATA }} --model {{ MODEL }} {{ ARGS }}

# Makes the reference numbers anew (needs Python and the packages in each script's header)
golden MODEL DATA:
    python scripts/golden_llama.py --stories260k {{ MODEL }} --out .
    python scripts/golden_families.py --out .
    python scripts/golden_peft.py --out .
    python scripts/golden_resnet1d.py --out .
    python scripts/golden_xpt.py --data {{ DATA }} --out .
    python scripts/golden_eval.py --out .
    python scripts/golden_survival.py --out .
    python scripts/golden_spirometry.py --out .
    python scripts/golden_tiny.py --model examples/helm-tiny --out examples/tests/it/golden/helm_tiny.json

# Conversations by transformers (the folder holds llama_tokenizer.json)
golden-chat TOKENIZERS:
    python scripts/golden_chat.py --tokenizers {{ TOKENIZERS }} --out .
    python scripts/golden_seams.py --tokenizers {{ TOKENIZERS }} --out .

# Reading Parquet beside the parquet crate
bench-reading:
    cargo bench --package helm-benches --features parquet --bench reading

# The tests by LibTorch: `pip install torch==2.9.0` and the variables that the README sets first
check-tch:
    HELM_TEST_DEVICE=tch cargo test --release --locked -p helm-encoders -p helm-llm --features helm-llm/tch --lib --test it

# Models of the hub by name, from a made cache and a made server
check-hub:
    cargo test --release --locked --workspace --features helm-llm/hub,helm-examples/hub --lib --test it hub
    cargo clippy --workspace --all-targets --locked --features helm-llm/hub,helm-examples/hub -- -D warnings

# The tests by wgpu (a quarter of an hour to build, and longer to run without a GPU)
check-wgpu:
    HELM_TEST_DEVICE=wgpu cargo test --release --locked -p helm-encoders -p helm-llm --features helm-llm/wgpu --lib --test it

# Tests with the real XGBoost beside: `pip install xgboost-cpu==3.1.2 libclang` first; LIB is xgboost/lib in its
# site-packages, CLANG the clang/native folder of libclang
check-xgboost LIB CLANG:
    XGBOOST_LIB_DIR={{ LIB }} LD_LIBRARY_PATH={{ LIB }} LIBCLANG_PATH={{ CLANG }} cargo test --release --locked --package helm-eval --features xgboost
