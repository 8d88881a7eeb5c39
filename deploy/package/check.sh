#!/usr/bin/env bash
# deploy/package/check.sh: the Debian package on a fresh Debian that systemd has started: all in one process, then each role by itself with
# Debian's RabbitMQ and Redis; killed, upgraded, purged. Wants root. The machine has a network of its own, so it touches nobody's port.
set -euo pipefail
. "$(dirname "$0")/../../scripts/lib.sh"
# shellcheck source=deploy/package/machine.sh
. deploy/package/machine.sh
steps=7
# What systemd-analyze says a unit may reach, of 10.
most_exposed=2.5
roles=(serve worker migrator api)

finish() { stop_machine; }

find_package() {
    package=$(find dist -name 'tagfleet_*.deb' 2>/dev/null | sort -V | tail -n 1)
    [[ -n $package ]] || die "no package in dist/: make package"
    say "$package"
}

# is_up PORT: the role that listens there can work.
is_up() { machine tagfleet health "http://127.0.0.1:$1/readyz" >/dev/null 2>&1; }

fails() {
    machine journalctl --no-pager --lines=20 --unit="tagfleet-$1" >&2
    die "$1 $2"
}

# begin ROLE PORT: starts a unit, and says how long it took to be ready.
begin() {
    local since
    since=$(now_ms)
    machine systemctl start "tagfleet-$1.service"
    until is_up "$2"; do
        (($(now_ms) - since < 120000)) || fails "$1" "is not ready within 120 s"
        [[ $(told_of "$1" NRestarts) == 0 ]] || fails "$1" "ended"
        sleep 0.2
    done
    say "$(printf '%-9s ready after %s s, as user %s' "$1" "$(took "$since")" "$(user_of "$1")")"
    [[ $(user_of "$1") == tagfleet ]] || die "$1 runs as another user"
}

# told_of ROLE PROPERTY: what systemd says of its unit.
told_of() { machine systemctl show --property="$2" --value "tagfleet-$1.service"; }
main_pid() { told_of "$1" MainPID; }
user_of() { machine ps -o user= -p "$(main_pid "$1")"; }

end() {
    local since
    since=$(now_ms)
    machine systemctl stop "tagfleet-$1.service"
    [[ $(told_of "$1" Result) == success ]] || die "$1 did not end well"
    say "$(printf '%-9s ended after %s s' "$1" "$(took "$since")")"
}

tags_a_photo() {
    local told
    told=$(machine tagfleet tag /models/samples --with colors --json 2>&1) || die "nothing was tagged: $told"
    [[ $told == *'"tags"'* ]] || die "no tags came: $told"
    say "$(grep -c '"tags"' <<<"$told") photos tagged"
}

installs() {
    cp "$package" "$root/tagfleet.deb"
    machine dpkg --install /tagfleet.deb >"$log" 2>&1 || show_log "$log" "dpkg refused it"
    machine ln -sfn /models /var/lib/tagfleet/models
    say "$(machine tagfleet --version), $(machine dpkg-deb --field /tagfleet.deb Installed-Size) KB installed"
    local role
    for role in "${roles[@]}"; do
        [[ $(machine systemctl is-enabled "tagfleet-$role.service" || true) == disabled ]] || die "tagfleet-$role is started by itself"
    done
}

reads_well() {
    machine tagfleet config check /etc/tagfleet/tagfleet.toml
    machine bash -n /usr/share/bash-completion/completions/tagfleet
    local role
    for role in "${roles[@]}"; do
        machine test -s "/usr/share/man/man1/tagfleet-$role.1.gz" || die "no page of the manual tells of $role"
    done
}

denies() {
    local role exposed told
    for role in "${roles[@]}"; do
        told=$(machine systemd-analyze verify --man=no "tagfleet-$role.service" 2>&1) || true
        [[ -z $told ]] || die "systemd does not take all of tagfleet-$role: $told"
        exposed=$(machine systemd-analyze security --no-pager "tagfleet-$role.service" | sed -n 's/.*Overall exposure level for .*: \([0-9.]*\) .*/\1/p')
        awk -v of="$exposed" -v most="$most_exposed" 'BEGIN { exit !(of != "" && of <= most) }' || die "tagfleet-$role is exposed by '$exposed', of $most_exposed"
        say "$(printf '%-9s exposed by %s of 10' "$role" "$exposed")"
    done
}

makes_a_fleet() {
    machine systemctl start redis-server.service rabbitmq-server.service
    machine sh -c 'cd /etc/tagfleet && umask 027 && echo amqp://guest:guest@127.0.0.1:5672 >queue-url && echo redis://127.0.0.1:6379/0 >bus-url && chgrp tagfleet *-url'
    machine sed -i 's/^# \(queue-url\|bus-url\) /\1 /' /etc/tagfleet/tagfleet.toml
    begin worker 9090
    begin migrator 9091
    begin api 8080
    tags_a_photo
}

survives() {
    local before since
    before=$(main_pid api)
    machine kill -KILL "$before"
    since=$(now_ms)
    until is_up 8080 && [[ $(main_pid api) != "$before" ]]; do
        (($(now_ms) - since < 30000)) || die "nobody started the API server again"
        sleep 0.2
    done
    say "killed: an API server is ready again after $(took "$since") s"
    machine dpkg --install /tagfleet.deb >"$log" 2>&1 || show_log "$log" "dpkg refused it"
    until is_up 8080; do sleep 0.2; done
    machine grep -q '^queue-url' /etc/tagfleet/tagfleet.toml || die "the upgrade threw settings away"
    tags_a_photo
}

leaves() {
    machine dpkg --purge tagfleet >"$log" 2>&1 || show_log "$log" "dpkg cannot remove it"
    machine test -d /var/lib/tagfleet/store || die "batches went with the package"
    local left
    left=$(machine sh -c 'ls -d /etc/tagfleet /usr/bin/tagfleet /usr/lib/systemd/system/tagfleet-* 2>/dev/null') || true
    [[ -z $left ]] || die "left behind: $left"
    [[ -z $(machine pgrep -x tagfleet || true) ]] || die "processes are left"
}

main() {
    ((EUID == 0)) || die "only root can start a machine"
    step "What this machine lacks"
    scripts/setup.sh package-check
    python3 models/build.py --only "${tagging[@]}"
    find_package
    log=$(mktemp)
    trap finish EXIT

    step "A fresh Debian"
    start_machine --bind-ro="$TAGFLEET_MODELS_DIR:/models"

    step "Installed, and no role started"
    installs
    reads_well
    denies

    step "All in one process"
    begin serve 8080
    tags_a_photo
    end serve

    step "Each role by itself, with a broker and a Redis"
    makes_a_fleet

    step "Killed, upgraded"
    survives
    end api
    end migrator
    end worker

    step "Purged"
    leaves
    say "nothing is left but batches and models"
}

main "$@"
