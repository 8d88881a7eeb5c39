#!/usr/bin/env bash
# scripts/test.sh: every test there is, with the real models and with brokers that the tests start themselves.
# A test that was left out is a failure: what was not run has not passed.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/python.sh"
steps=6
log=''

finish() {
    trap '' INT TERM
    abandon_prepare
    [[ -z $log ]] || rm -f "$log"
}

# sum COLUMN: over cargo's lines `test result: ok. 5 passed; 0 failed; 1 ignored; …; 2 filtered out; …`.
sum() {
    awk -v word="$1" '/^test result: / { for (i = 2; i <= NF; i++) if (index($i, word) == 1) sum += $(i - 1) } END { print sum + 0 }' "$log"
}

test_rust() {
    cargo test --release --workspace --locked --no-fail-fast 2>&1 | tee "$log" || failed=1
    passed=$(sum passed) broken=$(sum failed) skipped=$(($(sum ignored) + $(sum filtered)))
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

main() {
    local failed=0 passed=0 broken=0 skipped=0
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    log=$(mktemp)

    step "What this machine lacks"
    scripts/setup.sh test

    step "Models and build, side by side"
    prepare --workspace --all-targets

    step "Tests of the crates"
    test_rust

    step "Tests of the models' scripts"
    test_python "$TAGFLEET_MODELS_DIR/.build/python/bin/python" -B -m unittest discover -s models

    step "Tests of the manifests"
    make_python
    find_kubectl
    test_python test_manifests

    step "Summary"
    printf 'tests: %d passed, %d failed, %d skipped\n' "$passed" "$broken" "$skipped"
    ((failed == 0 && broken == 0)) || die "some tests failed"
    ((skipped == 0)) || die "some tests were skipped, and what was not run has not passed"
    ((passed > 0)) || die "no test was run"
}

main "$@"
