#!/usr/bin/env bash
# scripts/gallery.sh [--timings]: files of every kind, decoded as the service does, beside what Pillow makes of them.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
steps=3
here="$PWD/scripts/gallery"
made="$cache/gallery"
python="$made/python/bin/python"

finish() {
    trap '' INT TERM
    abandon_prepare
}

main() {
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    step "What this machine lacks"
    scripts/setup.sh build
    make_environment "$made/python" "$here/requirements.txt" PIL "Pillow"

    step "Samples and the decoder"
    prepare_models '--only samples' build --workspace --bins

    step "Gallery"
    "$python" -B "$here/gallery.py" "$tagfleet" "$TAGFLEET_MODELS_DIR/samples" "$@"
}

main "$@"
