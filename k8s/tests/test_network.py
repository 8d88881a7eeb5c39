"""Who may reach whom."""

import ipaddress
import re
import unittest

from rendered import FLEETS, OVERLAYS, BROKER, NAME, broker_port, each_pod, each_workload, labels, name, of_kind, selects, source, tasks, workloads
from test_monitors import its_pods, its_services

# What nobody may reach by an address: clusters, private networks, this host, the clouds' metadata.
FORBIDDEN = ["10.0.0.1", "172.20.0.1", "192.168.0.1", "100.64.0.1", "127.0.0.1", "169.254.169.254", "169.254.170.23", "fd00:ec2::254", "fe80::1", "::1",
             "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "224.0.0.1"]
INTERNET = {"tagfleet-api", "tagfleet-migrator"}


def policies(overlay, its_labels):
    return [p["spec"] for p in of_kind(overlay, "NetworkPolicy") if selects(p["spec"]["podSelector"], its_labels)]


def allows(peer, address):
    block = peer.get("ipBlock")
    if block is None:
        return False
    address = ipaddress.ip_address(address)
    inside = address in ipaddress.ip_network(block["cidr"])
    return inside and not any(address in ipaddress.ip_network(hole) for hole in block.get("except", []))


def is_one_machine(rule):
    return [peer.get("ipBlock", {}).get("cidr", "")[-3:] for peer in rule["to"]] == ["/32"]


def egress(overlay, its_labels):
    return [rule for policy in policies(overlay, its_labels) for rule in policy.get("egress", [])]


def ports(rule):
    return {port["port"] for port in rule["ports"]}


class EveryWorkload(unittest.TestCase):
    @each_pod
    def test_nothing_is_open_that_no_policy_opens(self, overlay, workload):
        closed = [p for p in policies(overlay, labels(workload)) if not p.get("ingress") and not p.get("egress")]
        self.assertIn({"Ingress", "Egress"}, [set(p["policyTypes"]) for p in closed])
        own = [p for p in policies(overlay, labels(workload)) if p["podSelector"].get("matchLabels")]
        self.assertTrue(own, "a policy of its own")

    @each_pod
    def test_no_rule_is_without_bounds(self, overlay, workload):
        for rule in egress(overlay, labels(workload)):
            self.assertTrue(rule.get("to") and rule.get("ports"), rule)

    @each_pod
    def test_only_who_fetches_images_reaches_addresses_and_none_of_ours(self, overlay, workload):
        peers = [peer for rule in egress(overlay, labels(workload)) for peer in rule["to"]]
        self.assertEqual(any(allows(peer, "93.184.216.34") for peer in peers), name(workload) in INTERNET)
        for address in FORBIDDEN:
            self.assertFalse(any(allows(peer, address) for peer in peers), address)
        # No private address but the object store's.
        self.assertEqual(sum(is_one_machine(rule) for rule in egress(overlay, labels(workload))), int(overlay == "bare" and name(workload) in INTERNET))

    @each_pod
    def test_images_are_fetched_from_the_ports_that_the_code_allows(self, overlay, workload):
        default = re.search(r"const USUAL: \[u16; \d\] = \[([0-9, ]+)\]", source())[1]
        for rule in egress(overlay, labels(workload)):
            if any("ipBlock" in peer for peer in rule["to"]) and not is_one_machine(rule):
                self.assertEqual(ports(rule), set(map(int, default.split(","))))

    @each_workload
    def test_a_worker_reaches_broker_results_and_names_alone(self, overlay, workload):
        if "worker" not in name(workload):
            return
        reached = {(peer["podSelector"]["matchLabels"].get(NAME), port) for rule in egress(overlay, labels(workload)) for peer in rule["to"] for port in ports(rule)}
        self.assertEqual(reached, {(BROKER, broker_port(overlay)), ("tagfleet-redis", 6379), (None, 53)})

    def test_who_declares_queues_reaches_the_broker_and_names_alone(self):
        for overlay in FLEETS:
            (task,) = tasks(overlay)
            reached = {(peer["podSelector"]["matchLabels"].get(NAME), port) for rule in egress(overlay, labels(task)) for peer in rule["to"] for port in ports(rule)}
            self.assertEqual(reached, {(BROKER, broker_port(overlay)), (None, 53)}, overlay)

    def test_both_ends_agree(self):
        """Whoever may go to the broker or to Redis is let in there, and nobody else is."""
        for overlay in OVERLAYS:
            for target, port in ((BROKER, broker_port(overlay)), ("tagfleet-redis", 6379)):
                for workload in workloads(overlay) + tasks(overlay):
                    with self.subTest(overlay=overlay, source=name(workload), target=target):
                        out = any(selects(peer.get("podSelector", {}), {NAME: target}) and port in ports(rule)
                                  for rule in egress(overlay, labels(workload)) for peer in rule["to"] if "namespaceSelector" not in peer)
                        rules = [rule for policy in policies(overlay, {NAME: target}) for rule in policy.get("ingress", []) if port in ports(rule)]
                        let_in = any(selects(peer.get("podSelector", {}), labels(workload)) for rule in rules for peer in rule["from"] if "namespaceSelector" not in peer)
                        self.assertEqual(out, let_in)

    def test_prometheus_reaches_what_it_is_told_to_read(self):
        for overlay in OVERLAYS:
            for monitor in of_kind(overlay, "ServiceMonitor", "PodMonitor"):
                with self.subTest(overlay=overlay, monitor=name(monitor)):
                    its_labels = monitor["spec"]["selector"]["matchLabels"]
                    open_ports = {port for policy in policies(overlay, its_labels) for rule in policy.get("ingress", [])
                                  for peer in rule.get("from", []) if peer.get("podSelector", {}).get("matchLabels", {}).get(NAME) == "prometheus" for port in ports(rule)}
                    numbers = self.read(overlay, monitor)
                    self.assertTrue(numbers)
                    self.assertLessEqual(numbers, open_ports)

    def read(self, overlay, monitor):
        """The ports of pods that a monitor reads."""
        if monitor["kind"] == "PodMonitor":
            (there,) = its_pods(overlay, monitor)
            return {there[endpoint["port"]] for endpoint in monitor["spec"]["podMetricsEndpoints"]}
        (service,) = its_services(overlay, monitor)
        targets = {port["targetPort"] for port in service["spec"]["ports"] if port["name"] in {e["port"] for e in monitor["spec"]["endpoints"]}}
        (workload,) = [w for w in workloads(overlay) if selects({"matchLabels": service["spec"]["selector"]}, labels(w))]
        return {p["containerPort"] for c in workload["spec"]["template"]["spec"]["containers"] for p in c["ports"] if p["name"] in targets}
