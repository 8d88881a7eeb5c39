#!/usr/bin/env bash
# scripts/install.sh: puts `tagfleet`, as it ships, where a shell finds it.
#
#   PREFIX=~/.local   the program goes to its folder bin
set -euo pipefail
profile=release
. "$(dirname "$0")/lib.sh"
folder=${PREFIX:-$HOME/.local}/bin

main() {
    scripts/setup.sh build
    claim_target
    cargo build --release --locked --package tagfleet --bin tagfleet
    install -D "$tagfleet" "$folder/tagfleet"
    say "$folder/tagfleet is there"
    case ":$PATH:" in
        *":$folder:"*) ;;
        *) say "it is not on your PATH: export PATH=\"$folder:\$PATH\"" ;;
    esac
}

main "$@"
