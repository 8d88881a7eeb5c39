#!/usr/bin/env bash
# deploy/preflight.sh [OVERLAY]: what a cluster lacks before this is applied to it (k8s/overlays/aws-t4, or another one). What is looked
# for is what the overlay is rendered to. It reads and changes nothing. Exit code 0: all that it can look at is there. What it cannot
# look at, it says.
#
#   KUBECTL, AWS    the commands; without `aws` nothing of an account is looked at
set -euo pipefail
cd "$(dirname "$0")/.."
overlay=${1:-k8s/overlays/aws-t4}
missing=0
rendered=''

good() { printf '  ok       %s\n' "$*"; }
lacks() { printf '  MISSING  %s\n' "$*" && missing=$((missing + 1)); }
unknown() { printf '  unseen   %s\n' "$*"; }
kube() { "${KUBECTL:-kubectl}" "$@" 2>/dev/null; }
cloud() { "${AWS:-aws}" "$@" 2>/dev/null; }

# there WORDS KIND NAME [OPTIONS…]
there() {
    local words=$1
    shift
    if kube get "$@" -o name >/dev/null; then good "$words"; else lacks "$words ($*)"; fi
}

# at_least WORDS LEAST VERSION
at_least() {
    local words=$1 least=$2 version=${3#v}
    if [[ -z $version ]]; then
        lacks "$words: nothing says of which version it is"
    elif [[ $(printf '%s\n%s\n' "$least" "$version" | sort -V | head -n 1) == "$least" ]]; then
        good "$words $version"
    else
        lacks "$words is $version, and $least is wanted"
    fi
}

# tag NAMESPACE DEPLOYMENT: the version in the name of its image.
tag() {
    local image
    image=$(kube -n "$1" get deployment "$2" -o 'jsonpath={.spec.template.spec.containers[0].image}') || return 0
    sed -nE 's/@.*//; s/.*:v?([0-9]+(\.[0-9]+)*).*/\1/p' <<<"$image"
}

# wants PATTERN: whether the overlay has a line like this.
wants() { grep -qE "$1" <<<"$rendered"; }

render() {
    if ! rendered=$(kube kustomize "$overlay"); then
        printf 'preflight.sh: %s does not render\n' "$overlay" >&2
        exit 2
    fi
}

look_at_cluster() {
    local version
    version=$(kube version -o json | sed -nE '/serverVersion/,$ s/.*"gitVersion": "v([0-9.]+).*/\1/p' | head -n 1) || true
    [[ -n $version ]] || { lacks "the cluster does not answer" && return 1; }
    at_least Kubernetes 1.33 "$version"
    there "pods for names, to which the policies point" pods -n kube-system -l k8s-app=kube-dns
    if kube get apiservice v1beta1.metrics.k8s.io -o 'jsonpath={.status.conditions[?(@.type=="Available")].status}' | grep -q True; then
        good "processor time of pods (metrics-server)"
    else
        lacks "processor time of pods (metrics-server)"
    fi
    look_at_storage
    if wants '^  loadBalancerClass: service.k8s.aws/nlb'; then
        there "load balancers (AWS Load Balancer Controller)" deployment -n kube-system aws-load-balancer-controller
    fi
}

# Classes that the overlay brings want their driver; others have to be there.
look_at_storage() {
    local class driver
    while read -r driver; do there "volumes by $driver" csidriver "$driver"; done < <(sed -nE 's/^provisioner: (.*)/\1/p' <<<"$rendered")
    while read -r class; do
        wants "^  name: $class\$" || there "volumes of class $class" storageclass "$class"
    done < <(sed -nE 's/.*storageClassName: (.*)/\1/p' <<<"$rendered" | sort -u)
}

# operator KIND CRD WORDS LEAST NAMESPACE DEPLOYMENT: where the overlay has objects of the kind.
operator() {
    wants "^kind: $1\$" || return 0
    there "kind $1" crd "$2"
    if [[ -n ${3:-} ]]; then at_least "$3" "$4" "$(tag "$5" "$6")"; fi
}

look_at_operators() {
    operator RabbitmqCluster rabbitmqclusters.rabbitmq.com "RabbitMQ's cluster operator" 2.17 rabbitmq-system rabbitmq-cluster-operator
    operator ScaledObject scaledobjects.keda.sh KEDA 2.18 keda keda-operator
    operator ServiceMonitor servicemonitors.monitoring.coreos.com
    operator PodMonitor podmonitors.monitoring.coreos.com
    operator PrometheusRule prometheusrules.monitoring.coreos.com
    operator Certificate certificates.cert-manager.io cert-manager 1.15 cert-manager cert-manager
    operator NodePool nodepools.karpenter.sh Karpenter 1.6 kube-system karpenter
    operator EC2NodeClass ec2nodeclasses.karpenter.k8s.aws
    operator ComputeClass computeclasses.cloud.google.com
    if wants '^kind: ScaledObject$'; then there "Prometheus' address for KEDA" service -n monitoring prometheus-operated; fi
}

# An issuer of yours, for the edge. A challenge by HTTP-01 comes in on port 80, to a pod of cert-manager's in this namespace: the world
# reaches 443 alone, and no policy lets that pod be reached.
look_at_issuers() {
    local issuer solvers
    while read -r issuer; do
        there "issuer $issuer" clusterissuer "$issuer"
        solvers=$(kube get clusterissuer "$issuer" -o 'jsonpath={.spec.acme.solvers}') || true
        case $solvers in
        *'"http01"'*'"dns01"'* | *'"dns01"'*'"http01"'*) unknown "whether issuer $issuer solves for the edge's name by DNS-01: by HTTP-01 nobody gets in" ;;
        *'"http01"'*) lacks "issuer $issuer solves by HTTP-01, and nobody gets in to its pod: DNS-01, or an authority of yours" ;;
        esac
    done < <(sed -nE '/^ +kind: ClusterIssuer$/ { n; s/^ +name: (.*)/\1/p; }' <<<"$rendered" | sort -u)
}

look_at_what_is_yours() {
    local left secret
    for secret in tagfleet-users tagfleet-redis tagfleet-keys tagfleet-store; do
        wants "(secretName|name): $secret\$" || continue
        # Those that the overlay makes itself are none of yours.
        grep -A 4 -E '^kind: Secret$' <<<"$rendered" | grep -qE "^  name: $secret\$" || there "Secret $secret" secret -n tagfleet "$secret"
    done
    left=$(grep -cE '000000000000|registry\.example|tagfleet\.example|objects\.example|certificate/CHANGE' <<<"$rendered") || true
    if ((left == 0)); then good "images, names and roles are filled in"; else lacks "$left lines of $overlay, rendered, still name nobody's images, names or roles (grep CHANGE)"; fi
}

# quota CODE WORDS LEAST: in vCPUs.
quota() {
    local value
    value=$(cloud service-quotas get-service-quota --service-code ec2 --quota-code "$1" --query Quota.Value --output text) || true
    if [[ ${value%.*} =~ ^[0-9]+$ ]] && ((${value%.*} >= $3)); then good "$2: ${value%.*} vCPUs"; else lacks "$2: ${value:-none} of $3 vCPUs"; fi
}

look_at_account() {
    wants '^kind: EC2NodeClass$' || return 0
    if ! command -v "${AWS:-aws}" >/dev/null; then unknown "quotas, role and bucket: no command aws" && return; fi
    local bucket role
    bucket=$(sed -nE 's#.*TAGFLEET_STORE_URL: s3://([^/ ]+).*#\1#p' <<<"$rendered" | head -n 1)
    role=$(sed -nE 's#.*eks.amazonaws.com/role-arn: .*:role/([^ ]+).*#\1#p' <<<"$rendered" | head -n 1)
    if wants 'nvidia.com/gpu:'; then
        # The pool's limit of GPUs, on machines of four vCPUs each, wants so many.
        quota L-DB2E81BA "on-demand G and VT instances" 40
        quota L-3819A6DF "spot G and VT instances" 40
    fi
    if cloud iam get-role --role-name "$role" >/dev/null; then good "role $role"; else lacks "role $role"; fi
    if cloud s3api head-bucket --bucket "$bucket" >/dev/null; then good "bucket $bucket"; else lacks "bucket $bucket"; fi
    if [[ $(cloud s3api get-bucket-versioning --bucket "$bucket" --query Status --output text) == Enabled ]]; then
        good "deleted batches can be fetched back (versions)"
    else
        lacks "versions of bucket $bucket"
    fi
}

look_at_nothing() {
    unknown "whether the network plugin enforces policies: deny one and try"
    unknown "whether Prometheus selects ServiceMonitors and PodMonitors of every namespace: its page of targets tells"
    unknown "whether nodes can pull the images, and pods reach the Internet (NAT, or IPv6)"
    if wants 'nvidia.com/gpu:'; then unknown "whether GPUs are to be had in your zones today, on demand or spot"; fi
    if wants '^kind: EC2NodeClass$'; then unknown "whether the node role of the node classes has its rights"; fi
    if wants '^kind: ComputeClass$'; then unknown "quotas of GPUs, and whether the key in tagfleet-store may write to the bucket"; fi
    if wants 'AWS_ENDPOINT:'; then unknown "whether the object store knows conditional writes: tagfleet doctor, from a machine that reaches it"; fi
    if wants 'externalTrafficPolicy: Local'; then unknown "whether Services get addresses (type LoadBalancer)"; fi
}

main() {
    render
    printf 'What is there\n'
    if look_at_cluster; then
        look_at_operators
        look_at_issuers
        look_at_what_is_yours
    fi
    look_at_account
    printf 'What nobody can see from here\n'
    look_at_nothing
    if ((missing > 0)); then printf '%d missing\n' "$missing" && exit 1; fi
    printf 'nothing is missing that can be seen\n'
}

main
