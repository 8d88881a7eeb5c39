#!/usr/bin/env bash
# scripts/bench.sh NAME: one benchmark of the binary (tagfleet/benches), with what it needs.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
steps=3

main() {
    trap abandon_prepare EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM

    step "What this machine lacks"
    scripts/setup.sh fleet

    step "Models and build, side by side"
    prepare --package tagfleet --bins --bench "$1"

    step "$1"
    cargo bench --locked --package tagfleet --bench "$1"
}

main "$@"
