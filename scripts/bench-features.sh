#!/usr/bin/env bash
# scripts/bench-features.sh: what is told beside tags costs, with the real models (FEATURES_ROUNDS, FEATURES_REQUESTS).
set -euo pipefail
profile=release
. "$(dirname "$0")/lib.sh"
steps=3

main() {
    trap abandon_prepare EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    step "What this machine lacks"
    scripts/setup.sh build

    step "Models and build"
    prepare build --workspace --bins

    step "Tags alone, and with more"
    python3 -B scripts/features/bench.py "$tagfleet" "$TAGFLEET_MODELS_DIR/samples" "$(free_ports 1)" \
        "${FEATURES_ROUNDS:-5}" "${FEATURES_REQUESTS:-150}"
}

main "$@"
