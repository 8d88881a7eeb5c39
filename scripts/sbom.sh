#!/usr/bin/env bash
# scripts/sbom.sh [FOLDER]: what `tagfleet` is made of, as CycloneDX 1.5 in FOLDER (dist/): every crate with its version, licence and hash.
# From Cargo.lock and the features that ship, so nothing is built; the same commit gives the same bytes.
#
#   SBOM_TARGET=aarch64-unknown-linux-gnu   for another machine than this one
set -euo pipefail
. "$(dirname "$0")/lib.sh"
steps=1
# OWASP's own tool for cargo.
tool_version=0.5.9
folder=${1:-dist}
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
target=${SBOM_TARGET:-$(rustc -vV | sed -n 's/^host: //p')}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
work=''

cleanup() { rm -rf "$work"; }

# Compiled once, without optimisation: it runs for a second.
find_tool() {
    local home="$cache/cyclonedx"
    tool="$home/bin/cargo-cyclonedx"
    if [[ $("$tool" cyclonedx --version 2>/dev/null) == *" $tool_version" ]]; then return; fi
    say "compiling cargo-cyclonedx $tool_version, once"
    cargo install --quiet --locked --debug "cargo-cyclonedx@$tool_version" --root "$home"
}

# It writes beside every Cargo.toml of the workspace, and names files by their path: so it has a copy, whose path is then taken out.
write() {
    local file="$folder/tagfleet-$version-$target.cdx.json"
    mkdir -p "$folder"
    git ls-files -z -- '*.toml' '*.rs' Cargo.lock | tar --null --files-from - -c | tar -C "$work" -x
    "$tool" cyclonedx --quiet --manifest-path "$work/tagfleet/Cargo.toml" --format json --spec-version 1.5 --target "$target" \
        --no-build-deps --override-filename sbom
    sed "s#file://$work#file://.#g" "$work/tagfleet/sbom.json" >"$file"
    say "$file: $(grep -c '"purl": "pkg:cargo/' "$file") crates"
}

main() {
    work=$(mktemp -d)
    trap cleanup EXIT
    step "What tagfleet is made of"
    find_tool
    write
}

main "$@"
