#!/usr/bin/env bash
# deploy/check/run.sh: builds the images, runs the core of docker-compose.yml, tags the samples through the edge, kills an API
# server and a worker, and tags them again. Everything is removed afterwards but the images.
#
#   CHECK_BUILD=1    compiles the binary in the image (20 minutes on two cores) instead of taking the one that is built here
#   CHECK_PULL=1     on the real bases, from their registries, instead of stand-ins out of Debian's packages
set -euo pipefail
. "$(dirname "$0")/../../scripts/lib.sh"
. deploy/check/engine.sh
. deploy/check/bases.sh
steps=8
largest_mb=150 # the image for processors, without models

finish() {
    trap '' INT TERM
    abandon_prepare
    [[ -z ${started:-} ]] || compose down --volumes --timeout 5 >/dev/null 2>&1 || true
    rm -rf target/given
    stop_engine
}

# What the build takes ready-made from this machine.
give() {
    rm -rf target/given
    mkdir -p target/given
    cp -R "$TAGFLEET_MODELS_DIR" target/given/models
    rm -rf target/given/models/.build
    export MODELS_FROM=given
    if [[ ${CHECK_BUILD:-} == 1 ]]; then return; fi
    mkdir target/given/bin
    cp "$tagfleet" target/given/bin/tagfleet
    strip --strip-debug target/given/bin/tagfleet
    export BINARY=given
}

stand_in() {
    make_runtime
    make_servers
    make_haproxy
    export RUNTIME_IMAGE=tagfleet-check/runtime SHELL_IMAGE=tagfleet-check/servers
    export RABBITMQ_IMAGE=tagfleet-check/servers REDIS_IMAGE=tagfleet-check/servers HAPROXY_IMAGE=tagfleet-check/haproxy
    RABBITMQ_USER_ID=$(user_of rabbitmq) REDIS_USER_ID=$(user_of valkey)
    export RABBITMQ_USER_ID REDIS_USER_ID
}

# build TARGET IMAGE
build() {
    local name arguments=()
    for name in RUST_IMAGE PYTHON_IMAGE RUNTIME_IMAGE SHELL_IMAGE BINARY MODELS_FROM; do
        [[ -z ${!name:-} ]] || arguments+=(--build-arg "$name=${!name}")
    done
    docker build --quiet --file deploy/Dockerfile --target "$1" --tag "$2" "${arguments[@]}" . >/dev/null
    say "$(printf '%-12s %4d MB' "$1" "$(megabytes "$2")")"
}

megabytes() { echo $(($(docker image inspect --format '{{.Size}}' "$1") / 1000000)); }

containers=(edge api-1 api-2 migrator worker-1 worker-2 rabbitmq redis)
container() { compose ps --quiet "$1"; }
health() { docker inspect --format '{{if .State.Health}}{{.State.Health.Status}}{{end}}' "$(container "$1")" 2>/dev/null; }

await_health() {
    local name since
    since=$(now_ms)
    for name in "$@"; do
        until [[ $(health "$name") == healthy ]]; do
            (($(now_ms) - since < 120000)) || { compose logs --tail 20 "$name" && die "$name is not healthy after 120 s"; }
            sleep 0.5
        done
    done
    say "healthy after $(took "$since") s: $*"
}

# The process itself, as a crash would: what the engine is told to kill it would leave dead.
crash() {
    kill -s KILL "$(docker inspect --format '{{.State.Pid}}' "$(container "$1")")"
    say "killed $1"
}

tag_samples() {
    "$tagfleet" tag --api "http://127.0.0.1:$EDGE_PORT" --concurrency 2 --repeat 4 "$TAGFLEET_MODELS_DIR"/samples/*.[jp][pn]g || failed=1
}

main() {
    local failed=0 started='' ports
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM

    step "What this machine lacks"
    scripts/setup.sh engine

    step "Models and binary"
    if [[ -n ${TAGFLEET_BINARY:-} ]]; then tagfleet=$TAGFLEET_BINARY; else prepare --package tagfleet; fi

    step "Docker engine"
    find_engine

    step "Bases"
    if [[ ${CHECK_PULL:-} != 1 ]]; then stand_in; fi

    step "Images"
    give
    build cpu tagfleet:check
    build models tagfleet-models:check
    (($(megabytes tagfleet:check) <= largest_mb)) || die "the image without models is larger than $largest_mb MB"

    step "The core of docker-compose.yml"
    deploy/secrets.sh
    ports=$(free_ports 2 8080)
    read -r EDGE_PORT STATS_PORT <<<"$ports"
    export EDGE_PORT STATS_PORT TAGFLEET_IMAGE=tagfleet:check TAGFLEET_MODELS_IMAGE=tagfleet-models:check
    started=1
    compose up --detach --no-build 2>&1 | grep -v '^Creating' || true
    await_health "${containers[@]}"
    tag_samples

    step "One API server and one worker die"
    crash api-1
    crash worker-1
    tag_samples
    await_health "${containers[@]}"

    step "Summary"
    docker images --format '  {{.Repository}}:{{.Tag}}  {{.Size}}' | grep -E 'tagfleet(-models)?:check' || true
    if [[ ${CHECK_PULL:-} != 1 ]]; then say "bases were stand-ins: Debian's packages in place of distroless, rabbitmq, valkey and haproxy images"; fi
    if [[ ${CHECK_BUILD:-} != 1 ]]; then say "the binary was built on this machine, not in the image"; fi
    ((failed == 0)) || die "not every sample was tagged"
    say "every sample was tagged, before and after"
}

main "$@"
