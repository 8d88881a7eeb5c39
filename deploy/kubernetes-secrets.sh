#!/usr/bin/env bash
# deploy/kubernetes-secrets.sh [--print]: the Secrets `tagfleet-users` and `tagfleet-redis`, out of the passwords in deploy/secrets, which
# secrets.sh makes where there are none, and the namespace if there is none yet. Run again, it changes nothing. The folder is what a
# restore wants: keep it where passwords are kept.
#
#   --print     writes them to stdout in place of a cluster
#   KUBECTL     the command; CONTEXT  of which cluster
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
kubectl=("${KUBECTL:-kubectl}" ${CONTEXT:+"--context=$CONTEXT"})
print=''

# url ROLE SCHEME SERVER: the role's URL for compose, with TLS and a server of the cluster in it.
url() { sed -E "s#^[a-z]+(://[^@]*@)[^/]*#$2\1$3#" "$1"; }

# What arguments would show in the list of processes goes through files.
fill() {
    local role
    cp secrets/users.json "$folder/users.json"
    url secrets/queue-url-declarer amqps tagfleet-rabbitmq:5671 >"$folder/declarer-queue-url"
    for role in api migrator worker; do
        url "secrets/queue-url-$role" amqps tagfleet-rabbitmq:5671 >"$folder/$role-queue-url"
        url "secrets/bus-url-$role" rediss tagfleet-redis:6379 >"$folder/$role-bus-url"
    done
    mkdir "$folder/redis"
    cp secrets/operator "$folder/redis/password"
    cp secrets/users.conf "$folder/redis/auth.conf"
    # The exporter looks its password up by the address that it asks; its user is in there.
    sed 's#redis://redis:#rediss://127.0.0.1:#; s#redis://exporter@redis:#rediss://exporter@127.0.0.1:#' secrets/redis-exporter.json >"$folder/redis/exporter.json"
}

# secret NAME FOLDER
secret() {
    local rendered
    rendered=$("${kubectl[@]}" -n tagfleet create secret generic "$1" --dry-run=client -o yaml --from-file="$2")
    if [[ -n $print ]]; then
        printf '%s\n---\n' "$rendered"
    else
        "${kubectl[@]}" apply --server-side --force-conflicts --field-manager=tagfleet-secrets -f - <<<"$rendered"
    fi
}

# An overlay may say more of it, which comes with rollout.sh: one that is there is left as it is.
namespace() {
    [[ -z $print ]] || return 0
    "${kubectl[@]}" get namespace tagfleet -o name >/dev/null 2>&1 ||
        "${kubectl[@]}" apply --server-side --field-manager=tagfleet-secrets -f ../k8s/base/namespace.yaml
}

main() {
    if [[ ${1:-} == --print ]]; then print=1; fi
    ./secrets.sh >&2
    umask 077
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    fill
    namespace
    secret tagfleet-users "$folder"
    secret tagfleet-redis "$folder/redis"
}

main "$@"
