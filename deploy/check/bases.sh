# shellcheck shell=bash
# Stand-ins for the bases that a machine without an image registry cannot pull, made from Debian's packages. To be sourced
# after scripts/lib.sh. They are of other versions than the real ones, which is said at the end of the check.
bases="${cache:?}/compose-check"
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}

have_image() { docker image inspect "$1" >/dev/null 2>&1; }

# As distroless is made: libraries out of their packages, a user, the certificates; no shell, no package manager.
make_runtime() {
    have_image tagfleet-check/runtime && return
    local root="$bases/runtime" package
    rm -rf "$root" "$bases/debs"
    mkdir -p "$root/etc/ssl/certs" "$root/tmp" "$bases/debs"
    (cd "$bases/debs" && apt-get download -qq -o APT::Sandbox::User=root libc6 libgcc-s1 libstdc++6 libgomp1 netbase)
    for package in "$bases"/debs/*.deb; do dpkg-deb --extract "$package" "$root"; done
    rm -rf "$root"/usr/share/{doc,locale,lintian,man}
    printf 'root:x:0:0::/:/\nnonroot:x:65532:65532::/:/\n' >"$root/etc/passwd"
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
    chmod 1777 "$root/tmp"
    tar --numeric-owner --owner 0 --group 0 -C "$root" -c . | docker import -c 'USER 65532' - tagfleet-check/runtime >/dev/null
    say "runtime      glibc, libstdc++ and certificates of $(. /etc/os-release && echo "$PRETTY_NAME")"
}

# RabbitMQ 4, Valkey 8 and HAProxy 3 of Debian 13 in one.
make_servers() {
    have_image tagfleet-check/servers && return
    local root="$bases/servers"
    rm -rf "$root"
    mkdir -p "$bases"
    debootstrap --variant=minbase --include=rabbitmq-server,valkey-server,valkey-tools,haproxy,wget trixie "$root" "$mirror" \
        >"$bases/debootstrap.log" 2>&1 || show_log "$bases/debootstrap.log" "debootstrap failed"
    rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
    mkdir -p "$root/data"
    # As in the official image: RabbitMQ's own scripts come before Debian's, which log to a file.
    tar --numeric-owner -C "$root" -c . | docker import -c 'CMD ["rabbitmq-server"]' \
        -c 'ENV RABBITMQ_LOGS=- PATH=/usr/lib/rabbitmq/bin:/usr/sbin:/usr/bin' - tagfleet-check/servers >/dev/null
    rm -rf "$root"
    say "servers      Debian 13 with RabbitMQ, Valkey and HAProxy"
}

# user_of NAME: user and group in the servers' image, as numbers.
user_of() { docker run --rm --network none tagfleet-check/servers sh -c "id -u $1; id -g $1" | paste -sd:; }

make_haproxy() {
    have_image tagfleet-check/haproxy && return
    printf 'FROM tagfleet-check/servers\nUSER haproxy\n' | docker build --quiet --tag tagfleet-check/haproxy - >/dev/null
}
