#!/usr/bin/env bash
# scripts/flame.sh NAME [SECONDS]: a flame graph of all processors while the benchmark NAME of the binary runs, from FLAME_AFTER (30) s
# after its start on. Stacks are found by DWARF, since nothing here is built with frame pointers.
set -euo pipefail
profile=release
. "$(dirname "$0")/lib.sh"
steps=4

finish() {
    trap '' INT TERM
    # Cargo and the benchmark alike.
    if [[ -n ${pids[bench]:-} ]]; then kill -TERM -- "-${pids[bench]}" || true; fi
    rm -f "$data"
}

main() {
    local name=$1 seconds=${2:-10} log="target/bench/flame-$1.log" graph="target/bench/flame-$1.svg"
    data=$(mktemp)
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM

    step "What this machine lacks"
    scripts/setup.sh fleet flame
    command -v inferno-flamegraph >/dev/null || cargo install --locked inferno

    step "Build"
    claim_target
    cargo build --release --locked --workspace --bins --bench "$name"

    step "$name, looked at for $seconds s"
    mkdir -p target/bench
    start bench "$log" cargo bench --locked --workspace --bench "$name"
    sleep "${FLAME_AFTER:-30}"
    running bench || show_log "$log" "it has ended already"
    perf record --quiet --all-cpus --freq 199 --call-graph dwarf,16384 --output "$data" -- sleep "$seconds"

    wait "${pids[bench]}" || show_log "$log" "the benchmark failed"
    unset 'pids[bench]'

    step "The graph"
    perf script --no-inline --input "$data" 2>/dev/null | inferno-collapse-perf | inferno-flamegraph --title "$name" >"$graph"
    say "$graph"
}

main "$@"
