#!/usr/bin/env bash
# deploy/check/run.sh: builds every image, runs the core of docker-compose.yml, tags the samples through the edge, has a batch kept
# in the object store and Prometheus read every role, sends load, kills an API server and a worker, and tags again. Everything is
# removed afterwards but the images.
#
#   CHECK_BUILD=1      compiles the binaries and makes the models in the images, instead of taking those that are built here;
#                      41 minutes on a busy machine of two cores, once; CARGO_BUILD_JOBS=1 leaves it some
#   CHECK_NETWORK      `host`, where containers reach no registry of crates otherwise
#   TAGFLEET_BINARIES  a folder with ready `tagfleet` and `loadtest`, in place of building them
#   CHECK_PULL=1       on the real bases, from their registries, instead of stand-ins out of Debian's packages
set -euo pipefail
profile=release
. "$(dirname "$0")/../../scripts/lib.sh"
. deploy/check/engine.sh
. deploy/check/bases.sh
. deploy/check/images.sh
. deploy/check/fleet.sh
. deploy/check/profiles.sh
steps=10
started='' # once there are containers that must go afterwards

finish() {
    trap '' INT TERM
    abandon_prepare
    [[ -z $started ]] || COMPOSE_PROFILES=observability compose down --volumes --timeout 5 >/dev/null 2>&1 || true
    rm -rf target/given target/taken
    stop_engine
}

summary() {
    docker images --format '  {{.Repository}}:{{.Tag}}  {{.Size}}' | grep -E 'tagfleet(-[a-z]+)?:check' || true
    if [[ ${CHECK_PULL:-} != 1 ]]; then say "bases were stand-ins: Debian's packages in place of the real images, and of CUDA nothing"; fi
    if [[ ${CHECK_BUILD:-} != 1 ]]; then say "binaries and models were made on this machine, not in the images"; fi
    ((failed == 0)) || die "not every sample was tagged"
    say "every sample was tagged, before and after"
}

main() {
    local failed=0
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM

    step "What this machine lacks"
    scripts/setup.sh engine

    step "Models and binaries"
    if [[ ${CHECK_BUILD:-} == 1 ]]; then
        say "are made in the images"
    else
        prepare build --package tagfleet --package loadtest --bin tagfleet --bin loadtest
    fi

    step "Docker engine"
    find_engine

    step "Bases"
    if [[ ${CHECK_PULL:-} != 1 ]]; then use_stand_ins; fi

    step "Images"
    build_all

    step "The core of docker-compose.yml"
    settle
    started=1
    up_building
    await_health "${core[@]}"
    tag_samples
    batch_fails
    if [[ ${CHECK_PULL:-} != 1 ]]; then refuses_without_gpu; fi

    step "Profile observability"
    observe

    step "Profile loadtest"
    load

    step "One API server and one worker die"
    crash api-1
    crash worker-1
    tag_samples
    await_health "${core[@]}"
    tag_samples

    step "Summary"
    summary
}

main "$@"
