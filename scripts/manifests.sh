#!/usr/bin/env bash
# scripts/manifests.sh: whether the manifests and the Dockerfile would be taken, without a cluster and without a container
# engine. What it needs for that it puts into ~/.cache/tagfleet, where a second run finds it.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/python.sh"
steps=4

# test: those of the manifests alone, as `make test` runs them.
main() {
    if [[ ${1:-} == test ]]; then
        make_python
        find_kubectl
        test_manifests
        return
    fi
    step "What this machine lacks"
    scripts/setup.sh manifests
    make_python
    find_kubectl

    step "Dockerfile"
    "$made/python/bin/hadolint" --config deploy/hadolint.yaml deploy/Dockerfile
    say "hadolint has no objection"

    step "The edge, in a cluster and in compose"
    local servers
    for servers in k8s/base/edge/servers.cfg deploy/haproxy/compose.cfg; do
        TAGFLEET_EDGE=:8080 TAGFLEET_EDGE_STATS=:8404 haproxy -c -q -f deploy/haproxy/haproxy.cfg -f "$servers"
    done
    say "HAProxy takes its settings"

    step "Manifests"
    test_manifests
}

main "$@"
