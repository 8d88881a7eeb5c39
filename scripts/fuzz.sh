#!/usr/bin/env bash
# scripts/fuzz.sh [TARGET]…: each fuzz target for FUZZ_SECONDS (60). What breaks one is kept as a file, and fails the run.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
seconds="${FUZZ_SECONDS:-60}"

# Each target's dictionary, and the seeds that it starts from.
declare -A dictionary=([prepare]=images [jpeg]=images [heif]=images [raw]=images [exif]=images [classify_url]=urls [list]=lists [table]=lists [wire]=lists [form]=forms)
messages=../../common/tests/wire_versions
declare -A seeds=([prepare]='images jpegs' [jpeg]=jpegs [heif]=heifs [raw]=images [exif]=exifs [classify_url]=urls [list]=lists [table]=tables
    [wire]="$messages/first $messages/second" [form]=forms)

finish() {
    trap '' INT TERM
    if [[ -n ${pids[fuzz]:-} ]]; then stop fuzz TERM 10; fi
}

# Other flags than everything else is built with, for crates and for C code: a folder of its own, or each build would undo
# the other's. `cargo clean` removes it with the rest.
watched() {
    export CARGO_TARGET_DIR="$CARGO_TARGET_DIR/fuzz" RUST_BACKTRACE=1
    # Sanitizers are not stable yet in Rust. This lets the compiler that builds the binary have them, so no nightly is needed.
    export RUSTC_BOOTSTRAP=1
    # libjpeg-turbo is watched like the crates: its memory, and which way an input took.
    export CC=clang CXX=clang++ CFLAGS='-fsanitize=address,fuzzer-no-link'
}

# cargo-fuzz has no --locked of its own.
build() {
    cargo metadata --locked --manifest-path fuzz/Cargo.toml --format-version 1 >/dev/null ||
        die "fuzz/Cargo.lock is behind: cp Cargo.lock fuzz/, then cargo metadata --manifest-path fuzz/Cargo.toml >/dev/null"
    cargo fuzz build
    programs="$CARGO_TARGET_DIR/$(rustc -vV | sed -n 's/^host: //p')/release"
}

# Seconds that an input may take. A table is read by a process of its own, which is ended after a minute without a word; the
# library that reads it counts as far as a file says that it goes on.
declare -A patience=([table]=60)

# fuzz TARGET: what it learns stays in fuzz/corpus for the next run. No input may take 10 s or half a gigabyte.
fuzz() {
    local target=$1 log executions crashes=0 folders
    read -ra folders <<<"${seeds[$target]}"
    mkdir -p "fuzz/corpus/$target" "fuzz/artifacts/$target"
    log="fuzz/artifacts/$target/log"
    : >"$log"
    start fuzz "$log" "$programs/$target" "fuzz/corpus/$target" "${folders[@]/#/fuzz/seeds/}" \
        -dict="fuzz/dictionaries/${dictionary[$target]}.dict" -artifact_prefix="fuzz/artifacts/$target/" \
        -max_total_time="$seconds" -timeout="${patience[$target]:-10}" -malloc_limit_mb=288 -rss_limit_mb=512 -print_final_stats=1
    wait "${pids[fuzz]}" || crashes=1
    unset 'pids[fuzz]'
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    printf 'fuzz %s: %d executions, %d crashes\n' "$target" "${executions:-0}" "$crashes"
    ((crashes == 0)) || report "$target" "$log"
}

report() {
    local input
    input=$(sed -n 's/.*Test unit written to //p' "$2" | tail -n1)
    failed=1
    say "log:   $2"
    if [[ -n $input ]]; then
        say "input: $input"
        say "again: $programs/$1 $input"
    fi
    grep -m 3 -E "panicked at|ERROR: |SUMMARY: " "$2" || tail -n 5 "$2"
}

main() {
    local targets=("$@") target programs failed=0
    ((${#targets[@]})) || targets=(prepare jpeg heif raw exif classify_url list table wire form)
    steps=$((2 + ${#targets[@]}))
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM

    step "What this machine lacks"
    scripts/setup.sh fuzz
    command -v cargo-fuzz >/dev/null || cargo install --locked cargo-fuzz

    step "Build, with a sanitizer"
    watched
    build

    for target in "${targets[@]}"; do
        [[ -n ${seeds[$target]:-} ]] || die "no target is called '$target': ${!seeds[*]}"
        step "$target, for $seconds s"
        fuzz "$target"
    done
    ((failed == 0)) || die "something was found"
}

main "$@"
