"""How pods go: each request finds its end."""

import re
import unittest

from rendered import FLEETS, OVERLAYS, ROOT, environment, is_on_nodes_that_stay, labels, name, of_kind, pod, selects, workloads


class Stopping(unittest.TestCase):
    """The longest request fits between the edge's last look and the kill."""

    def container(self, overlay, workload):
        (found,) = [w for w in workloads(overlay) if name(w) == workload]
        return pod(found)["terminationGracePeriodSeconds"], pod(found)["containers"][0]

    def test_api(self):
        for overlay in OVERLAYS:
            grace_s, api = self.container(overlay, "tagfleet-api")
            drain_s = int(environment(api)["TAGFLEET_API_DRAIN_TIMEOUT_MS"]) / 1000
            self.assertGreaterEqual(drain_s, 60, "as long as the longest `timeout_ms`")
            (deployment,) = [w for w in workloads(overlay) if name(w) == "tagfleet-api"]
            self.assertGreaterEqual(deployment["spec"]["minReadySeconds"], 5, "until the edge has looked twice")
            self.assertGreaterEqual(grace_s, api["lifecycle"]["preStop"]["sleep"]["seconds"] + drain_s)

    def test_edge(self):
        settings = (ROOT / "deploy/haproxy/haproxy.cfg").read_text()
        hard_stop_s = int(re.search(r"hard-stop-after (\d+)s", settings)[1])
        for overlay in OVERLAYS:
            grace_s, edge = self.container(overlay, "tagfleet-edge")
            self.assertGreaterEqual(grace_s, edge["lifecycle"]["preStop"]["sleep"]["seconds"] + hard_stop_s)

    def test_the_edge_behind_a_load_balancer(self):
        """It is a target for as long as it is ready, and no longer is one before it closes its port."""
        for overlay in FLEETS:
            (service,) = [s for s in of_kind(overlay, "Service") if s["spec"].get("type") == "LoadBalancer"]
            (edge,) = [w for w in workloads(overlay) if name(w) == "tagfleet-edge"]
            pause_s = pod(edge)["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
            with self.subTest(overlay=overlay):
                self.assertEqual([port["port"] for port in service["spec"]["ports"]], [443], "keys travel in every request")
                self.assertGreaterEqual(pause_s, self.sent_to_for_s(overlay, service))
                self.assertTrue(is_on_nodes_that_stay(overlay, pod(edge)), "its grace is longer than a spot node's warning")
                self.assertGreaterEqual(edge["spec"]["replicas"], 3)

    def sent_to_for_s(self, overlay, service):
        """For how long after its end has begun somebody new may still be sent to a pod."""
        notes = service["metadata"].get("annotations", {})
        if any(key.startswith("service.beta.kubernetes.io/aws-load-balancer-") for key in notes):
            return self.amazons_s(overlay, {key.removeprefix("service.beta.kubernetes.io/aws-load-balancer-"): value for key, value in notes.items()})
        self.assertEqual(service["spec"]["externalTrafficPolicy"], "Local", "a node without an edge is no target, and says so by itself")
        # Google asks a node every 8 s and lets it go after three misses, and some seconds pass until that is everywhere. Whoever announces
        # addresses of one's own hears of it as fast as the cluster's own proxies.
        return 3 * 8 + 10 if any(key.startswith("networking.gke.io/") for key in notes) else 10

    def amazons_s(self, overlay, notes):
        (namespace,) = of_kind(overlay, "Namespace")
        self.assertEqual(namespace["metadata"]["labels"]["elbv2.k8s.aws/pod-readiness-gate-inject"], "enabled")
        self.assertIn(f"path {notes['healthcheck-path']} ", (ROOT / "deploy/haproxy/haproxy.cfg").read_text())
        noticed_s = int(notes["healthcheck-interval"]) * int(notes["healthcheck-unhealthy-threshold"])
        self.assertLessEqual(noticed_s, 10)
        # A minute in which a load balancer still sends new connections to a target that leaves.
        return 60 + noticed_s

    def test_whoever_is_called_waits_until_nobody_calls(self):
        """Whose address others hold; workers and migrators fetch their work."""
        for overlay in OVERLAYS:
            for service in of_kind(overlay, "Service"):
                called = {port["name"] for port in service["spec"]["ports"]} & {"http"}
                for workload in [w for w in workloads(overlay) if called and selects({"matchLabels": service["spec"]["selector"]}, labels(w))]:
                    with self.subTest(overlay=overlay, workload=name(workload)):
                        self.assertGreaterEqual(pod(workload)["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"], 5)
