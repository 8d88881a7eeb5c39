# shellcheck shell=bash
# Stand-ins for the bases that a machine without an image registry cannot pull, made from Debian's packages. To be sourced
# after scripts/lib.sh. They are of other versions than the real ones, which is said at the end of the check.
bases="${cache:?}/compose-check"
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}

have_image() { docker image inspect "$1" >/dev/null 2>&1; }

# debian SUITE FOLDER PACKAGES: without what nobody reads in an image.
debian() {
    rm -rf "$2"
    mkdir -p "$bases"
    debootstrap --variant=minbase --include="$3" "$1" "$2" "$mirror" >"$bases/debootstrap.log" 2>&1 ||
        show_log "$bases/debootstrap.log" "debootstrap failed"
    rm -rf "$2"/var/cache/apt/archives/*.deb "$2"/var/lib/apt/lists/* "$2"/usr/share/{doc,locale,man}
}

# import FOLDER IMAGE OPTIONS…: an image of what is in the folder, which goes.
import() {
    local folder=$1 image=$2
    shift 2
    tar --numeric-owner -C "$folder" -c . | docker import "$@" - "$image" >/dev/null
    rm -rf "$folder"
}

# derive IMAGE LINES…: an image on top of the servers'.
derive() {
    local image=$1
    shift
    have_image "$image" && return
    printf '%s\n' 'FROM tagfleet-check/servers' "$@" | docker build --quiet --tag "$image" - >/dev/null
}

# As distroless is made: libraries out of their packages, a user, the certificates; no shell, no package manager.
make_runtime() {
    have_image tagfleet-check/runtime && return
    local root="$bases/runtime" package
    rm -rf "$root" "$bases/debs"
    mkdir -p "$root/etc/ssl/certs" "$root/tmp" "$bases/debs"
    (cd "$bases/debs" && apt-get download -qq -o APT::Sandbox::User=root libc6 libgcc-s1 libstdc++6 libgomp1 netbase)
    for package in "$bases"/debs/*.deb; do dpkg-deb --extract "$package" "$root"; done
    rm -rf "$bases/debs" "$root"/usr/share/{doc,locale,lintian,man}
    printf 'root:x:0:0::/:/\nnonroot:x:65532:65532::/:/\n' >"$root/etc/passwd"
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
    chmod 1777 "$root/tmp"
    import "$root" tagfleet-check/runtime -c 'USER 65532'
    say "runtime      glibc, libstdc++ and certificates of $(. /etc/os-release && echo "$PRETTY_NAME")"
}

# What makes folders and has packages of codecs: of the release that the Dockerfile names, since libraries of a later one want a later
# glibc than the runtime's.
make_shell() {
    have_image tagfleet-check/shell && return
    local root="$bases/shell"
    debian bookworm "$root" ca-certificates
    import "$root" tagfleet-check/shell -c 'CMD ["sh"]'
    say "shell        Debian 12"
}

# What compiles the binary and makes the models: Debian 12, with the Rust of this machine. What else the build needs, the
# Dockerfile installs.
make_build() {
    have_image tagfleet-check/build && return
    local root="$bases/build"
    debian bookworm "$root" ca-certificates,g++,make,pkg-config,python3,python3-venv
    mkdir -p "$root/usr/local/rust" "$root/usr/local/cargo"
    tar -C "$(rustc --print sysroot)" --exclude=./share --exclude=./etc -c . | tar -C "$root/usr/local/rust" -x
    import "$root" tagfleet-check/build \
        -c 'ENV CARGO_HOME=/usr/local/cargo PATH=/usr/local/cargo/bin:/usr/local/rust/bin:/usr/sbin:/usr/bin:/sbin:/bin'
    say "build        Debian 12 with Python and $(rustc --version)"
}

# RabbitMQ 4, Valkey 8 and HAProxy 3 of Debian 13 in one, from which there are others.
make_servers() {
    make_servers_base
    # As in the official image: metrics are on.
    derive tagfleet-check/rabbitmq "RUN echo '[rabbitmq_management,rabbitmq_prometheus].' >/etc/rabbitmq/enabled_plugins"
    derive tagfleet-check/haproxy 'USER haproxy'
    derive tagfleet-check/prometheus \
        'RUN apt-get update && apt-get install --yes --no-install-recommends prometheus && rm -rf /var/lib/apt/lists/*' \
        'RUN install --directory --owner nobody /prometheus' \
        'USER nobody' \
        'CMD ["prometheus", "--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]'
    make_objects
}

# Debian has no server of objects: moto answers as S3 does, keys and conditions included, and forgets all when it ends.
make_objects() {
    have_image tagfleet-check/objects && return
    local folder="$bases/objects"
    rm -rf "$folder"
    python3 -m venv "$folder/python"
    "$folder/python/bin/python" -m pip install --quiet --disable-pip-version-check --python-version 3.13 --only-binary=:all: \
        --target "$folder/image/moto" 'moto[s3]==5.2.5' flask flask-cors || die "pip could not install moto"
    cp deploy/check/objects.py "$folder/image/"
    printf '%s\n' 'FROM tagfleet-check/servers' \
        'RUN apt-get update && apt-get install --yes --no-install-recommends python3 curl && rm -rf /var/lib/apt/lists/*' \
        'COPY . /opt/objects' 'ENV PYTHONPATH=/opt/objects/moto PYTHONDONTWRITEBYTECODE=1' \
        "RUN printf '#!/bin/sh\\nexec python3 /opt/objects/objects.py \"\$@\"\\n' >/usr/bin/weed && chmod 755 /usr/bin/weed" | docker build --quiet --tag tagfleet-check/objects --file - "$folder/image" >/dev/null
    rm -rf "$folder"
    say "objects      moto 5.2.5 on Debian 13, for S3"
}

make_servers_base() {
    have_image tagfleet-check/servers && return
    local root="$bases/servers"
    debian trixie "$root" rabbitmq-server,valkey-server,valkey-tools,haproxy,wget
    mkdir -p "$root/data"
    # As in the official image: RabbitMQ's own scripts come before Debian's, which log to a file.
    import "$root" tagfleet-check/servers -c 'CMD ["rabbitmq-server"]' \
        -c 'ENV RABBITMQ_LOGS=- PATH=/usr/lib/rabbitmq/bin:/usr/sbin:/usr/bin'
    say "servers      Debian 13 with RabbitMQ, Valkey and HAProxy"
}

# user_of NAME: user and group in the servers' image, as numbers.
user_of() { docker run --rm --network none tagfleet-check/servers sh -c "id -u $1; id -g $1" | paste -sd:; }

# use_stand_ins: makes them, and has the Dockerfile and docker-compose.yml take them.
use_stand_ins() {
    make_runtime
    make_shell
    make_servers
    if [[ ${CHECK_BUILD:-} == 1 ]]; then make_build; fi
    export RUST_IMAGE=tagfleet-check/build PYTHON_IMAGE=tagfleet-check/build
    # Nothing of CUDA is in it, so that a worker which insists on a GPU can be seen to refuse.
    export RUNTIME_IMAGE=tagfleet-check/runtime CUDA_IMAGE=tagfleet-check/runtime SHELL_IMAGE=tagfleet-check/shell
    export HAPROXY_IMAGE=tagfleet-check/haproxy RABBITMQ_IMAGE=tagfleet-check/rabbitmq REDIS_IMAGE=tagfleet-check/servers
    export PROMETHEUS_IMAGE=tagfleet-check/prometheus OBJECTS_IMAGE=tagfleet-check/objects
    RABBITMQ_USER_ID=$(user_of rabbitmq) REDIS_USER_ID=$(user_of valkey)
    export RABBITMQ_USER_ID REDIS_USER_ID
}
