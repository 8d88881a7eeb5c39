"""The manifests as they would be applied, rendered once, and what the tests look up in them."""

import functools
import os
import pathlib
import re
import subprocess

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
OVERLAYS = sorted(path.parent.name for path in (ROOT / "k8s/overlays").glob("*/kustomization.yaml"))
# Dashboards are long: libyaml reads them ten times as fast, where PyYAML has it.
FAST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# What sends load, in a namespace of its own.
LOAD = "loadtest"
NAME = "app.kubernetes.io/name"
# The broker's pods are the operator's; what we say of them is looked at by itself.
BROKER = "tagfleet-rabbitmq"
# A reclaimed spot node is gone after so long, with some seconds for the news to arrive.
SPOT_WARNING_S = 120 - 10
# What nobody takes back has all the time it needs.
ON_DEMAND = {"karpenter.sh/capacity-type": "on-demand"}.items()
# Google's half a minute, of which pods have so long.
GOOGLES_SPOT_WARNING_S = 15
# Made by the operator, and by whoever runs the overlay (k8s/README.md).
SECRETS_FROM_ELSEWHERE = {"tagfleet-rabbitmq-default-user", "tagfleet-redis", "tagfleet-keys", "tagfleet-users", "tagfleet-store"}
# Overlays for more than one machine: people outside call them.
FLEETS = [overlay for overlay in OVERLAYS if overlay != "dev"]


def folder(overlay):
    return ROOT / "k8s" / {LOAD: "loadtest"}.get(overlay, f"overlays/{overlay}")


@functools.cache
def text(overlay):
    kubectl = os.environ.get("TAGFLEET_KUBECTL", "kubectl")
    done = subprocess.run([kubectl, "kustomize", folder(overlay)], capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"{overlay} does not render:\n{done.stderr}")
    return done.stdout


@functools.cache
def render(overlay):
    return list(yaml.load_all(text(overlay), Loader=FAST))


def of_kind(overlay, *kinds):
    return [thing for thing in render(overlay) if thing["kind"] in kinds]


def workloads(overlay):
    return of_kind(overlay, "Deployment", "StatefulSet")


def tasks(overlay):
    """What runs now and then, and ends."""
    return of_kind(overlay, "CronJob")


def template(workload):
    spec = workload["spec"]
    return spec["jobTemplate"]["spec"]["template"] if workload["kind"] == "CronJob" else spec["template"]


def pod(workload):
    return template(workload)["spec"]


def labels(workload):
    return template(workload)["metadata"]["labels"]


def name(thing):
    return thing["metadata"]["name"]


def containers(workload):
    return [*pod(workload).get("initContainers", []), *pod(workload)["containers"]]


def selects(selector, its_labels):
    """Whether a label selector means these labels."""
    if any(its_labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    expressions = selector.get("matchExpressions", [])
    if any(term["operator"] != "In" for term in expressions):
        raise AssertionError(f"the tests read no other operator than In: {selector}")
    return all(its_labels.get(term["key"]) in term["values"] for term in expressions)


def each(those):
    """Makes a test of one thing a test of all such things in every overlay."""

    def made(check):
        @functools.wraps(check)
        def test(self):
            for overlay in OVERLAYS:
                for workload in those(overlay):
                    with self.subTest(overlay=overlay, workload=name(workload)):
                        check(self, overlay, workload)

        return test

    return made


each_workload = each(workloads)
each_pod = each(lambda overlay: workloads(overlay) + tasks(overlay))


def seconds(time):
    return int(time[:-1]) * {"s": 1, "m": 60, "h": 3600}[time[-1]]


def cores(quantity):
    return int(quantity.removesuffix("m")) / 1000 if quantity.endswith("m") else int(quantity)


def secrets_made(overlay):
    """Those that are rendered, and those that cert-manager makes."""
    return {name(secret) for secret in of_kind(overlay, "Secret")} | {made["spec"]["secretName"] for made in of_kind(overlay, "Certificate")}


def broker_port(overlay):
    """By TLS where the broker has a certificate."""
    (cluster,) = of_kind(overlay, "RabbitmqCluster")
    return 5671 if "tls" in cluster["spec"] else 5672


def broker_ports(overlay):
    """Those of its pods that are asked for metrics, by name: as the operator makes them (`updateContainerPorts`)."""
    (cluster,) = of_kind(overlay, "RabbitmqCluster")
    tls = cluster["spec"].get("tls", {})
    plain = {} if tls.get("disableNonTLSListeners") else {"prometheus": 15692}
    return plain | ({"prometheus-tls": 15691} if tls else {})


def is_on_nodes_that_stay(overlay, its_pod):
    """By what the nodes are that it selects."""
    wanted = its_pod.get("nodeSelector", {})
    if ON_DEMAND <= wanted.items():
        return True
    classes = {name(c): c["spec"]["priorities"] for c in of_kind(overlay, "ComputeClass")}
    if classes:
        return not any(rule["spot"] for rule in classes[wanted["cloud.google.com/compute-class"]])
    # Machines of one's own are nobody's to take back.
    return not of_kind(overlay, "NodePool") and overlay != "dev"


def environment(container):
    return {entry["name"]: entry.get("value") for entry in container.get("env", [])}


@functools.cache
def source():
    """All Rust that is shipped, as one text."""
    crates = [ROOT / name for name in ("common", "api-server", "migrator", "ai-worker", "tagfleet")] + sorted((ROOT / "crates").iterdir())
    return "\n".join(path.read_text() for crate in crates for path in sorted((crate / "src").rglob("*.rs")))


@functools.cache
def roles():
    """The commands of the binary: `Api(…)` in the enum of them is `tagfleet api`."""
    commands = re.search(r"enum Command \{(.*?)\n\}", (ROOT / "tagfleet/src/main.rs").read_text(), re.DOTALL)[1]
    return {found.lower() for found in re.findall(r"^    ([A-Z][a-z]+)[({,]", commands, re.MULTILINE)}


@functools.cache
def queues():
    """The broker's queues that jobs go through, by the names that the code gives them."""
    jobs = re.findall(r'Priority::[A-Z][a-z]+\) => "([a-z.]+)"', (ROOT / "common/src/queue/names.rs").read_text())
    prefix = re.search(r'env = "TAGFLEET_QUEUE_PREFIX", default_value = "([a-z]+)"', source())[1]
    others = re.findall(r'format!\("\{prefix\}\.([a-z]+)"\)', (ROOT / "common/src/queue/rabbit/topology.rs").read_text())
    return {f"{prefix}.{queue}" for queue in (*jobs, *others)}


@functools.cache
def metrics():
    return set(re.findall(r'"(tagfleet_[a-z_]+)"', source()))
