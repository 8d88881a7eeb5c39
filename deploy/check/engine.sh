# shellcheck shell=bash
# A Docker engine: the machine's where one answers, else one of our own that ends with the check. To be sourced after
# scripts/lib.sh.

engine_folder=''
# deploy/Dockerfile needs it, and engines before 23 use it only when told to.
export DOCKER_BUILDKIT=1

docker() { command "${DOCKER:-docker}" "$@"; }
compose() {
    if docker compose version >/dev/null 2>&1; then
        docker compose --project-name tagfleet-check "$@"
    else
        docker-compose --project-name tagfleet-check "$@"
    fi
}

find_engine() {
    if docker info >/dev/null 2>&1; then
        say "the machine's engine, $(docker version --format '{{.Server.Version}}')"
        return
    fi
    command -v dockerd >/dev/null || die "no Docker engine answers, and dockerd is not installed: apt-get install docker.io docker-compose"
    ((EUID == 0)) || die "no Docker engine answers, and only root can start one"
    start_engine
}

# Its images stay for a second run; containers and networks do not.
start_engine() {
    engine_folder=$(mktemp -d)
    export DOCKER_HOST="unix://$engine_folder/docker.sock"
    # The client that came with the engine knows its builder; compose, when it builds, takes the first one of the PATH.
    [[ -x /usr/bin/docker ]] && DOCKER=/usr/bin/docker && export PATH="/usr/bin:$PATH"
    mkdir -p "${cache:?}/compose-check/engine"
    start dockerd "$cache/compose-check/dockerd.log" dockerd --data-root "$cache/compose-check/engine" \
        --exec-root "$engine_folder/exec" --pidfile "$engine_folder/pid" --host "$DOCKER_HOST"
    await dockerd "$cache/compose-check/dockerd.log" 60 engine_answers
    say "an engine of the check's own, $(docker version --format '{{.Server.Version}}'), $(docker info --format '{{.Driver}}')"
}

engine_answers() { docker info >/dev/null 2>&1; }

stop_engine() {
    stop dockerd
    [[ -z $engine_folder ]] || rm -rf "$engine_folder"
}
