#!/usr/bin/env bash
# deploy/check/pods.sh: each role of k8s/overlays/dev as its pod will run, on this machine and without an engine: a root of its own that is
# read-only, user 65532, no capability, the manifests' limits of memory and processor. It becomes ready, tags, decodes six slow images
# at once, works off a batch, and stops on SIGTERM within its grace. Wants root; its network is its own, so it touches nobody's port.
set -euo pipefail
. "$(dirname "$0")/../../scripts/lib.sh"
. scripts/python.sh
steps=3

finish() { abandon_prepare; }

main() {
    ((EUID == 0)) || die "only root can start containers without an engine"
    trap finish EXIT

    step "What this machine lacks"
    scripts/setup.sh fleet manifests
    make_python
    find_kubectl

    step "Models and binary"
    prepare build --package tagfleet

    step "Pods"
    "${made:?}/python/bin/python" -B deploy/check/pods/run.py "$tagfleet" "$TAGFLEET_MODELS_DIR"
}

main "$@"
