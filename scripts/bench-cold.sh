#!/usr/bin/env bash
# scripts/bench-cold.sh: what a newcomer's first commands cost: a new clone, nothing compiled, no models; crates are downloaded
# before the clock starts. Beside it the build of a ten-line server, which makes machines comparable.
#
#   COLD_COMMIT=HEAD   the commit that is measured. One of before `scripts/cargo.py` builds its tests with their benchmarks
#   COLD_TESTS=1       0 leaves out the test run and the checks
set -euo pipefail
. "$(dirname "$0")/lib.sh"
steps=6
commit=${COLD_COMMIT:-HEAD} tests=${COLD_TESTS:-1}
folder=''
declare -A cpu_s=() wall_s=()

finish() { [[ -z $folder ]] || rm -rf "$folder"; }

# timed NAME COMMAND…: leaves its seconds in $cpu_s and $wall_s; what it printed is shown where it failed.
timed() {
    local name=$1 spent log="$folder/$1.log"
    shift
    local TIMEFORMAT='%R %U %S'
    spent=$({ time "$@" >"$log" 2>&1 </dev/null; } 2>&1) || show_log "$log" "$name failed"
    read -r wall user sys <<<"$spent"
    wall_s[$name]=$wall cpu_s[$name]=$(awk "BEGIN { printf \"%.0f\", $user + $sys }")
    say "$name: $wall s, ${cpu_s[$name]} s of processor time"
}

over() { awk "BEGIN { printf \"%.2f\", $1 / $2 }"; }

build_yardstick() { CARGO_TARGET_DIR="$folder/yardstick" cargo build --release --locked --manifest-path scripts/yardstick/Cargo.toml; }

build_tests() {
    if [[ -x scripts/cargo.py ]]; then
        cargo build --profile quick --locked --workspace --lib --bins --tests
    else
        cargo build --release --locked --workspace --all-targets
    fi
}

main() {
    trap finish EXIT
    folder=$(mktemp -d)
    step "Crates, before the clock starts"
    git clone --quiet . "$folder/clone"
    git -C "$folder/clone" checkout --quiet --detach "$(git rev-parse "$commit")"
    cargo fetch --locked --manifest-path scripts/yardstick/Cargo.toml
    cargo fetch --locked --manifest-path "$folder/clone/Cargo.toml"

    step "Yardstick"
    timed yardstick build_yardstick

    cd "$folder/clone"
    export XDG_CACHE_HOME="$folder/cache" CARGO_TARGET_DIR="$folder/cache/tagfleet/target"
    export TAGFLEET_MODELS_DIR="$folder/cache/tagfleet/models"
    step "make demo"
    DEMO_EXIT=1 timed demo make demo
    step "The tests' build, after it"
    timed test_build build_tests
    step "make test"
    wall_s[test]=0 wall_s[lint]=0
    if ((tests)); then timed test make test; fi
    step "make lint"
    if ((tests)); then timed lint make lint; fi

    printf '\nRESULT demo_cpu_s=%s demo_wall_s=%s yardstick_cpu_s=%s demo_over_yardstick=%s test_build_over_yardstick=%s test_run_s=%s lint_s=%s\n' \
        "${cpu_s[demo]}" "${wall_s[demo]}" "${cpu_s[yardstick]}" "$(over "${cpu_s[demo]}" "${cpu_s[yardstick]}")" \
        "$(over "${cpu_s[test_build]}" "${cpu_s[yardstick]}")" "${wall_s[test]}" "${wall_s[lint]}"
}

main "$@"
