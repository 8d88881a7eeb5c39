#!/usr/bin/env bash
# scripts/demo.sh: builds Tagfleet and its models, starts it, tags the sample photos, and keeps it running until Ctrl-C.
# DEMO_EXIT=1 ends after the samples: exit code 0 says that every one was tagged.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
steps=6
samples=()

# Whatever ends the script, nothing that it started stays behind.
finish() {
    trap '' INT TERM
    abandon_prepare
    stop tagfleet
    stop samples
}

start_service() {
    if ((port != 8080)); then say "port 8080 is taken, so it listens on $port"; fi
    start tagfleet "$log" env TAGFLEET_LISTEN="127.0.0.1:$port" TAGFLEET_FETCH_ALLOW_ORIGINS="http://127.0.0.1:$origin" \
        TAGFLEET_MODEL="$served" TAGFLEET_CAPTION_START=background "$tagfleet" serve
    await tagfleet "$log" 60 is_ready "$port" /readyz
}

# From nothing it takes 440 s of one core of a fast machine (docs of `make bench-cold`), and three times as long on a slow one.
tell_how_long() {
    local cores
    cores=$(nproc)
    if [[ -x $tagfleet ]]; then
        say "seconds where this clone has been built before, else up to two minutes"
    else
        say "from nothing about $((440 / cores / 60 + 1)) to $((3 * 440 / cores / 60 + 1)) minutes on $cores cores; later seconds"
    fi
}

tell_where() {
    say "page     http://127.0.0.1:$port/"
    say "API      http://127.0.0.1:$port/docs"
    say "metrics  http://127.0.0.1:$port/metrics"
    say "log      $log"
    say "try      $tagfleet tag --api http://127.0.0.1:$port --with $told <a photo, folder or URL>"
}

# Ctrl-C is the ordinary end here and no failure; that the service ended by itself is one.
stay() {
    local asked=0
    trap 'asked=1' INT TERM
    printf '\nRunning. Ctrl-C ends it.\n'
    wait "${pids[tagfleet]}" || true
    ((asked)) || show_log "$log" "tagfleet ended by itself"
}

shut_down() {
    step "Stopping"
    stop tagfleet
    ((ended == 0)) || die "tagfleet did not end cleanly, see $log"
    stop samples
}

main() {
    local failed=0 served told port origin ports log
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM

    step "What this machine lacks"
    tell_how_long
    scripts/setup.sh build

    step "Models and build, side by side"
    prepare_tagging build --package tagfleet

    step "Starting tagfleet and an origin for the sample photos"
    ports=$(free_ports 2 8080)
    read -r port origin <<<"$ports"
    mkdir -p target/demo
    log="target/demo/$port.log"
    : >"$log"
    serve_samples "target/demo/$port-samples.log" "$origin"
    find_models
    start_service

    step "Tagging the sample photos by URL"
    sample_urls "$origin"
    "$tagfleet" tag --api "http://127.0.0.1:$port" --with "$told" --timings "${samples[@]}" || failed=1

    step "Where everything is"
    tell_where
    [[ ${DEMO_EXIT:-} == 1 ]] || stay
    shut_down
    ((failed == 0)) || die "not every sample was tagged"
}

main "$@"
