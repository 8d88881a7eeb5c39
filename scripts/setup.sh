#!/usr/bin/env bash
# scripts/setup.sh [build|fleet|test|console|fuzz|flame|bench-prepare|bench-reading|manifests|dashboards|engine|package|package-check]…: installs, by name, what these need and this machine lacks. Looks for commands and
# files, not packages, so it does nothing on a machine that got them in another way; then it needs neither network nor root.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

packages=()
# want PACKAGE CHECK…: notes the package when the check fails.
want() {
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || packages+=("$package")
}

command_exists() { command -v "$1"; }

want_build() {
    local command
    for command in cmake nasm make gcc git python3; do want "$command" command_exists "$command"; done
    want ca-certificates test -e /etc/ssl/certs/ca-certificates.crt
    want python3-venv python3 -c 'import venv, ensurepip'
    want_codecs
}

# What reads HEIC, AVIF and WebP is loaded where it is there. So it is installed where that needs nobody's password, and else
# named: everything works without.
optional=()
has_library() { { /sbin/ldconfig -p || ldconfig -p; } 2>/dev/null | grep -F "$1"; }
dav1d_package() { if apt-cache show libdav1d7 >/dev/null 2>&1; then echo libdav1d7; else echo libdav1d6; fi; }
want_codecs() {
    has_library libde265.so.0 >/dev/null || optional+=(libde265-0)
    has_library libdav1d.so >/dev/null || optional+=("$(dav1d_package)")
    has_library libwebp.so.7 >/dev/null || optional+=(libwebp7)
}

take_optional() {
    ((${#optional[@]})) || return 0
    if ((EUID == 0)) && command -v apt-get >/dev/null; then
        packages+=("${optional[@]}")
    else
        say "not here, and not needed: ${optional[*]}. With them HEIC and AVIF are read, and WebP faster (docs/prepare.md)"
    fi
}

want_fleet() {
    want rabbitmq-server command_exists rabbitmq-server
    want redis-server command_exists redis-server
    want redis-tools command_exists redis-cli
    want haproxy command_exists haproxy
    want util-linux command_exists setpriv
}

# A browser that is driven by Node; npm fetches what drives it.
want_console() {
    want chromium command_exists chromium
    want nodejs command_exists node
    want npm command_exists npm
}

# The sanitizer's library for C code, which clang only recommends.
has_sanitizer() { clang -fsanitize=address -x c -o /dev/null - <<<'int main(void) { return 0; }'; }

want_fuzz() {
    want clang command_exists clang
    want libclang-rt-dev has_sanitizer
}

want_flame() {
    want linux-perf command_exists perf
}

# What our tiles are measured against: libvips by Debian, Pillow in an environment of its own.
want_bench_prepare() {
    want gcc command_exists cc
    want pkg-config command_exists pkg-config
    want libvips-dev pkg-config --exists vips
    want python3-venv python3 -c 'import venv, ensurepip'
}

# Letters of the scripts that are read.
want_bench_reading() {
    want fonts-dejavu-core test -e /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
    want fonts-noto-cjk test -e /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc
    want fonts-nanum test -e /usr/share/fonts/truetype/nanum/NanumGothic.ttf
}

# The settings of HAProxy and Redis are tried by themselves; all else is Python's.
want_manifests() {
    want haproxy command_exists haproxy
    want redis-server command_exists redis-server
    want prometheus command_exists promtool
    want python3-venv python3 -c 'import venv, ensurepip'
}

# The fleet's own servers, and Debian's Prometheus with its reader of Redis.
want_dashboards() {
    want prometheus command_exists prometheus
    want prometheus-redis-exporter command_exists prometheus-redis-exporter
}

# An engine that is not there can be started by root alone, from Debian's packages.
want_engine() {
    if ! docker info >/dev/null 2>&1; then
        want docker.io command_exists dockerd
        want iptables command_exists iptables
    fi
    if ! docker compose version >/dev/null 2>&1; then want docker-compose command_exists docker-compose; fi
    want debootstrap command_exists debootstrap
    want binutils command_exists strip
    want python3-venv python3 -c 'import venv, ensurepip'
}

want_package() {
    want dpkg-dev command_exists dpkg-shlibdeps
    want binutils command_exists strip
}

# A fresh Debian in a folder, started as a machine of its own; the servers that roles meet at.
want_package_check() {
    want debootstrap command_exists debootstrap
    want systemd-container command_exists systemd-nspawn
}

want_group() {
    case $1 in
    build) want_build ;;
    fleet) want_build && want_fleet ;;
    test) want_build && want_fleet && want_manifests ;;
    console) want_build && want_console ;;
    fuzz) want_build && want_fuzz ;;
    flame) want_build && want_flame ;;
    bench-prepare) want_build && want_bench_prepare ;;
    bench-reading) want_build && want_bench_reading ;;
    manifests) want_manifests ;;
    dashboards) want_build && want_fleet && want_manifests && want_dashboards ;;
    engine) want_build && want_engine ;;
    package) want_build && want_package ;;
    package-check) want_fleet && want_package_check ;;
    *) die "no group is called '$1': build, fleet, test, console, fuzz, flame, bench-prepare, bench-reading, manifests, dashboards, engine, package, package-check" ;;
    esac
}

rust_wanted() { sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml; }

check_rust() {
    local wanted found
    wanted=$(rust_wanted)
    command -v cargo >/dev/null || die "cargo is missing: install Rust $wanted or newer with rustup (https://rustup.rs), then run this again"
    found=$(rustc --version | cut -d' ' -f2)
    if [[ $(printf '%s\n' "$wanted" "$found" | sort -V | head -n1) != "$wanted" ]]; then
        die "Rust $found is too old, $wanted or newer is needed: rustup update stable"
    fi
}

# Debian starts a server as soon as it is installed; ours are started by the tests, on ports of their own. While this policy
# stands, installing starts nothing.
POLICY=/usr/sbin/policy-rc.d
install_packages() {
    local run=(env DEBIAN_FRONTEND=noninteractive)
    ((EUID == 0)) || run=(sudo "${run[@]}")
    say "apt-get update"
    "${run[@]}" apt-get update -qq || say "apt-get update failed; trying with the package lists that are here"
    if [[ ! -e $POLICY ]]; then
        printf '#!/bin/sh\nexit 101\n' | "${run[@]}" install -m 755 /dev/stdin "$POLICY"
        trap '"${remove[@]}"' EXIT
        remove=("${run[@]}" rm -f "$POLICY")
    fi
    say "apt-get install ${packages[*]}"
    "${run[@]}" apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 "${packages[@]}" >"$log" 2>&1 ||
        show_log "$log" "apt-get could not install: ${packages[*]}"
}

main() {
    local groups=("$@") group line log
    ((${#groups[@]})) || groups=(build)
    for group in "${groups[@]}"; do want_group "$group"; done
    [[ ${groups[*]} == manifests ]] || check_rust
    take_optional
    if ((${#packages[@]})); then
        mapfile -t packages < <(printf '%s\n' "${packages[@]}" | sort -u)
        line="apt-get install --no-install-recommends ${packages[*]}"
        command -v apt-get >/dev/null || die "missing, by Debian's names: ${packages[*]}"
        if ((EUID != 0)); then
            command -v sudo >/dev/null || die "missing: ${packages[*]}. As root: $line"
            say "missing: ${packages[*]}; sudo may ask for your password"
        fi
        log=$(mktemp)
        install_packages
        rm -f "$log"
    fi
    say "setup (${groups[*]}): everything is here"
}

main "$@"
