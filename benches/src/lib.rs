//! Benchmarks of helm; the code is in `benches/`, how to run them and what they showed in `README.md`.
