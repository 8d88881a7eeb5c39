#!/usr/bin/env bash
# deploy/secrets.sh: makes the passwords of docker-compose.yml, once: what is there is left as it is. To change them, remove
# the folder and the volume `rabbitmq`, which remembers its users. What a later version wants besides is added.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# Letters and digits alone: they stand in URLs.
password() { head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n'; }

main() {
    # The folder keeps others out; the files are read by the containers, each under a user of its own.
    mkdir -p -m 700 secrets
    umask 022
    if [[ -e secrets/operator && -e secrets/store-key && -e secrets/redis-exporter.json ]]; then
        echo "deploy/secrets is there already"
        return
    fi
    [[ -e secrets/operator ]] || users
    [[ -e secrets/store-key ]] || objects
    [[ -e secrets/redis-exporter.json ]] || exporter
    echo "made deploy/secrets"
}

# A user for each role at the broker and at Redis: rabbitmq/users.json and redis/users.conf say what each may do.
users() {
    local role secret
    cp rabbitmq/users.json redis/users.conf secrets/
    for role in declarer api migrator worker; do
        secret=$(password)
        put "$role" "$secret"
        printf '%s' "$secret" >"secrets/$role"
        printf 'amqp://%s:%s@rabbitmq:5672/%%2f\n' "$role" "$secret" >"secrets/queue-url-$role"
        printf 'redis://%s:%s@redis:6379/0\n' "$role" "$secret" >"secrets/bus-url-$role"
    done
    # The declarer has no business at Redis.
    rm secrets/bus-url-declarer
    secret=$(password)
    put operator "$secret"
    printf 'load_definitions = /run/secrets/users.json\n' >secrets/rabbitmq-users.conf
    printf '%s' "$secret" >secrets/operator
}

# Who looks how Redis is. Where users.conf is of before, it gets this one too; Redis reads it when it starts again.
exporter() {
    local secret
    secret=$(password)
    grep -q '^user exporter ' secrets/users.conf || grep '^user exporter ' redis/users.conf >>secrets/users.conf
    put exporter "$secret"
    # Its versions look the password up by an address with the user, or without.
    printf '{"redis://redis:6379": "%s", "redis://exporter@redis:6379": "%s"}\n' "$secret" "$secret" >secrets/redis-exporter.json
}

# put USER PASSWORD: sed is told on its input, since its arguments show in the list of processes.
put() {
    printf 's/PASSWORD_%s/%s/\n' "${1^^}" "$2" | sed --in-place --file=- secrets/users.json secrets/users.conf
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
