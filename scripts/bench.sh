#!/usr/bin/env bash
# scripts/bench.sh PACKAGE NAME: one benchmark of a crate, with what it needs.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
steps=3

# The binary's benchmarks are of the whole fleet, with real models.
build() {
    if [[ $1 == tagfleet ]]; then
        prepare --package tagfleet --bins --bench "$2"
    else
        claim_target
        cargo build --release --locked --package "$1" --bench "$2"
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
    cargo bench --locked --package "$1" --bench "$2"
}

main "$@"
