# shellcheck shell=bash
# The profiles of docker-compose.yml that add to its core. To be sourced after fleet.sh.

# Every role is seen by Prometheus, as Prometheus itself says.
observe() {
    local since
    since=$(now_ms)
    export COMPOSE_PROFILES=observability
    up prometheus
    await_health prometheus
    until targets_are_up >/dev/null; do
        (($(now_ms) - since < 60000)) || { targets_are_up || die "Prometheus does not see every role after 60 s"; }
        sleep 1
    done
    targets_are_up
}

targets_are_up() { http "$PROMETHEUS_PORT" '/api/v1/targets?state=active' | deploy/check/targets.py edge api migrator worker rabbitmq rabbitmq-queues; }

# A short scenario through the edge. How quick this machine is does not matter, that every request is answered does.
load() {
    local said status=0
    said=$(LOADTEST_SHAPE=${CHECK_SHAPE:-poisson:5} LOADTEST_SECONDS=15 compose --profile loadtest run --rm -T loadtest 2>&1) || status=$?
    grep -vE '^(Creating|Starting) |^ *[0-9]+ s |^[0-9]+$' <<<"$said" | sed 's/^/  /'
    # 1: the objective was missed, which may be this machine's fault; a request that failed is ours.
    if ((status > 1)) || grep -q '^failed ' <<<"$said"; then die "not every request was answered"; fi
}
