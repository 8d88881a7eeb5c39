#!/usr/bin/env bash
# scripts/clean-cache.sh: removes what was built and can be built again. Models that are not ours, in folders beside ours, stay.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

# Each model that models/build.py made left a stamp of its name.
remove_models() {
    local stamp
    for stamp in "$TAGFLEET_MODELS_DIR"/.build/stamps/*.json; do
        [[ -e $stamp ]] || continue
        say "removing $TAGFLEET_MODELS_DIR/$(basename "$stamp" .json)"
        rm -rf "${TAGFLEET_MODELS_DIR:?}/$(basename "$stamp" .json)"
    done
    rm -rf "${TAGFLEET_MODELS_DIR:?}/.build"
}

say "removing what cargo built in $CARGO_TARGET_DIR"
cargo clean
say "removing what benchmarks and checks keep in $cache"
rm -rf "${cache:?}/bench-photos" "${cache:?}/bench-labelled" "${cache:?}/bench-groups" "${cache:?}/bench-prepare" "${cache:?}/manifests" "${cache:?}/compose-check"
remove_models
