#!/usr/bin/env bash
# scripts/dashboards.sh: whether dashboards and alerts ask for what there is. Starts a fleet of one process a role with RabbitMQ, Redis,
# its exporter, HAProxy and a Prometheus of its own, sends photos and a batch, and asks Prometheus what each rule and panel asks. Every
# metric must be there, every panel must have data, and no alert may fire.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/python.sh"
. "$(dirname "$0")/broker.sh"
steps=6
folder='' # of all that must go afterwards

finish() {
    trap '' INT TERM
    abandon_prepare
    stop_all
    [[ -z $folder ]] || rm -rf "$folder"
}

stop_all() {
    local name
    for name in prometheus edge; do stop "$name"; done
    for name in api migrator worker exporter samples redis rabbitmq epmd; do stop "$name"; done
}

choose_ports() {
    local list
    list=$(free_ports 14)
    read -r edge_port stats_port samples_port redis_port amqp_port epmd_port dist_port ctl_port api_port migrator_port worker_port \
        prometheus_port broker_metrics_port exporter_port <<<"$list"
}

start_servers() {
    # shellcheck disable=SC2034 # for broker.sh
    local broker_plugins=rabbitmq_prometheus broker_settings=("prometheus.tcp.ip = 127.0.0.1" "prometheus.tcp.port = $broker_metrics_port")
    start_broker
    start exporter "$logs/exporter.log" prometheus-redis-exporter --redis.addr "redis://127.0.0.1:$redis_port" \
        --web.listen-address "127.0.0.1:$exporter_port"
    await exporter "$logs/exporter.log" 10 listens "$exporter_port"
}

# start_role NAME PORT SETTINGS…
start_role() {
    local name=$1 port=$2
    shift 2
    start "$name" "$logs/$name.log" "${fleet[@]}" "$@" "$tagfleet" "$name"
    await "$name" "$logs/$name.log" 60 is_ready "$port" /readyz
}

start_roles() {
    local fleet origin="TAGFLEET_FETCH_ALLOW_ORIGINS=http://127.0.0.1:$samples_port"
    fleet=(env TAGFLEET_QUEUE_URL="amqp://guest:guest@127.0.0.1:$amqp_port/%2f" TAGFLEET_BUS_URL="redis://127.0.0.1:$redis_port/0"
        TAGFLEET_STORE_URL="file://$folder/store")
    start_role worker "$worker_port" TAGFLEET_WORKER_LISTEN="127.0.0.1:$worker_port" TAGFLEET_MODEL="$served"
    # Rows that fail are tried again soon.
    start_role migrator "$migrator_port" TAGFLEET_MIGRATOR_LISTEN="127.0.0.1:$migrator_port" "$origin" TAGFLEET_MIGRATE_PAUSE_MS=100
    # The language model has to write, however busy the machine is.
    start_role api "$api_port" TAGFLEET_LISTEN="127.0.0.1:$api_port" TAGFLEET_SHED_CAPTIONS=never "$origin"
    printf 'backend api\n    server api-1 127.0.0.1:%d\n' "$api_port" >"$folder/servers.cfg"
    start edge "$logs/edge.log" env TAGFLEET_EDGE="127.0.0.1:$edge_port" TAGFLEET_EDGE_STATS="127.0.0.1:$stats_port" \
        haproxy -db -f deploy/haproxy/haproxy.cfg -f "$folder/servers.cfg"
    await edge "$logs/edge.log" 10 is_ready "$edge_port" /readyz
}

# The settings of compose, with this fleet's addresses, a look each second and the rules beside them.
start_prometheus() {
    cp deploy/prometheus/rules.yml "$folder/"
    "$made/python/bin/python" -B deploy/observability/here.py "$folder/prometheus.yml" edge="$stats_port" api="$api_port" \
        migrator="$migrator_port" worker="$worker_port" rabbitmq="$broker_metrics_port" rabbitmq-queues="$broker_metrics_port" \
        redis="$exporter_port"
    start prometheus "$logs/prometheus.log" prometheus --config.file="$folder/prometheus.yml" --storage.tsdb.path="$folder/prometheus" \
        --web.listen-address="127.0.0.1:$prometheus_port"
    await prometheus "$logs/prometheus.log" 20 is_ready "$prometheus_port" /-/ready
}

main() {
    local edge_port stats_port samples_port redis_port amqp_port epmd_port dist_port ctl_port api_port migrator_port worker_port
    local prometheus_port broker_metrics_port exporter_port logs served told rabbitmq
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM

    step "What this machine lacks"
    scripts/setup.sh dashboards
    make_python

    step "Models and build, side by side"
    prepare build --package tagfleet

    step "Starting RabbitMQ, Redis and its exporter"
    choose_ports
    folder=$(mktemp -d)
    logs=target/dashboards
    rm -rf "$logs"
    mkdir -p "$logs"
    start_servers

    step "Starting a worker, a migrator, an API server, the edge and Prometheus"
    find_models
    serve_samples "$logs/samples.log" "$samples_port"
    start_roles
    start_prometheus

    step "Load, until every panel has data"
    "$made/python/bin/python" -B deploy/observability/live.py --tagfleet "$tagfleet" --api "http://127.0.0.1:$edge_port" \
        --samples "http://127.0.0.1:$samples_port" --folder "$TAGFLEET_MODELS_DIR/samples" --prometheus "http://127.0.0.1:$prometheus_port" --with "$told" ||
        die "dashboards and alerts ask for what is not there; logs are in $logs"

    step "Stopping"
    stop_all
}

main "$@"
