"""How pods go: each request finds its end."""

import re
import unittest

from rendered import ON_DEMAND, OVERLAYS, ROOT, environment, labels, name, of_kind, pod, selects, workloads


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
        (namespace,) = of_kind("aws-t4", "Namespace")
        self.assertEqual(namespace["metadata"]["labels"]["elbv2.k8s.aws/pod-readiness-gate-inject"], "enabled")
        (service,) = [s for s in of_kind("aws-t4", "Service") if s["spec"].get("type") == "LoadBalancer"]
        self.assertEqual([port["port"] for port in service["spec"]["ports"]], [443], "keys travel in every request")
        notes = {key.removeprefix("service.beta.kubernetes.io/aws-load-balancer-"): value for key, value in service["metadata"]["annotations"].items()}
        self.assertIn(f"path {notes['healthcheck-path']} ", (ROOT / "deploy/haproxy/haproxy.cfg").read_text())
        noticed_s = int(notes["healthcheck-interval"]) * int(notes["healthcheck-unhealthy-threshold"])
        self.assertLessEqual(noticed_s, 10)
        (edge,) = [w for w in workloads("aws-t4") if name(w) == "tagfleet-edge"]
        # A minute in which a load balancer still sends new connections to a target that leaves.
        self.assertGreaterEqual(pod(edge)["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"], 60 + noticed_s)
        self.assertLessEqual(ON_DEMAND, pod(edge)["nodeSelector"].items())
        self.assertGreaterEqual(edge["spec"]["replicas"], 3)

    def test_whoever_is_called_waits_until_nobody_calls(self):
        """Whose address others hold; workers and migrators fetch their work."""
        for overlay in OVERLAYS:
            for service in of_kind(overlay, "Service"):
                called = {port["name"] for port in service["spec"]["ports"]} & {"http"}
                for workload in [w for w in workloads(overlay) if called and selects({"matchLabels": service["spec"]["selector"]}, labels(w))]:
                    with self.subTest(overlay=overlay, workload=name(workload)):
                        self.assertGreaterEqual(pod(workload)["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"], 5)
