#!/usr/bin/env bash
# deploy/secrets.sh: makes the passwords of docker-compose.yml, once: what is there is left as it is. To change them, remove
# the folder and the volume `rabbitmq`, which remembers its user.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# Letters and digits alone: they stand in URLs.
password() { head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n'; }

main() {
    local broker store
    if [[ -e secrets/queue-url ]]; then
        echo "deploy/secrets is there already"
        return
    fi
    # The folder keeps others out; the files are read by the containers, each under a user of its own.
    mkdir -p -m 700 secrets
    umask 022
    broker=$(password) store=$(password)
    printf 'default_user = tagfleet\ndefault_pass = %s\n' "$broker" >secrets/rabbitmq-user.conf
    printf 'requirepass %s\n' "$store" >secrets/redis-auth
    printf 'redis://:%s@redis:6379/0\n' "$store" >secrets/bus-url
    printf 'amqp://tagfleet:%s@rabbitmq:5672/%%2f\n' "$broker" >secrets/queue-url
    echo "made deploy/secrets"
}

main
