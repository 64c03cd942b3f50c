#!/usr/bin/env bash
# Holds the arrows between crates against the plan (ARCHITECTURE.md): who may use whom, and who stays free of burn and
# tokenizers.
set -euo pipefail
cd "$(dirname "$0")/.."

failed=0
complain() {
    echo "error: $*" >&2
    failed=1
}

# The crates of this workspace that a crate uses in its build, by cargo's own account.
used() {
    cargo tree --locked --package "$1" --edges normal --depth 1 --prefix none --all-features |
        tail -n +2 | { grep -o '^helm-[a-z]*' || true; } | sort -u | tr '\n' ' '
}

check() {
    local found
    found=$(used "$1")
    [ "${found% }" = "$2" ] || complain "$1 uses [${found% }], expected [$2]"
}
check helm-core ""
check helm-serialize "helm-core"
check helm-encoders "helm-core"
check helm-eval "helm-core"
check helm-llm "helm-core helm-encoders"

for crate in helm-core helm-serialize helm-eval; do
    if cargo tree --locked --package "$crate" --edges normal --prefix none --all-features |
        grep -E '^(burn|cubecl|tokenizers|wgpu|tch)[ -]'; then
        complain "$crate stands on a deep-learning framework or on tokenizers"
    fi
done

# Only examples and benches may use all of them, and nothing may use those.
for crate in helm-core helm-serialize helm-encoders helm-llm helm-eval; do
    if cargo tree --locked --package "$crate" --edges normal,build,dev --prefix none --all-features |
        grep -E '^helm-(examples|benches) '; then
        complain "$crate uses examples or benches"
    fi
done

if [ "$failed" = 0 ]; then echo "arrows are as planned"; fi
exit "$failed"
