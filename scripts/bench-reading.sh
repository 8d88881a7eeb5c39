#!/usr/bin/env bash
# scripts/bench-reading.sh: what is read on pages whose text is known, in Latin letters, Chinese, Japanese and Korean.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
steps=3

main() {
    trap abandon_prepare EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    step "What this machine lacks"
    scripts/setup.sh bench-reading
    # The same Pillow as the gallery's.
    make_environment "$cache/gallery/python" scripts/gallery/requirements.txt PIL "Pillow"

    step "Models and build"
    prepare build --package tagfleet

    step "What is read"
    "$cache/gallery/python/bin/python" -B scripts/reading/bench.py "$tagfleet" "$TAGFLEET_MODELS_DIR/samples" "$(free_ports 1)"
}

main "$@"
