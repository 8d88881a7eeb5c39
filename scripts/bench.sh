#!/usr/bin/env bash
# scripts/bench.sh PACKAGE NAME: one benchmark of a crate, with what it needs.
set -euo pipefail
profile=release
. "$(dirname "$0")/lib.sh"
steps=3

# The binary's benchmarks are of the whole fleet, with real models. Of the whole workspace, not of one package: which features
# dependencies have depends on what is built with them, and one package alone has them compiled anew, llama.cpp too.
build() {
    if [[ $1 == tagfleet ]]; then
        prepare build --workspace --bins --bench "$2"
    else
        claim_target
        cargo build --release --locked --workspace --bench "$2"
    fi
}

main() {
    trap abandon_prepare EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM

    step "What this machine lacks"
    scripts/setup.sh "$([[ $1 == tagfleet ]] && echo fleet || echo build)"

    step "Build"
    build "$1" "$2"

    step "$2"
    cargo bench --locked --workspace --bench "$2"
}

main "$@"
