#!/usr/bin/env bash
# scripts/bench-quality.sh: what all models together tell of pictures whose truth is known.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
steps=4

main() {
    trap abandon_prepare EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    step "What this machine lacks"
    scripts/setup.sh build
    # The same Pillow as the gallery's.
    make_environment "$cache/gallery/python" scripts/gallery/requirements.txt PIL "Pillow"

    step "Models and build"
    prepare build --package tagfleet

    step "Pictures whose truth is known (205 MB, once)"
    python3 models/build.py --labelled "$cache/bench-labelled" --groups "$cache/bench-groups"

    step "What is told of them"
    "$cache/gallery/python/bin/python" -B scripts/quality/bench.py "$tagfleet" "$TAGFLEET_MODELS_DIR/samples" \
        "$cache/bench-groups" "$cache/bench-labelled" "$(free_ports 1)"
}

main "$@"
