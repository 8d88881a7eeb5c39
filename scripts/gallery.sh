#!/usr/bin/env bash
# scripts/gallery.sh [--timings]: files of every kind, decoded as the service does, beside what Pillow makes of them.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
steps=3
here="$PWD/scripts/gallery"
made="$cache/gallery"
python="$made/python/bin/python"

# A virtual environment, so that nothing is installed into the machine's Python. One whose Python was upgraded away fails here.
have_python() {
    cmp -s "$here/requirements.txt" "$made/python/requirements.txt" && "$python" -c 'import PIL' 2>/dev/null
}

make_python() {
    have_python && return
    rm -rf "$made/python"
    mkdir -p "$made"
    python3 -m venv "$made/python"
    "$python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary=:all: \
        --requirement "$here/requirements.txt" || die "pip could not install Pillow for $(python3 --version)"
    cp "$here/requirements.txt" "$made/python/"
}

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
    make_python

    step "Samples and the decoder"
    prepare_models '--only samples' build --workspace --bins

    step "Gallery"
    "$python" -B "$here/gallery.py" "$tagfleet" "$TAGFLEET_MODELS_DIR/samples" "$@"
}

main "$@"
