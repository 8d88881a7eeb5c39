#!/usr/bin/env bash
# scripts/bench-prepare.sh: from photo to tile, ours against libvips' and Pillow's. What it needs for that it puts into
# ~/.cache/tagfleet, where a second run finds it.
set -euo pipefail
profile=release
. "$(dirname "$0")/lib.sh"
steps=4
# Absolute, since cargo runs a benchmark in its crate's folder.
here="$PWD/crates/prepare/benches/versus"
made="$cache/bench-prepare"
photos="$cache/bench-photos"
python="$made/python/bin/python"

make_vips() {
    local flags
    read -ra flags < <(pkg-config --cflags --libs vips)
    cc -O2 -Wall -Wextra -o "$made/vips" "$here/vips.c" "${flags[@]}"
}

# The last of those that we may use: the kernel gives much of its own work to the first.
core() { taskset --cpu-list --pid $$ | sed 's/.*[ ,-]//'; }

# All run on one core, one after the other: libvips has a thread that computes and one that writes, and would else have two.
measure() {
    export TAGFLEET_BENCH_PHOTOS="$photos"
    export TAGFLEET_BENCH_VIPS="$made/vips"
    export TAGFLEET_BENCH_PILLOW="$python -B $here/pillow.py"
    export TAGFLEET_BENCH_REFERENCE="$python -B $here/reference.py"
    taskset --cpu-list "$(core)" cargo bench --locked --package prepare --bench versus
}

main() {
    step "What this machine lacks"
    scripts/setup.sh bench-prepare

    step "libvips, Pillow and the photos"
    mkdir -p "$made"
    make_vips
    make_environment "$made/python" "$here/requirements.txt" PIL "Pillow"
    "$python" "$here/photos.py" "$photos"

    step "Build"
    claim_target
    cargo bench --locked --package prepare --bench versus --no-run

    step "Photo to tile"
    measure
}

main "$@"
