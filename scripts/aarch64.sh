#!/usr/bin/env bash
# scripts/aarch64.sh: `tagfleet` built on x86-64 for aarch64, from Debian's packages alone, and started in an emulator. It shows that all
# of it compiles and links there: names of system calls, NEON paths, libraries in C. What only that machine can show it does not: the
# filter of system calls, which no emulator has, and speed. Wants Debian 12 and root, for the packages.
#
#   AARCH64_JOBS=2   how much is compiled at once
set -euo pipefail
. "$(dirname "$0")/lib.sh"
steps=3
target=aarch64-unknown-linux-gnu
home="$cache/aarch64"
# Debian's Rust for browsers is new enough, and its library is there for other machines. It is unpacked, since it cannot be installed
# beside rustup.
suite=bookworm
compiler=(rustc-web libstd-rust-web-dev libllvm22)

# fetch MACHINE PACKAGE…: into $home/root, from lists of that machine's own.
fetch() {
    local state="$home/apt-$1" options package
    mkdir -p "$state/lists/partial" "$state/archives/partial" "$state/debs"
    options=(-qq -o "Dir::State::lists=$state/lists" -o "Dir::Cache=$state" -o "APT::Architecture=$1" -o "APT::Architectures=$1" -o APT::Sandbox::User=root)
    shift
    apt-get "${options[@]}" update
    (cd "$state/debs" && apt-get "${options[@]}" download "$@")
    for package in "$state"/debs/*.deb; do dpkg -x "$package" "$home/root"; done
}

# The library of the compiler itself is named by its version.
make_compiler() {
    [[ -e $home/complete ]] && return
    say "fetching a compiler (120 MB)"
    fetch amd64 "${compiler[@]}"
    fetch amd64 "$(dpkg-deb --field "$home"/apt-amd64/debs/libstd-rust-web-dev_*.deb Depends | grep -o 'libstd-rust-web-[0-9.]*' | head -n 1)"
    fetch arm64 libstd-rust-web-dev
    printf '#!/bin/sh\nexport LD_LIBRARY_PATH="%s"\nexec "%s" "$@"\n' "$home/root/usr/lib/x86_64-linux-gnu" "$home/root/usr/bin/rustc" |
        install -m 755 /dev/stdin "$home/rustc"
    touch "$home/complete"
}

compile() {
    local prefix=aarch64-linux-gnu
    env RUSTC="$home/rustc" CARGO_TARGET_DIR="$home/target" "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=$prefix-gcc" \
        "CC_aarch64_unknown_linux_gnu=$prefix-gcc" "CXX_aarch64_unknown_linux_gnu=$prefix-g++" "AR_aarch64_unknown_linux_gnu=$prefix-ar" \
        cargo build --target "$target" --profile quick --locked --bin tagfleet ${AARCH64_JOBS:+--jobs "$AARCH64_JOBS"}
}

main() {
    local built
    [[ $(. /etc/os-release && echo "${VERSION_CODENAME:-}") == "$suite" && $(uname -m) == x86_64 ]] || die "wants Debian 12 on x86-64"
    step "What this machine lacks"
    scripts/setup.sh aarch64
    make_compiler
    say "$("$home/rustc" --version)"

    step "Build"
    compile

    step "In an emulator"
    built="$home/target/$target/quick/tagfleet"
    say "$(readelf --file-header "$built" | sed -n 's/^ *Machine: *//p')"
    say "$(qemu-aarch64 -L /usr/aarch64-linux-gnu "$built" --version)"
}

main "$@"
