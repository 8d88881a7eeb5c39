#!/usr/bin/env bash
# scripts/test.sh: every test but those of the slow suites (make test-console, test-dashboards, test-faults), with the real models and with brokers that the tests start themselves.
# A test that was left out is a failure: what was not run has not passed.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
steps=3
log='' programs=''

finish() {
    trap '' INT TERM
    abandon_prepare
    rm -f "$log" "$programs"
}

# Side by side, since most of their time is waiting: for deadlines, for brokers, for leases.
run_suites() {
    local suites
    mapfile -t suites <"$programs"
    ((${#suites[@]} > 0)) || die "no test program was built"
    scripts/suites.py \
        --also "models' scripts" "$TAGFLEET_MODELS_DIR/.build/python/bin/python -B -m unittest discover -s models" \
        --also "manifests" "scripts/manifests.sh test" \
        --also "clients" "scripts/clients.sh test" \
        --also "a service against its OpenAPI document" "scripts/openapi.sh" \
        "${suites[@]}" | tee "$log" || die "some tests failed"
}

main() {
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    log=$(mktemp)

    step "What this machine lacks"
    scripts/setup.sh test

    step "Models and build, side by side"
    programs=$(mktemp)
    # Benchmarks are compiled by `make lint`, and by whoever runs one.
    PROGRAMS=$programs prepare test --workspace --lib --bins --tests --no-run

    step "Tests"
    run_suites
    [[ $(tail -n 1 "$log") =~ ^tests:\ [1-9][0-9]*\ passed,\ 0\ failed,\ 0\ skipped$ ]] ||
        die "some tests were skipped, and what was not run has not passed"
}

main "$@"
