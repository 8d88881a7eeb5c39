#!/usr/bin/env bash
# scripts/faults.sh [NAME…]: the rows of the fault suite, or those whose names hold one of these; a table at the end.
# FAULT_THREADS: rows side by side.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
steps=3
log=$(mktemp)

suite() { cargo test --profile "$profile" --locked --workspace --test faults "$@"; }

main() {
    local status=0
    trap 'rm -f "$log"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM

    step "What this machine lacks"
    scripts/setup.sh build fleet

    step "Build"
    claim_target
    suite --no-run

    step "Faults"
    suite -- --nocapture --test-threads="${FAULT_THREADS:-3}" "$@" | tee "$log" || status=1

    printf '\n'
    grep -o 'FAULT .*' "$log" | sort || true
    ((status == 0)) || die "a row failed, see above"
}

main "$@"
