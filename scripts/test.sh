#!/usr/bin/env bash
# scripts/test.sh: every test but those of the slow suites (make test-console, test-dashboards, test-faults), with the real models and with brokers that the tests start themselves.
# A test that was left out is a failure: what was not run has not passed.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/python.sh"
steps=8
log='' programs=''

finish() {
    trap '' INT TERM
    abandon_prepare
    rm -f "$log" "$programs"
}

# Side by side, since most of their time is waiting: for deadlines, for brokers, for leases.
test_rust() {
    local suites
    mapfile -t suites <"$programs"
    scripts/suites.py "${suites[@]}" | tee "$log" || failed=1
    read -r passed broken skipped < <(tail -n 1 "$log" | grep -Eo '[0-9]+' | tr '\n' ' ') || true
    ((${passed:-0} > 0)) || die "the test programs did not run"
}

# test_python COMMAND…: prints lines `Ran 17 tests in 0.4s` and `FAILED (failures=1, errors=1, skipped=2)`.
test_python() {
    "$@" 2>&1 | tee "$log" || failed=1
    local ran bad out
    ran=$(sed -n 's/^Ran \([0-9]*\) test.*/\1/p' "$log")
    bad=$(grep -Eo '(failures|errors)=[0-9]+' "$log" | awk -F= '{ sum += $2 } END { print sum + 0 }') || true
    out=$(grep -Eo 'skipped=[0-9]+' "$log" | awk -F= '{ sum += $2 } END { print sum + 0 }') || true
    passed=$((passed + ${ran:-0} - ${bad:-0} - ${out:-0})) broken=$((broken + ${bad:-0})) skipped=$((skipped + ${out:-0}))
}

test_openapi() {
    if scripts/openapi.sh >"$log" 2>&1 </dev/null; then
        passed=$((passed + 1))
        grep -E 'generated,' "$log"
    else
        cat "$log"
        broken=$((broken + 1)) failed=1
    fi
}

main() {
    local failed=0 passed=0 broken=0 skipped=0
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

    step "Tests of the crates"
    test_rust

    step "Tests of the models' scripts"
    test_python "$TAGFLEET_MODELS_DIR/.build/python/bin/python" -B -m unittest discover -s models

    step "Tests of the manifests"
    make_python
    find_kubectl
    test_python test_manifests

    step "Tests of the clients"
    test_python scripts/clients.sh test

    step "A running service against its OpenAPI document"
    test_openapi

    step "Summary"
    printf 'tests: %d passed, %d failed, %d skipped\n' "$passed" "$broken" "$skipped"
    ((failed == 0 && broken == 0)) || die "some tests failed"
    ((skipped == 0)) || die "some tests were skipped, and what was not run has not passed"
    ((passed > 0)) || die "no test was run"
}

main "$@"
