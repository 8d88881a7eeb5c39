#!/usr/bin/env bash
# scripts/bench-lines.sh: a list of LINES_OF_LIST=1000000 rows, of which one in a hundred is broken in each of nine ways, through one
# process with a fake engine: each row ends once, and each error names its row.
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

    step "Samples and build"
    prepare_models '--only samples' build --workspace --bins

    step "The list's way through"
    local port origin
    read -r port origin < <(free_ports 2)
    python3 -B scripts/lines/bench.py "$tagfleet" "$TAGFLEET_MODELS_DIR/samples" "${LINES_OF_LIST:-1000000}" "$port" "$origin"
}

main "$@"
