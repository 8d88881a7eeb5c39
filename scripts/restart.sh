# shellcheck shell=bash disable=SC2034,SC2154
# A rolling restart under load, as an upgrade does it. To be sourced by fleet.sh, whose fleet it is.
rate=${FLEET_RATE:-$((15 * $(nproc)))} # requests a second: half of what a core does in a whole fleet beside a batch
lasts_s=${FLEET_LASTS_S:-120}
rounds_of_restarts=${FLEET_RESTARTS:-3}
batch_items=${FLEET_BATCH_ITEMS:-300} # of a batch a round

restart_worker() {
    stop "worker-$1" && note_end "worker-$1"
    start_worker "$1"
    await "worker-$1" "$logs/worker-$1.log" 60 is_ready "${worker_ports[$1 - 1]}" /readyz
}

# The next one waits until the edge has looked twice, a second apart, as a rollout's `minReadySeconds` does: what the edge says
# sooner may be of before.
restart_api() {
    stop "api-$1" TERM 70 && note_end "api-$1"
    start_api "$1"
    await "api-$1" "$logs/api-$1.log" 30 is_ready "${api_ports[$1 - 1]}" /readyz
    sleep 2.5
}

# A batch is sent first, and the migrator stopped once it works on that: a restart between two batches would prove nothing. The API
# servers then restart while it goes on.
restart_migrator() {
    submit_batch
    await_work
    stop migrator && note_end migrator
    note_unfinished
    start_migrator
}

batches=()
unfinished=0 # batches that a migrator left
batch() { "$tagfleet" batch --api "http://127.0.0.1:$edge_port" "$@"; }

# A batch is of the same photos, each time by another URL.
submit_batch() {
    local list="$logs/batch-${#batches[@]}.ndjson" i
    for ((i = 0; i < batch_items; i++)); do
        printf '{"custom_id": "item %d", "url": "%s?%d"}\n' "$i" "${samples[i % ${#samples[@]}]}" "$i"
    done >"$list"
    batches+=("$(batch submit --no-caption "$list")")
}

await_work() {
    local since
    since=$(now_ms)
    until (($(metric "$migrator_port" tagfleet_migrate_items_total) > 0)); do
        (($(now_ms) - since < 60000)) || show_log "$logs/migrator.log" "the migrator did nothing of a batch in 60 s"
        sleep 0.05
    done
}

note_unfinished() {
    local finished
    finished=$(batch status "${batches[-1]}" | python3 -S -c 'import json, sys; c = json.load(sys.stdin)["request_counts"]; print(c["completed"] + c["failed"])')
    say "the migrator left a batch with $finished of $batch_items images done"
    ((finished >= batch_items)) || unfinished=$((unfinished + 1))
}

restart_all() {
    local round i
    for ((round = 1; round <= rounds_of_restarts; round++)); do
        for ((i = 1; i <= workers; i++)); do restart_worker "$i"; done
        restart_migrator
        for ((i = 1; i <= apis; i++)); do restart_api "$i"; done
    done
}

# Every request that was due was sent, and every one was answered with tags.
judge_load() {
    python3 -S - "$1" <<'EOP' || failed=1
import json, sys
outcome = json.load(open(sys.argv[1]))
sent, ok, failed = outcome["sent"], outcome["ok"], outcome["failed"]
print(f"  {sent} requests, {ok} answered with tags, failed: {failed or 'none'}")
print(f"  p50 {outcome['latency']['p50_ms']:.0f} ms, p99 {outcome['latency']['p99_ms']:.0f} ms")
print(f"RESULT sent={sent} ok={ok} lost={sent - ok - sum(failed.values())} failed={sum(failed.values())}")
sys.exit(sent == 0 or sent != ok)
EOP
}

# Each batch ends, with a result for every image, once.
judge_batches() {
    local id
    for id in "${batches[@]}"; do
        batch status "$id" --watch || failed=1
        batch results "$id" 2>/dev/null >"$logs/$id.ndjson" || failed=1
    done
    python3 -S - "$batch_items" "$unfinished" "${batches[@]/#/$logs/}" <<'EOP' || failed=1
import json, sys
items, unfinished, batches = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
wanted = {f"item {n}" for n in range(items)}
missing = twice = 0
for batch in batches:
    names = [json.loads(line)["custom_id"] for line in open(batch + ".ndjson")]
    missing += len(wanted - set(names))
    twice += len(names) - len(set(names))
print(f"RESULT batches={len(batches)} unfinished={unfinished} images={items * len(batches)} missing={missing} twice={twice}")
sys.exit(missing + twice > 0 or unfinished == 0)
EOP
}

restart_under_load() {
    local images=("$TAGFLEET_MODELS_DIR"/samples/*.jpg)
    start load "$logs/load.log" "$loadtest" run --service "http://127.0.0.1:$edge_port" \
        --shape "constant:$rate" --seconds "$lasts_s" --slo-ms 10000 --timeout-ms 10000 --json "$logs/load.json" "${images[@]/#/--image=}"
    sleep 5
    restart_all
    running load || die "the load of $lasts_s s ended before the last restart: FLEET_LASTS_S=$((lasts_s * 2))"
    say "all were restarted; the load goes on to its end"
    wait "${pids[load]}" || true
    unset "pids[load]"
    [[ -s $logs/load.json ]] || show_log "$logs/load.log" "the load was not measured"
    judge_load "$logs/load.json"
    judge_batches
}
