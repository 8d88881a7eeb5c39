#!/usr/bin/env bash
# scripts/bench-stream.sh: a list of millions of lines streams into an API server, which is killed half-way and started
# anew. How much memory it takes, and whether the list is whole.
#
#   BATCH_LINES=5000000   lines of the list
set -euo pipefail
profile=release
. "$(dirname "$0")/lib.sh"
steps=4
lines=${BATCH_LINES:-5000000}
folder='' # of all that must go afterwards

finish() {
    trap '' INT TERM
    abandon_prepare
    stop api
    [[ -z $folder ]] || rm -rf "$folder"
}

make_list() {
    python3 -S - "$lines" >"$folder/list.ndjson" <<'EOP'
import sys
out = sys.stdout.write
for n in range(int(sys.argv[1])):
    out('{"custom_id":"photo-%d","url":"https://images.example.com/album/%d/photo-%d.jpg"}\n' % (n, n // 1000, n))
EOP
}

# What the server holds now, and the most that it has held, MiB.
memory_mib() { awk -v field="$1:" '$1 == field { printf "%d", $2 / 1024 }' "/proc/${pids[api]}/status"; }

start_api() {
    start api "$folder/api.log" env TAGFLEET_LISTEN="127.0.0.1:$port" TAGFLEET_STORE_URL="file://$folder/store" \
        "$tagfleet" api
    await api "$folder/api.log" 30 is_ready "$port" /healthz
}

stored_shards() { find "$folder/store/batches" -path '*/shards/*' -name '*.ndjson' 2>/dev/null | wc -l; }

# Sends the list as users do; the client tries again by itself.
submit() { "$tagfleet" batch --api "http://127.0.0.1:$port" submit "$folder/list.ndjson" --no-caption >"$folder/id"; }

# kill_at SHARDS: once so many are stored.
kill_at() {
    until (($(stored_shards) >= $1)); do sleep 0.2; done
    say "killed with $(stored_shards) shards stored"
    stop api KILL
    start_api
}

measure() {
    local idle before after peak sealed counted sent
    start_api
    idle=$(memory_mib VmRSS)
    before=$(now_ms)
    submit
    sent=$(($(now_ms) - before))
    peak=$(memory_mib VmHWM)
    stop api
    rm -rf "$folder/store"

    start_api
    submit &
    sender=$!
    kill_at $((lines / 20000))
    wait "$sender"
    after=$(memory_mib VmHWM)
    sealed=$(find "$folder/store/batches" -name sealed.json -exec cat {} +)
    counted=$(find "$folder/store/batches" -path '*/shards/*' -name '*.ndjson' -exec cat {} + | sort -u | wc -l)
    say "sealed as $sealed, $counted different lines"
    [[ $sealed == *"\"total\":$lines,"* ]] || die "the list is not whole"
    ((counted == lines)) || die "lines are missing"
    mkdir -p target/bench
    printf '{"lines": %d, "stream_mb": %d, "resumed_mb": %d, "lines_per_s": %d}\n' \
        "$lines" $((peak - idle)) $((after - idle)) $((lines * 1000 / sent)) >target/bench/stream.json
    printf 'RESULT lines=%d stream_mb=%d resumed_mb=%d lines_per_s=%d\n' \
        "$lines" $((peak - idle)) $((after - idle)) $((lines * 1000 / sent))
}

main() {
    local port sender
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM

    step "What this machine lacks"
    scripts/setup.sh build

    step "Build"
    prepare build --workspace --bins

    step "A list of $lines lines"
    folder=$(mktemp -d)
    port=$(free_ports 1)
    make_list

    step "It streams in, and once more with the server killed half-way"
    measure
}

main "$@"
