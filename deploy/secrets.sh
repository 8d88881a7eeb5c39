#!/usr/bin/env bash
# deploy/secrets.sh: makes the passwords of docker-compose.yml, once: what is there is left as it is. To change them, remove
# the folder and the volume `rabbitmq`, which remembers its user. What a later version wants besides is added.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# Letters and digits alone: they stand in URLs.
password() { head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n'; }

main() {
    # The folder keeps others out; the files are read by the containers, each under a user of its own.
    mkdir -p -m 700 secrets
    umask 022
    if [[ -e secrets/queue-url && -e secrets/store-key ]]; then
        echo "deploy/secrets is there already"
        return
    fi
    [[ -e secrets/queue-url ]] || queues
    [[ -e secrets/store-key ]] || objects
    echo "made deploy/secrets"
}

queues() {
    local broker store
    broker=$(password) store=$(password)
    printf 'default_user = tagfleet\ndefault_pass = %s\n' "$broker" >secrets/rabbitmq-user.conf
    printf 'requirepass %s\n' "$store" >secrets/redis-auth
    printf 'redis://:%s@redis:6379/0\n' "$store" >secrets/bus-url
    printf 'amqp://tagfleet:%s@rabbitmq:5672/%%2f\n' "$broker" >secrets/queue-url
}

# One user, whose bucket it is: what the server reads, what the fleet reads, and what makes the bucket.
objects() {
    local key
    key=$(password)
    printf '{"identities": [{"name": "tagfleet", "credentials": [{"accessKey": "tagfleet", "secretKey": "%s"}], "actions": ["Admin"]}]}\n' \
        "$key" >secrets/objects.json
    printf 'user = "tagfleet:%s"\n' "$key" >secrets/objects-user
    printf 'tagfleet\n' >secrets/store-key-id
    printf '%s\n' "$key" >secrets/store-key
}

main
