# shellcheck shell=bash
# The containers of docker-compose.yml. To be sourced after scripts/lib.sh and deploy/check/engine.sh.
# shellcheck disable=SC2034 # for run.sh
core=(edge api-1 api-2 migrator worker-1 worker-2 rabbitmq redis objects)

container() { compose ps --all --quiet "$1"; }
health() { docker inspect --format '{{if .State.Health}}{{.State.Health.Status}}{{end}}' "$(container "$1")" 2>/dev/null; }

# settle: ports and names, for docker-compose.yml.
settle() {
    local ports
    deploy/secrets.sh
    ports=$(free_ports 3 8080)
    read -r EDGE_PORT STATS_PORT PROMETHEUS_PORT <<<"$ports"
    export EDGE_PORT STATS_PORT PROMETHEUS_PORT
    export TAGFLEET_IMAGE=tagfleet:check TAGFLEET_MODELS_IMAGE=tagfleet-models:check TAGFLEET_LOADTEST_IMAGE=tagfleet-loadtest:check
}

up() { compose up --detach --no-build "$@" 2>&1 | grep -v '^Creating' || true; }

# As a newcomer does it: compose builds by itself, all its images at once. Every step of them is in the builder's cache by now.
up_building() {
    local log="${cache:?}/compose-check/up.log"
    compose up --detach --build >"$log" 2>&1 || show_log "$log" "docker compose up --build failed"
    rm -rf target/given
    say "docker compose up --build built and started the core"
}

await_health() {
    local name since
    since=$(now_ms)
    for name in "$@"; do
        until [[ $(health "$name") == healthy ]]; do
            (($(now_ms) - since < 180000)) || { compose logs --tail 20 "$name" && die "$name is not healthy after 180 s"; }
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
    local answers all tagged workers
    # shellcheck disable=SC2034 # for run.sh
    answers=$(target/taken/tagfleet tag --json --api "http://127.0.0.1:$EDGE_PORT" --concurrency 2 --repeat 4 target/taken/samples/*.[jp][pn]g) || failed=1
    all=$(wc -l <<<"$answers") tagged=$(grep -c '"tags":' <<<"$answers") workers=$(grep -o '"worker":"[^"]*"' <<<"$answers" | sort -u | wc -l)
    say "$tagged of $all photos were tagged through the edge, by $workers worker(s)"
}

# A batch, whose ledger is in the object store. Of these images none may be fetched, since they are on no public address: what counts
# is that the batch ends and each of them is told of.
batch_fails() {
    local said
    seq -f 'http://127.0.0.1:8080/%g.jpg' 40 >target/taken/list.txt
    said=$(target/taken/tagfleet batch submit --api "http://127.0.0.1:$EDGE_PORT" --watch target/taken/list.txt) || die "a batch did not end: $said"
    [[ $said == *'completed: 40 images, 0 done, 40 failed'* ]] || die "a batch ended otherwise than it should: $said"
    say "a batch of 40 links that nobody may follow was kept in the object store, and all 40 were told of"
}
