#!/usr/bin/env bash
# scripts/lint.sh: what must hold of the code besides its tests. Changes nothing.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
steps=6

# Tools that are welcome and not required: said where they are missing.
optional() {
    if command -v "$1" >/dev/null; then shift && "$@"; else say "$1 is not installed, left out"; fi
}

versions() { awk '/^name = / { name = $3 } /^version = / { print name, $3 }' "$1" | sort; }

# What is fuzzed is what is shipped: a crate that both have is of one version.
check_fuzzed_versions() {
    local other
    other=$(comm -13 <(versions Cargo.lock) <(versions fuzz/Cargo.lock) | cut -d' ' -f1 |
        grep -Fxf <(versions Cargo.lock | cut -d' ' -f1)) || return 0
    die "fuzz/Cargo.lock has other versions of: $other. cp Cargo.lock fuzz/, then cargo metadata --manifest-path fuzz/Cargo.toml >/dev/null"
}

main() {
    scripts/setup.sh build
    claim_target

    step "Format"
    cargo fmt --all --check
    cargo fmt --manifest-path fuzz/Cargo.toml --check

    step "Clippy"
    cargo clippy --profile quick --workspace --all-targets --locked -- -D warnings

    step "Documentation"
    RUSTDOCFLAGS="-D warnings" cargo doc --profile quick --no-deps --workspace --locked

    step "Modules without circles, pages without broken links, metrics with their help"
    scripts/structure.py
    scripts/documents.py

    step "Shell scripts"
    optional shellcheck shellcheck scripts/*.sh deploy/*.sh deploy/check/*.sh .ci/*

    step "Dependencies: versions, licences, sources, bans"
    check_fuzzed_versions
    optional cargo-deny cargo deny --locked check --hide-inclusion-graph bans licenses sources
}

main "$@"
