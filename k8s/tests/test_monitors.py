"""Prometheus finds what it is told to read: every port that a monitor names is one that there is, and every job one that the alerts know."""

import re
import unittest

from observed import rules
from rendered import FLEETS, LOAD, NAME, OVERLAYS, broker_ports, labels, name, of_kind, pod, selects, workloads


def its_services(overlay, monitor):
    """Those with a port that it names: what has its labels alone is passed over."""
    named = {endpoint["port"] for endpoint in monitor["spec"]["endpoints"]}
    there = [s for s in of_kind(overlay, "Service") if selects(monitor["spec"]["selector"], s["metadata"].get("labels", {}))]
    return [service for service in there if named & {port["name"] for port in service["spec"]["ports"]}]


def its_pods(overlay, monitor):
    """The ports by name of each kind of pod that a monitor selects."""
    found = [{port["name"]: port["containerPort"] for c in pod(w)["containers"] for port in c.get("ports", [])} for w in workloads(overlay) if selects(monitor["spec"]["selector"], labels(w))]
    return found + [broker_ports(overlay) for cluster in of_kind(overlay, "RabbitmqCluster") if selects(monitor["spec"]["selector"], {NAME: name(cluster)})]


def jobs(overlay):
    """As the Prometheus operator names them."""
    for monitor in of_kind(overlay, "ServiceMonitor"):
        yield from (name(service) for service in its_services(overlay, monitor))
    for monitor in of_kind(overlay, "PodMonitor"):
        assert monitor["spec"].get("jobLabel") == NAME, f"{name(monitor)}: without, its job is `namespace/name`"
        yield monitor["spec"]["selector"]["matchLabels"][NAME]


class Monitors(unittest.TestCase):
    def test_a_service_that_is_read_is_ours_and_has_the_port(self):
        """What an operator makes it makes otherwise with TLS: the broker's Service has no port `prometheus` then."""
        for overlay in OVERLAYS:
            for monitor in of_kind(overlay, "ServiceMonitor"):
                with self.subTest(overlay=overlay, monitor=name(monitor)):
                    self.assertEqual(len(its_services(overlay, monitor)), 1, "of none nothing is read, and of two everything twice")
                    (service,) = its_services(overlay, monitor)
                    there = {port["name"] for port in service["spec"]["ports"]}
                    self.assertLessEqual({endpoint["port"] for endpoint in monitor["spec"]["endpoints"]}, there)

    def test_a_pod_that_is_read_has_the_port(self):
        for overlay in OVERLAYS:
            for monitor in of_kind(overlay, "PodMonitor"):
                with self.subTest(overlay=overlay, monitor=name(monitor)):
                    (ports,) = its_pods(overlay, monitor)
                    self.assertLessEqual({endpoint["port"] for endpoint in monitor["spec"]["podMetricsEndpoints"]}, set(ports))

    def test_whoever_has_metrics_is_read(self):
        """A role without a monitor is one of which no alert can tell, and by which nothing scales."""
        for overlay in FLEETS:
            read = [monitor["spec"]["selector"] for monitor in of_kind(overlay, "ServiceMonitor", "PodMonitor")]
            there = [labels(w) for w in workloads(overlay)] + [{NAME: name(cluster)} for cluster in of_kind(overlay, "RabbitmqCluster")]
            for its_labels in there:
                with self.subTest(overlay=overlay, pods=its_labels[NAME]):
                    self.assertTrue(any(selects(selector, its_labels) for selector in read))

    def test_the_broker_is_asked_for_the_metrics_that_are_read(self):
        for overlay in FLEETS:
            (monitor,) = [m for m in of_kind(overlay, "PodMonitor") if name(m) == "tagfleet-rabbitmq"]
            with self.subTest(overlay=overlay):
                asked = {endpoint["path"]: endpoint.get("params", {}).get("family", []) for endpoint in monitor["spec"]["podMetricsEndpoints"]}
                self.assertLessEqual({"queue_coarse_metrics", "queue_consumer_count"}, set(asked["/metrics/detailed"]))
                self.assertIn("/metrics", asked)

    def test_every_job_is_one_that_the_alerts_know(self):
        (down,) = [rule["expr"] for rule in rules() if rule.get("alert") == "TagfleetTargetDown"]
        pattern = re.search(r'job=~"([^"]+)"', down)[1]
        for overlay in FLEETS:
            for job in jobs(overlay):
                with self.subTest(overlay=overlay, job=job):
                    self.assertRegex(job, f"^(?:{pattern})$")

    def test_load_is_read_by_nobody(self):
        self.assertFalse(of_kind(LOAD, "ServiceMonitor", "PodMonitor"))
