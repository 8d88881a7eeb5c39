# shellcheck shell=bash
# A machine of its own in a folder: Debian from its packages, started by systemd in namespaces, with no network but its loopback.
# To be sourced after scripts/lib.sh.
made="${cache:?}/package-check"
suite=${DEBIAN_SUITE:-bookworm}
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
# Roles want a broker and a Redis; `ps` says as whom they run.
parts=systemd,systemd-sysv,ca-certificates,procps,rabbitmq-server,redis-server
leader='' root=''

# Kept for the next check, which takes a copy.
make_debian() {
    [[ -e $made/$suite/complete ]] && return
    rm -rf "${made:?}/$suite"
    mkdir -p "$made"
    say "fetching Debian ($suite, 400 MB)"
    debootstrap --variant=minbase --include="$parts" "$suite" "$made/$suite" "$mirror" >"$made/debootstrap.log" 2>&1 ||
        show_log "$made/debootstrap.log" "debootstrap failed"
    rm -rf "$made/$suite"/var/cache/apt/archives/*.deb "$made/$suite"/etc/systemd/system/multi-user.target.wants/{rabbitmq-server,redis-server}.service
    touch "$made/$suite/complete"
}

# machine COMMAND…: runs it there, as root.
machine() { nsenter --target "$leader" --mount --uts --ipc --net --pid --root --wd -- "$@" </dev/null; }

is_booted() {
    leader=$(pgrep --parent "${pids[machine]}" | head -n 1)
    [[ -n $leader ]] && machine systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded'
}

# start_machine OPTIONS…: of systemd-nspawn.
start_machine() {
    make_debian
    root=$(mktemp -d "$made/machine-XXXXXX")
    cp -a "$made/$suite/." "$root"
    : >"$root/etc/machine-id"
    start machine "$made/machine.log" systemd-nspawn --quiet --directory="$root" --boot --private-network --register=no --keep-unit \
        --console=pipe --machine="tagfleet-check-$$" "$@"
    await machine "$made/machine.log" 60 is_booted
}

# SIGRTMIN+3 is what asks systemd to halt.
stop_machine() {
    if [[ -n ${pids[machine]:-} ]]; then
        kill -s RTMIN+3 "$leader" 2>/dev/null || true
        stop machine TERM 20
    fi
    if [[ -n $root ]]; then rm -rf --one-file-system "$root"; fi
}
