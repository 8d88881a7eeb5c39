#!/usr/bin/env bash
# deploy/preflight.sh [FOLDER]: what a cluster on AWS lacks before k8s/overlays/aws-t4, or another overlay, is applied to it. It reads
# and changes nothing. Exit code 0: all that it can look at is there. What it cannot look at, it says.
#
#   KUBECTL, AWS    the commands; without `aws` nothing of the account is looked at
set -euo pipefail
cd "$(dirname "$0")/.."
overlay=${1:-k8s/overlays/aws-t4}
missing=0

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
    there "volumes (EBS CSI driver)" csidriver ebs.csi.aws.com
    there "load balancers (AWS Load Balancer Controller)" deployment -n kube-system aws-load-balancer-controller
}

look_at_operators() {
    there "kind RabbitmqCluster" crd rabbitmqclusters.rabbitmq.com
    at_least "RabbitMQ's cluster operator" 2.17 "$(tag rabbitmq-system rabbitmq-cluster-operator)"
    there "kind ScaledObject" crd scaledobjects.keda.sh
    at_least KEDA 2.18 "$(tag keda keda-operator)"
    there "kind ServiceMonitor" crd servicemonitors.monitoring.coreos.com
    there "kind PrometheusRule" crd prometheusrules.monitoring.coreos.com
    there "Prometheus' address for KEDA" service -n monitoring prometheus-operated
    there "kind NodePool" crd nodepools.karpenter.sh
    there "kind EC2NodeClass" crd ec2nodeclasses.karpenter.k8s.aws
    at_least Karpenter 1.6 "$(tag kube-system karpenter)"
}

look_at_what_is_yours() {
    local left
    there "Secret of Redis" secret -n tagfleet tagfleet-redis
    there "Secret of API keys and webhooks" secret -n tagfleet tagfleet-keys
    left=$(grep -rnE 'CHANGE|000000000000|registry\.example' "$overlay" --include='*.yaml' | grep -cE '000000000000|registry\.example') || true
    if ((left == 0)); then good "images and role are filled in"; else lacks "$left lines of $overlay still name nobody's images or role (grep CHANGE)"; fi
}

# quota CODE WORDS LEAST: in vCPUs.
quota() {
    local value
    value=$(cloud service-quotas get-service-quota --service-code ec2 --quota-code "$1" --query Quota.Value --output text) || true
    if [[ ${value%.*} =~ ^[0-9]+$ ]] && ((${value%.*} >= $3)); then good "$2: ${value%.*} vCPUs"; else lacks "$2: ${value:-none} of $3 vCPUs"; fi
}

look_at_account() {
    local bucket role
    if ! command -v "${AWS:-aws}" >/dev/null; then unknown "quotas, role and bucket: no command aws" && return; fi
    bucket=$(sed -nE 's#.*TAGFLEET_STORE_URL: s3://([^/ ]+).*#\1#p' "$overlay"/fleet/migrator/settings.yaml) || true
    role=$(sed -nE 's#.*role-arn: .*:role/([^ ]+).*#\1#p' "$overlay"/fleet/migrator/role.yaml) || true
    # The pool's limit of GPUs, on machines of four vCPUs each, wants so many.
    quota L-DB2E81BA "on-demand G and VT instances" 40
    quota L-3819A6DF "spot G and VT instances" 40
    if cloud iam get-role --role-name "$role" >/dev/null; then good "role $role"; else lacks "role $role"; fi
    if cloud s3api head-bucket --bucket "$bucket" >/dev/null; then good "bucket $bucket"; else lacks "bucket $bucket"; fi
    if [[ $(cloud s3api get-bucket-versioning --bucket "$bucket" --query Status --output text) == Enabled ]]; then
        good "deleted batches can be fetched back (versions)"
    else
        lacks "versions of bucket $bucket"
    fi
}

main() {
    printf 'What is there\n'
    if look_at_cluster; then
        look_at_operators
        look_at_what_is_yours
    fi
    look_at_account
    printf 'What nobody can see from here\n'
    unknown "whether the network plugin enforces policies: deny one and try"
    unknown "whether Prometheus selects ServiceMonitors of every namespace: its page of targets tells"
    unknown "whether GPUs are to be had in your zones today, on demand or spot"
    unknown "whether nodes can pull the images, and pods reach the Internet (NAT, or IPv6)"
    unknown "whether the node role of the node classes has its rights"
    if ((missing > 0)); then printf '%d missing\n' "$missing" && exit 1; fi
    printf 'nothing is missing that can be seen\n'
}

main
