#!/usr/bin/env bash
# scripts/lint.sh: what must hold of the code besides its tests. Changes nothing.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
steps=5

# Tools that are welcome and not required: said where they are missing.
optional() {
    if command -v "$1" >/dev/null; then shift && "$@"; else say "$1 is not installed, left out"; fi
}

main() {
    scripts/setup.sh build
    claim_target

    step "Format"
    cargo fmt --all --check

    step "Clippy"
    cargo clippy --release --workspace --all-targets --locked -- -D warnings

    step "Documentation"
    RUSTDOCFLAGS="-D warnings" cargo doc --release --no-deps --workspace --locked

    step "Shell scripts"
    optional shellcheck shellcheck scripts/*.sh .ci/run

    step "Dependencies: licences, sources, bans"
    optional cargo-deny cargo deny --locked check --hide-inclusion-graph bans licenses sources
}

main "$@"
