#!/usr/bin/env bash
# scripts/mixed-versions.sh OLD_BINARY: an older `tagfleet` beside the one that is built here, with RabbitMQ and Redis of the script's own.
# Each round mixes old and new roles otherwise, under load and with a batch beside it: every request has to be answered with tags, every image
# of the batch has to be there once, and nothing may be a dead letter. At last today's API server asks for what only a new worker reads.
#
#   MIXED_RATE=8       requests a second
#   MIXED_SECONDS=15   of load in each round
#   MIXED_ITEMS=60     images of each batch
#   MIXED_OLD_MODELS   the older worker's models: its `models/build.py --dir FOLDER --only onnxruntime efficientnet-lite0 samples` makes them.
#                      It may not know what a newer graph gives out
#
#   git worktree add ../before COMMIT && (cd ../before && cargo build --profile quick --bin tagfleet) makes an older one
set -euo pipefail
old=$(realpath "${1:?the older tagfleet}")
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/broker.sh"
rate=${MIXED_RATE:-8} seconds=${MIXED_SECONDS:-15} items=${MIXED_ITEMS:-60}
# API server, migrator, worker: all mixtures of two versions, in the order in which a rollout passes through them and back.
mixtures=(old:old:new old:new:new new:new:old new:old:old old:new:old new:old:new)
steps=$((${#mixtures[@]} + 5))
folder='' wrong=0

finish() {
    trap '' INT TERM
    abandon_prepare
    local name
    for name in load load-2 api-1 api-2 migrator-1 migrator-2 worker-1 worker-2 samples redis rabbitmq epmd; do stop "$name" >/dev/null; done
    [[ -z $folder ]] || rm -rf "$folder"
}

choose_ports() {
    local list
    list=$(free_ports 12)
    read -r samples_port redis_port amqp_port epmd_port dist_port ctl_port list <<<"$list"
    read -ra ports <<<"$list"
}

models_of() { if [[ $1 == old ]]; then echo "${MIXED_OLD_MODELS:-$TAGFLEET_MODELS_DIR}"; else echo "$TAGFLEET_MODELS_DIR"; fi; }
binary_of() { if [[ $1 == old ]]; then echo "$old"; else echo "$tagfleet"; fi; }

# begin ROLE NUMBER VERSION PORT: one process, until it is ready. What a version does not know of the settings it leaves.
begin() {
    local name="$1-$2"
    start "$name" "$logs/$name.log" env TAGFLEET_QUEUE_URL="amqp://guest:guest@127.0.0.1:$amqp_port/%2f" \
        TAGFLEET_BUS_URL="redis://127.0.0.1:$redis_port/0" TAGFLEET_STORE_URL="file://$folder/store" TAGFLEET_CACHE=off \
        TAGFLEET_CAPTIONER=template TAGFLEET_MODEL=efficientnet-lite0 TAGFLEET_MODELS_DIR="$(models_of "$3")" TAGFLEET_FETCH_ALLOW_ORIGINS="http://127.0.0.1:$samples_port" \
        TAGFLEET_LISTEN="127.0.0.1:$4" TAGFLEET_MIGRATOR_LISTEN="127.0.0.1:$4" TAGFLEET_WORKER_LISTEN="127.0.0.1:$4" \
        TAGFLEET_API_NAME="$name" TAGFLEET_MIGRATOR_NAME="$name" TAGFLEET_WORKER_NAME="$name" "$(binary_of "$3")" "$1"
    await "$name" "$logs/$name.log" 60 is_ready "$4" /readyz >/dev/null
}

end() {
    stop "$1" TERM 70 >/dev/null
    ((ended == 0)) || { say "$1 ended with $ended" && wrong=1; }
}

# load NUMBER PORT RATE: in the background.
load() {
    rm -f "$logs/load-$1.json"
    start "load-$1" "$logs/load.log" "$loadtest" run --service "http://127.0.0.1:$2" --shape "constant:$3" --seconds "$seconds" --slo-ms 10000 --timeout-ms 10000 \
        --json "$logs/load-$1.json" "${photos[@]/#/--image=}"
}

# A batch in another version's hands: the older program's own command sends it to the older server.
submit() {
    local i
    for ((i = 0; i < items; i++)); do
        printf '{"custom_id": "item %d", "url": "%s?%d"}\n' "$i" "${samples[i % ${#samples[@]}]}" "$i"
    done >"$logs/list.ndjson"
    "$(binary_of "$1")" batch --api "http://127.0.0.1:$2" submit --no-caption "$logs/list.ndjson"
}

# judge WORDS BATCH PORT LOADS: one line, and whether all of it is as it should be.
judge() {
    local words=$1 batch=$2 port=$3 dead
    shift 3
    timeout 120 "$tagfleet" batch --api "http://127.0.0.1:$port" status "$batch" --watch >/dev/null 2>&1 || true
    "$tagfleet" batch --api "http://127.0.0.1:$port" results "$batch" 2>/dev/null >"$logs/results.ndjson" || true
    dead=$(rabbitmqctl list_queues name messages --no-table-headers | awk '/dead/ { sum += $2 } END { print sum + 0 }')
    python3 -S - "$words" "$items" "$dead" "$logs/results.ndjson" "$@" <<'EOP' || wrong=1
import json, sys
words, items, dead, results, *loads = sys.argv[1:]
loads = [json.load(open(path)) for path in loads]
sent, ok = sum(load["sent"] for load in loads), sum(load["ok"] for load in loads)
failed = {code: count for load in loads for code, count in load["failed"].items()}
slowest = max(load["latency"]["p99_ms"] for load in loads)
lines = [json.loads(line) for line in open(results)]
names = {line["custom_id"] for line in lines if not line.get("error")}
print(f"RESULT {words} sent={sent} answered={ok} failed={failed or 0} p99_ms={slowest:.0f} batch={len(names)}_of_{items} twice={len(lines) - len({l['custom_id'] for l in lines})} dead={dead}")
sys.exit(sent == 0 or ok != sent or len(names) != int(items) or len(lines) != int(items) or dead != "0")
EOP
}

# mix API MIGRATOR WORKER
mix() {
    local batch
    begin worker 1 "$3" "${ports[0]}"
    begin migrator 1 "$2" "${ports[1]}"
    begin api 1 "$1" "${ports[2]}"
    load 1 "${ports[2]}" "$rate"
    batch=$(submit "$1" "${ports[2]}")
    wait "${pids[load-1]}" || true
    unset "pids[load-1]"
    judge "api=$1 migrator=$2 worker=$3" "$batch" "${ports[2]}" "$logs/load-1.json"
    end api-1
    end migrator-1
    end worker-1
}

# As in the midst of a rollout: one of each version of every role, which take from the same queues.
half_and_half() {
    local batch role
    for role in worker:0 migrator:2 api:4; do
        begin "${role%:*}" 1 old "${ports[${role#*:}]}"
        begin "${role%:*}" 2 new "${ports[${role#*:} + 1]}"
    done
    load 1 "${ports[4]}" $((rate / 2))
    load 2 "${ports[5]}" $((rate / 2))
    batch=$(submit new "${ports[5]}")
    wait "${pids[load-1]}" || true
    wait "${pids[load-2]}" || true
    unset "pids[load-1]" "pids[load-2]"
    judge "half=old half=new" "$batch" "${ports[5]}" "$logs/load-1.json" "$logs/load-2.json"
}

# ask PORT: a word of the caller's own, which is of a later version of jobs than some workers read.
ask() {
    "$tagfleet" tag --api "http://127.0.0.1:$1" --vocabulary <(echo 'pet = cat | dog') --json "${photos[0]}" 2>&1 || true
}

# Both workers take from one queue. What only one of them reads is refused while the other is there, and served once it has gone.
too_new() {
    local said
    said=$(ask "${ports[5]}")
    [[ $said == *no_workers* ]] || { say "while an older worker was there: $said" && wrong=1; }
    end worker-1
    said=$(ask "${ports[5]}")
    [[ $said == *'"tags"'* ]] || { say "once it had gone: $said" && wrong=1; }
    ((wrong)) || say "refused with no_workers beside an older worker, and answered once it had gone"
}

main() {
    local mixture photos samples=()
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM

    step "What this machine lacks"
    scripts/setup.sh fleet

    step "Models and build"
    prepare build --package tagfleet --package loadtest
    photos=("$TAGFLEET_MODELS_DIR"/samples/*.jpg)
    say "old: $("$old" --version), new: $("$tagfleet" --version)"

    step "Starting RabbitMQ and Redis"
    choose_ports
    folder=$(mktemp -d) logs=target/mixed-versions
    rm -rf "$logs"
    mkdir -p "$logs"
    start_broker
    serve_samples "$logs/samples.log" "$samples_port"
    sample_urls "$samples_port"

    for mixture in "${mixtures[@]}"; do
        step "API server, migrator, worker: $mixture"
        # shellcheck disable=SC2086
        mix ${mixture//:/ }
    done
    step "Half of each role is old"
    half_and_half

    step "What only a new worker reads"
    too_new
    ((wrong == 0)) || die "not all was well, see above; logs are in $logs"
}

main "$@"
