#!/usr/bin/env bash
# deploy/rollout.sh [--dry-run] [--back] OVERLAY: applies an overlay role by role, and waits for each: readers before writers. `kubectl
# apply -k` does all at once, and then new API servers send old workers, which take most of an hour, what those do not read.
#
#   --back      to an older version: writers before readers. OVERLAY is the older one, as it was
#   --dry-run   says what would be done, and does nothing; needs no cluster
#   --only ROLE[,ROLE…]   of the roles no others, in their order
#   KUBECTL     the command; CONTEXT  of which cluster
#
# What was there and is in the overlay no more is left, and named by nobody: `kubectl delete` is yours.
set -euo pipefail
cd "$(dirname "$0")/.."
# Who keeps state, who reads jobs, who writes them, who sends people there. Roles that an overlay has not are passed over.
forwards=(redis worker-tag worker-floor worker-caption migrator api edge)
backwards=(edge api migrator worker-caption worker-floor worker-tag redis)
# A tenth of the GPUs at a time, each with a node and minutes of warm-up. None is shorter than a Deployment's own deadline, which says
# sooner that nothing moves.
declare -A within=([redis]=900s [worker-tag]=7200s [worker-floor]=3600s [worker-caption]=3600s [migrator]=3600s [api]=3600s [edge]=1800s)
dry='' back='' only='' overlay=''
kubectl=("${KUBECTL:-kubectl}" ${CONTEXT:+"--context=$CONTEXT"})

fail() { printf 'rollout.sh: %s\n' "$*" >&2 && exit 2; }

arguments() {
    while (($# > 0)); do
        case $1 in
        --dry-run) dry=1 ;;
        --back) back=1 ;;
        --only) only=${2:?} && shift ;;
        -*) fail "no option is called $1" ;;
        *) overlay=$1 ;;
        esac
        shift
    done
    [[ -f $overlay/kustomization.yaml ]] || fail "no overlay: ${overlay:-name one, such as k8s/overlays/aws-t4}"
}

# documents role|scaler|others NAME: what is rendered of a role's Deployment and its budget, of its scaler, or of everything else. A budget
# or a scaler is a role's by its name.
documents() {
    awk -v want="$1" -v name="tagfleet-$2" -v roles="${forwards[*]}" '
        BEGIN { split(roles, list, " "); for (i in list) known["tagfleet-" list[i]] = 1 }
        function part() {
            if (kind == "Deployment") return "role"
            if (!(its in known)) return "others"
            return kind == "ScaledObject" ? "scaler" : kind == "PodDisruptionBudget" ? "role" : "others"
        }
        function told() {
            if (part() == want && (want == "others" || its == name)) printf "%s---\n", text
            text = kind = its = ""
        }
        /^---$/ { told(); next }
        /^[a-z]/ { block = $1 }
        /^kind: / { kind = $2 }
        /^  name: / && block == "metadata:" { its = $2 }
        { text = text $0 "\n" }
        END { told() }' "$rendered"
}

# run WORDS…: or says so.
run() {
    if [[ -n $dry ]]; then printf '    %s\n' "$*"; else "$@"; fi
}

apply() {
    local file
    file=$(mktemp "$folder/XXXXXX.yaml")
    cat >"$file"
    if [[ -n $dry ]]; then
        printf '    kubectl apply: %s\n' "$(grep -E '^kind: ' "$file" | cut -d' ' -f2 | sort | uniq -c | awk '{ printf "%s%s %s", sep, $1, $2; sep = ", " }')"
    else
        "${kubectl[@]}" apply --server-side --field-manager=tagfleet-rollout -f "$file"
    fi
}

# Namespaces before what lies in them, and settings before who reads them: their names change with what is in them.
settings() {
    printf 'Settings, services, policies, nodes\n'
    documents others - | apply
    run "${kubectl[@]}" -n tagfleet wait rabbitmqcluster/tagfleet-rabbitmq --for=condition=AllReplicasReady --timeout=1800s
}

# Its scaler comes last. KEDA refuses one that looks at processor time until it has seen the Deployment, and by the end of a rollout it
# has. On a new cluster a role has one pod until then.
role() {
    documents role "$1" >"$folder/role"
    documents scaler "$1" >"$folder/scaler"
    [[ -s $folder/role ]] || return 0
    [[ -z $only || ",$only," == *",$1,"* ]] || return 0
    printf '%s\n' "$1"
    apply <"$folder/role"
    run "${kubectl[@]}" -n tagfleet rollout status "deployment/tagfleet-$1" --timeout="${within[$1]}"
    [[ ! -s $folder/scaler ]] || apply <"$folder/scaler"
}

main() {
    local name order=("${forwards[@]}")
    arguments "$@"
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    rendered="$folder/rendered"
    "${KUBECTL:-kubectl}" kustomize "$overlay" >"$rendered"
    if [[ -n $back ]]; then order=("${backwards[@]}"); fi
    [[ -n $only ]] || settings
    for name in "${order[@]}"; do role "$name"; done
    printf 'done\n'
}

main "$@"
