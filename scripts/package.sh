#!/usr/bin/env bash
# scripts/package.sh: `tagfleet` as it ships, as a Debian package and as a tarball in dist/: the program, units for systemd with
# all that they are denied, pages of the manual, completions, and a list of what it is made of. Models are not in it: `tagfleet models` makes them.
#
#   TAGFLEET_BINARIES=FOLDER   takes the program from there in place of building it
set -euo pipefail
profile=release
. "$(dirname "$0")/lib.sh"
steps=3
from=deploy/package
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
# The same commit gives the same bytes.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
work=''

cleanup() { rm -rf "$work"; }

build() {
    if [[ -n ${TAGFLEET_BINARIES:-} ]]; then
        say "the program of $binaries"
        return
    fi
    claim_target
    cargo build --release --locked --package tagfleet --bin tagfleet
}

# put MODE SOURCE TARGET: into what is packed.
put() { install -D -m "$1" "$2" "$work/root/$3"; }

program() {
    put 755 "$tagfleet" usr/bin/tagfleet
    strip --strip-debug "$work/root/usr/bin/tagfleet"
    local unit
    for unit in "$from"/systemd/*.service; do put 644 "$unit" "usr/lib/systemd/system/$(basename "$unit")"; done
    put 644 "$from/systemd/tagfleet-.service.d.conf" usr/lib/systemd/system/tagfleet-.service.d/confined.conf
    put 644 "$from/sysusers.conf" usr/lib/sysusers.d/tagfleet.conf
    put 640 "$from/tagfleet.toml" etc/tagfleet/tagfleet.toml
    put 644 "$from/debian/copyright" usr/share/doc/tagfleet/copyright
}

# ours COMMAND…: without this machine's settings, since pages show defaults, and with nobody's home.
ours() { env -i HOME='~' PATH="$PATH" "$tagfleet" "$@"; }

# What the program says of itself.
pages() {
    local share="$work/root/usr/share"
    mkdir -p "$share"/{man/man1,bash-completion/completions,zsh/vendor-completions,fish/vendor_completions.d}
    ours man "$share/man/man1"
    gzip -9n "$share"/man/man1/*.1
    ours completions bash >"$share/bash-completion/completions/tagfleet"
    ours completions zsh >"$share/zsh/vendor-completions/_tagfleet"
    ours completions fish >"$share/fish/vendor_completions.d/tagfleet.fish"
    ours config example >"$share/doc/tagfleet/tagfleet.toml.example"
    ours config check "$from/tagfleet.toml"
    chmod -R u=rwX,go=rX "$share"
}

# Every crate in it, for whoever looks for advisories later.
made_of() {
    scripts/sbom.sh "$work/sbom"
    put 644 "$(find "$work/sbom" -name '*.cdx.json')" usr/share/doc/tagfleet/tagfleet.cdx.json
    mkdir -p dist
    cp "$work"/sbom/*.cdx.json dist/
}

# Which libraries of Debian, of which version: read from the program.
libraries() {
    mkdir -p "$work/shlibs/debian"
    printf 'Source: tagfleet\n\nPackage: tagfleet\nArchitecture: any\n' >"$work/shlibs/debian/control"
    (cd "$work/shlibs" && dpkg-shlibdeps -O --ignore-missing-info -e "$work/root/usr/bin/tagfleet") | sed -n 's/^shlibs:Depends=//p'
}

control() {
    cat <<END
Package: tagfleet
Version: $version
Architecture: $(dpkg --print-architecture)
Maintainer: Tagfleet <tagfleet@localhost>
Installed-Size: $(du -k -s "$work/root" | cut -f1)
Depends: $(libraries), ca-certificates, systemd | systemd-standalone-sysusers
Recommends: python3, python3-venv, libde265-0, libwebp7
Suggests: rabbitmq-server, redis-server, haproxy
Section: graphics
Priority: optional
Description: tags and captions images
 Tags photos by URL, file or list, alone in one process or as a fleet over
 RabbitMQ and Redis. Models are fetched and built by \`tagfleet models\`.
END
}

pack() {
    local name
    name="tagfleet-$version-linux-$(uname -m)"
    mkdir -p dist "$work/root/DEBIAN"
    control >"$work/control"
    tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --exclude=./DEBIAN \
        --transform "s#^\.#$name#" -C "$work/root" -c . | gzip -9n >"dist/$name.tar.gz"
    mv "$work/control" "$work/root/DEBIAN/control"
    echo /etc/tagfleet/tagfleet.toml >"$work/root/DEBIAN/conffiles"
    install -m 755 "$from"/debian/{postinst,prerm,postrm} "$work/root/DEBIAN/"
    chmod 755 "$work/root"
    dpkg-deb --root-owner-group -Zxz --build "$work/root" dist >/dev/null
    (cd dist && sha256sum "$name.tar.gz" "tagfleet_${version}_$(dpkg --print-architecture).deb" | tee "$name.sha256")
}

main() {
    work=$(mktemp -d)
    trap cleanup EXIT
    step "The program"
    scripts/setup.sh package
    build
    step "What goes with it"
    program
    pages
    made_of
    step "Packages"
    pack
    du --human-readable --apparent-size dist/tagfleet[-_]"$version"[-_]* | sed 's/^/  /'
}

main "$@"
