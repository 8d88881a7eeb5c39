#!/usr/bin/env bash
# scripts/fleet.sh: a whole fleet as processes of this machine: RabbitMQ, Redis, two workers, a migrator, two API servers,
# HAProxy before them. Tags the sample photos through the edge, shows who did what, and runs until Ctrl-C. It touches no server that is
# there already: ports, data and Erlang's port mapper are its own, and all of it is gone afterwards but for the logs.
#
#   FLEET_EXIT=1     ends after the samples; exit code 0 says that all went as it should
#   FLEET_APIS=2     API servers            FLEET_WORKERS=2  workers            FLEET_ROUNDS=4  times that the samples are tagged
#   FLEET_HANG_UPS=500  requests whose client leaves after 50 ms, through the edge; 95 % of them must be heard of
#   FLEET_RESTART=1  restarts every role FLEET_RESTARTS=3 times, one process after the other, under FLEET_RATE requests a
#                    second (15 a core) for FLEET_LASTS_S=120 seconds, and each time with a batch of FLEET_BATCH_ITEMS=300 images under way;
#                    none may fail, none be missing, none be there twice
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/broker.sh"
. "$(dirname "$0")/restart.sh"
. "$(dirname "$0")/hangup.sh"
apis=${FLEET_APIS:-2} workers=${FLEET_WORKERS:-2} rounds=${FLEET_ROUNDS:-4} restart=${FLEET_RESTART:-0}
steps=$((10 + restart))
folder='' # of all that must go afterwards

# Whatever ends the script, nothing that it started stays behind.
finish() {
    trap '' INT TERM
    abandon_prepare
    stop_all
    [[ -z $folder ]] || rm -rf "$folder"
}

# From the edge inwards, so that each finishes its work while what it needs is there.
unclean=()
stop_all() {
    local i
    stop load
    stop edge USR1 && note_end edge
    for ((i = 1; i <= apis; i++)); do stop "api-$i" && note_end "api-$i"; done
    stop migrator && note_end migrator
    for ((i = 1; i <= workers; i++)); do stop "worker-$i" && note_end "worker-$i"; done
    stop samples
    stop slow
    stop redis && note_end redis
    stop rabbitmq && note_end rabbitmq
    stop epmd
}

note_end() { ((ended == 0)) || unclean+=("$1"); }

choose_ports() {
    local list
    list=$(free_ports $((10 + apis + workers)) 8080)
    read -r edge_port stats_port samples_port redis_port amqp_port epmd_port dist_port ctl_port migrator_port slow_port api_port <<<"$list"
    read -ra api_ports <<<"$api_port"
    worker_ports=("${api_ports[@]:apis}")
}

# What every process of the fleet is told.
# Without the cache of results: the samples come several times, and the workers are to work.
fleet=(env TAGFLEET_CACHE="${TAGFLEET_CACHE:-off}")
start_role() {
    local name=$1 role=$2
    shift 2
    start "$name" "$logs/$name.log" "${fleet[@]}" "$@" "$tagfleet" "$role"
}

# Workers share the cores rather than each taking all of them.
start_worker() {
    local cores each
    cores=$(nproc)
    each=$((cores / workers > 0 ? cores / workers : 1))
    start_role "worker-$1" worker TAGFLEET_WORKER_NAME="worker-$1" TAGFLEET_WORKER_LISTEN="127.0.0.1:${worker_ports[$1 - 1]}" \
        TAGFLEET_ENGINE_THREADS="${TAGFLEET_ENGINE_THREADS:-$each}" TAGFLEET_CAPTION_THREADS="${TAGFLEET_CAPTION_THREADS:-$each}"
}

start_workers() {
    local i
    for ((i = 1; i <= workers; i++)); do start_worker "$i"; done
    for ((i = 1; i <= workers; i++)); do
        await "worker-$i" "$logs/worker-$i.log" 60 is_ready "${worker_ports[i - 1]}" /readyz
    done
}

start_migrator() {
    start_role migrator migrator TAGFLEET_MIGRATOR_NAME=migrator-1 TAGFLEET_MIGRATOR_LISTEN="127.0.0.1:$migrator_port" \
        TAGFLEET_FETCH_ALLOW_ORIGINS="http://127.0.0.1:$samples_port,http://127.0.0.1:$slow_port"
    await migrator "$logs/migrator.log" 30 is_ready "$migrator_port" /readyz
}

start_api() {
    start_role "api-$1" api TAGFLEET_API_NAME="api-$1" TAGFLEET_LISTEN="127.0.0.1:${api_ports[$1 - 1]}" \
        TAGFLEET_SAMPLES="$TAGFLEET_MODELS_DIR/samples" \
        TAGFLEET_FETCH_ALLOW_ORIGINS="http://127.0.0.1:$samples_port,http://127.0.0.1:$slow_port"
}

start_apis() {
    local i
    for ((i = 1; i <= apis; i++)); do start_api "$i"; done
    for ((i = 1; i <= apis; i++)); do await "api-$i" "$logs/api-$i.log" 30 is_ready "${api_ports[i - 1]}" /readyz; done
}

start_edge() {
    local i
    {
        echo "backend api"
        for ((i = 1; i <= apis; i++)); do echo "    server api-$i 127.0.0.1:${api_ports[i - 1]}"; done
    } >"$folder/servers.cfg"
    if ((edge_port != 8080)); then say "port 8080 is taken, so the edge listens on $edge_port"; fi
    start edge "$logs/edge.log" env TAGFLEET_EDGE="127.0.0.1:$edge_port" TAGFLEET_EDGE_STATS="127.0.0.1:$stats_port" \
        haproxy -db -f deploy/haproxy/haproxy.cfg -f "$folder/servers.cfg"
    await edge "$logs/edge.log" 10 is_ready "$edge_port" /readyz
}

# metric PORT NAME: the sum over the labels of one Prometheus counter.
metric() {
    http "$1" /metrics | awk -v name="$2" 'index($1, name "{") == 1 || $1 == name { sum += $NF } END { printf "%d", sum }'
}

# share NAME PORT METRIC: one line of who did what; nobody should have idled.
idle=()
share() {
    local count
    if ! running "$1"; then
        say "$(printf '%-12s has ended, its log is %s' "$1" "$logs/$1.log")"
        return
    fi
    count=$(metric "$2" "$3")
    say "$(printf '%-12s %4d images' "$1" "$count")"
    ((count > 0)) || idle+=("$1")
}

show_shares() {
    local i
    for ((i = 1; i <= apis; i++)); do share "api-$i" "${api_ports[i - 1]}" tagfleet_requests_total; done
    for ((i = 1; i <= workers; i++)); do share "worker-$i" "${worker_ports[i - 1]}" tagfleet_jobs_total; done
}

# A quorum queue counts its messages anew every five seconds.
await_counts() {
    local try
    for ((try = 0; try < 20; try++)); do
        [[ $(rabbitmqctl list_queues messages --no-table-headers | sort -u) == 0 ]] && return
        sleep 1
    done
}

left=0
show_queues() {
    local queues name messages consumers
    await_counts
    queues=$(rabbitmqctl list_queues name messages consumers --no-table-headers)
    while read -r name messages consumers; do
        [[ -n $name ]] || continue
        say "$(printf '%-24s %4d messages, %d consumers' "$name" "$messages" "$consumers")"
        left=$((left + messages))
    done < <(sort <<<"$queues")
}

tell_where() {
    say "edge     http://127.0.0.1:$edge_port/ (page), /docs (API)"
    say "stats    http://127.0.0.1:$stats_port/"
    say "logs     $logs/"
    say "try      $tagfleet tag --api http://127.0.0.1:$edge_port <a photo, folder or URL>"
}

# Ctrl-C is the ordinary end here and no failure. Whoever dies meanwhile is told of, and the others go on, as a fleet does.
stay() {
    local asked=0 gone name
    trap 'asked=1' INT TERM
    printf '\nRunning. Ctrl-C ends it.\n'
    while ((asked == 0 && ${#pids[@]} > 0)); do
        wait -n -p gone "${pids[@]}" 2>/dev/null || true
        for name in "${!pids[@]}"; do
            [[ ${pids[$name]} == "${gone:-}" ]] || continue
            say "$name has ended; its log is $logs/$name.log"
            unset "pids[$name]"
        done
    done
}

judge() {
    ((failed == 0)) || die "not every image was tagged, or not every client that left was heard of"
    ((left == 0)) || die "$left messages were left in the queues"
    ((${#idle[@]} == 0)) || die "did nothing: ${idle[*]}"
    ((${#unclean[@]} == 0)) || die "did not end cleanly: ${unclean[*]}; logs are in $logs"
}

main() {
    local failed=0 edge_port stats_port samples_port redis_port amqp_port epmd_port dist_port ctl_port migrator_port slow_port api_port
    local api_ports worker_ports rabbitmq logs samples=()
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM

    step "What this machine lacks"
    scripts/setup.sh fleet

    step "Models and build, side by side (from nothing this takes minutes, once)"
    if ((restart)); then prepare build --package tagfleet --package loadtest; else prepare build --package tagfleet; fi

    step "Starting RabbitMQ and Redis"
    choose_ports
    folder=$(mktemp -d)
    logs="target/fleet/$edge_port"
    rm -rf "$logs"
    mkdir -p "$logs"
    start_broker

    step "Starting $workers workers, a migrator, $apis API servers and the edge"
    fleet+=(TAGFLEET_QUEUE_URL="amqp://guest:guest@127.0.0.1:$amqp_port/%2f" TAGFLEET_BUS_URL="redis://127.0.0.1:$redis_port/0"
        TAGFLEET_STORE_URL="file://$folder/store")
    start_workers
    start_migrator
    start_apis
    start_edge

    step "Tagging the samples $rounds times through the edge"
    serve_samples "$logs/samples.log" "$samples_port"
    sample_urls "$samples_port"
    "$tagfleet" tag --api "http://127.0.0.1:$edge_port" --concurrency 4 --repeat "$rounds" "${samples[@]}" || failed=1

    step "Who did what"
    show_shares

    step "Clients that hang up"
    hang_up "${samples[0]}"

    if ((restart)); then
        step "Restarting every role under $rate requests a second"
        restart_under_load
    fi

    step "Queues afterwards"
    show_queues

    step "Where everything is"
    tell_where
    [[ ${FLEET_EXIT:-} == 1 ]] || stay

    step "Stopping, from the edge inwards"
    trap '' INT TERM
    stop_all
    judge
}

main "$@"
