"""Broker and results."""

import unittest

from rendered import BROKER, NAME, OVERLAYS, SPOT_WARNING_S, name, of_kind, pod, selects, workloads
from test_workloads import assert_confined


class Broker(unittest.TestCase):
    """Its pods are the operator's, which takes what is said here."""

    def pods(self):
        for overlay in OVERLAYS:
            for cluster in of_kind(overlay, "RabbitmqCluster"):
                with self.subTest(overlay=overlay):
                    its_pod = cluster["spec"]["override"]["statefulSet"]["spec"]["template"]["spec"]
                    (container,) = its_pod["containers"]
                    yield cluster, its_pod, container

    def test_is_confined(self):
        for _, its_pod, container in self.pods():
            assert_confined(self, its_pod, container)

    def test_is_ready_when_it_takes_connections_and_is_never_killed_for_waiting(self):
        for _, _, container in self.pods():
            self.assertEqual(container["readinessProbe"]["tcpSocket"], {"port": "amqp"})
            self.assertNotIn("livenessProbe", container)

    def test_has_limits_a_budget_a_priority_and_time_to_stop(self):
        for cluster, its_pod, _ in self.pods():
            for side in ("requests", "limits"):
                self.assertLessEqual({"cpu", "memory"}, set(cluster["spec"]["resources"][side]), side)
            self.assertEqual(its_pod["priorityClassName"], "tagfleet-state")
            self.assertLessEqual(cluster["spec"]["terminationGracePeriodSeconds"], SPOT_WARNING_S)
        for overlay in OVERLAYS:
            budgets = [b for b in of_kind(overlay, "PodDisruptionBudget") if selects(b["spec"]["selector"], {NAME: BROKER})]
            self.assertEqual([b["spec"]["maxUnavailable"] for b in budgets], [1])


class Redis(unittest.TestCase):
    def pods(self):
        for overlay in OVERLAYS:
            (redis,) = [w for w in workloads(overlay) if name(w) == "tagfleet-redis"]
            with self.subTest(overlay=overlay):
                yield redis

    def test_starts_elsewhere_when_its_node_is_lost(self):
        """A StatefulSet's pod does not, until somebody deletes the node; and by default a lost node is waited for for five minutes."""
        for redis in self.pods():
            self.assertEqual((redis["kind"], redis["spec"]["strategy"]["type"], redis["spec"]["replicas"]), ("Deployment", "Recreate", 1))
            patience = {t["key"]: t["tolerationSeconds"] for t in pod(redis)["tolerations"] if t["effect"] == "NoExecute"}
            self.assertEqual(patience, {"node.kubernetes.io/not-ready": 20, "node.kubernetes.io/unreachable": 20})

    def test_its_absence_takes_no_api_server_out_of_the_names(self):
        for overlay in OVERLAYS:
            (service,) = [s for s in of_kind(overlay, "Service") if name(s) == "tagfleet-api"]
            self.assertTrue(service["spec"]["publishNotReadyAddresses"])
