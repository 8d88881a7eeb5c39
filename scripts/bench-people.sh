#!/usr/bin/env bash
# scripts/bench-people.sh: what a detector beside the tagger costs, both with the real models (PEOPLE_ROUNDS, PEOPLE_REQUESTS).
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

    step "Tags alone, and with people"
    python3 -B scripts/people/bench.py "$tagfleet" "$TAGFLEET_MODELS_DIR/samples" "$(free_ports 1)" \
        "${PEOPLE_ROUNDS:-5}" "${PEOPLE_REQUESTS:-150}"
}

main "$@"
