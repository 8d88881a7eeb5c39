# shellcheck shell=bash disable=SC2034,SC2154
# A rolling restart under load, as an upgrade does it. To be sourced by fleet.sh, whose fleet it is.
rate=${FLEET_RATE:-50}   # requests a second
lasts_s=${FLEET_LASTS_S:-60}
rounds_of_restarts=${FLEET_RESTARTS:-3}

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

restart_migrator() {
    stop migrator && note_end migrator
    start_migrator
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
}
