"""Spot nodes: who may stand on them, and what becomes of whom when the warning comes."""

import unittest

from rendered import OVERLAYS, SPOT_WARNING_S, containers, cores, labels, name, of_kind, pod, selects, workloads

STAYS = {"tagfleet-api", "tagfleet-edge", "tagfleet-redis", "tagfleet-worker-floor"}


def pools(overlay):
    return {pool["spec"]["template"]["metadata"]["labels"]["tagfleet/pool"]: pool["spec"] for pool in of_kind(overlay, "NodePool")}


def price_classes(pool):
    (values,) = [r["values"] for r in pool["template"]["spec"]["requirements"] if r["key"] == "karpenter.sh/capacity-type"]
    return set(values)


class Spot(unittest.TestCase):
    def stands_on(self, overlay, workload):
        return pools(overlay)[pod(workload)["nodeSelector"]["tagfleet/pool"]]

    def test_what_can_be_lost_is_on_spot_alone_and_nothing_else_is(self):
        for workload in workloads("aws-spot"):
            with self.subTest(workload=name(workload)):
                wanted = {"on-demand"} if name(workload) in STAYS else {"spot"}
                self.assertEqual(price_classes(self.stands_on("aws-spot", workload)), wanted)

    def test_its_nodes_are_tainted_and_only_guests_tolerate_that(self):
        for label, pool in pools("aws-spot").items():
            is_tainted = "tagfleet/spot" in {taint["key"] for taint in pool["template"]["spec"].get("taints", [])}
            self.assertEqual(is_tainted, "spot" in price_classes(pool), label)
        for workload in workloads("aws-spot"):
            tolerates = "tagfleet/spot" in {t["key"] for t in pod(workload).get("tolerations", [])}
            self.assertEqual(tolerates, name(workload) not in STAYS, name(workload))

    def test_whoever_may_be_on_spot_ends_within_the_warning(self):
        """In every overlay of Karpenter's, the pause before the end included: Kubernetes counts both as one."""
        for overlay in [overlay for overlay in OVERLAYS if of_kind(overlay, "NodePool")]:
            for workload in workloads(overlay):
                selector = pod(workload)["nodeSelector"]
                if "spot" in price_classes(self.stands_on(overlay, workload)) and selector.get("karpenter.sh/capacity-type") != "on-demand":
                    with self.subTest(overlay=overlay, workload=name(workload)):
                        self.assertLessEqual(pod(workload)["terminationGracePeriodSeconds"], SPOT_WARNING_S)
                        pause = pod(workload)["containers"][0].get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
                        self.assertLess(pause, pod(workload)["terminationGracePeriodSeconds"])

    def test_not_all_go_at_once(self):
        """A warning is an eviction: budgets hold the others back, and the spread keeps them on other nodes."""
        for workload in workloads("aws-spot"):
            (budget,) = [b["spec"] for b in of_kind("aws-spot", "PodDisruptionBudget") if selects(b["spec"]["selector"], labels(workload))]
            self.assertIn(budget["maxUnavailable"], (1, "20%", "25%", "50%"), name(workload))

    def test_without_any_spot_node_people_are_answered(self):
        """By two taggers; captions are templates then, and batches wait."""
        floor = [w for w in workloads("aws-spot") if name(w) == "tagfleet-worker-floor"]
        self.assertGreaterEqual(sum(w["spec"]["replicas"] for w in floor), 2)

    def test_the_pools_hold_all_maxima(self):
        most = {s["spec"]["scaleTargetRef"]["name"]: s["spec"]["maxReplicaCount"] for s in of_kind("aws-spot", "ScaledObject")}
        for label in ("plain", "spot"):
            there = [w for w in workloads("aws-spot") if pod(w)["nodeSelector"]["tagfleet/pool"] == label]
            asked = sum(most.get(name(w), w["spec"].get("replicas")) * cores(pod(w)["containers"][0]["resources"]["requests"]["cpu"]) for w in there)
            with self.subTest(pool=label):
                self.assertGreaterEqual(int(pools("aws-spot")[label]["limits"]["cpu"]), asked * 8 / 7 * 1.25)


class Google(unittest.TestCase):
    """gcp-l4: half a minute, of which pods have 15 s."""

    def classes(self):
        return {name(c): c["spec"] for c in of_kind("gcp-l4", "ComputeClass")}

    def test_everybody_stands_on_a_class_that_there_is(self):
        for workload in workloads("gcp-l4"):
            self.assertIn(pod(workload)["nodeSelector"]["cloud.google.com/compute-class"], self.classes())
        (broker,) = of_kind("gcp-l4", "RabbitmqCluster")
        self.assertIn("tagfleet-steady", str(broker["spec"]["affinity"]["nodeAffinity"]))
        self.assertIn(broker["spec"]["persistence"]["storageClassName"], {name(c) for c in of_kind("gcp-l4", "StorageClass")})

    def test_spot_first_and_then_whatever_there_is(self):
        self.assertEqual([rule["spot"] for rule in self.classes()["tagfleet-gpu"]["priorities"]], [True, False])
        for its_name in ("tagfleet-plain", "tagfleet-steady"):
            self.assertFalse([rule for rule in self.classes()[its_name]["priorities"] if rule["spot"]])

    def test_only_who_wants_a_gpu_has_one(self):
        wanting = {name(w) for w in workloads("gcp-l4") for c in containers(w) if "nvidia.com/gpu" in c["resources"]["limits"]}
        self.assertEqual(wanting, {"tagfleet-worker-tag"})
        (worker,) = [w for w in workloads("gcp-l4") if name(w) == "tagfleet-worker-tag"]
        self.assertTrue(all("gpu" in rule for rule in self.classes()[pod(worker)["nodeSelector"]["cloud.google.com/compute-class"]]["priorities"]))


class Bare(unittest.TestCase):
    def test_no_cloud_is_wanted(self):
        kinds = {thing["kind"] for kind in ("NodePool", "EC2NodeClass", "ComputeClass", "StorageClass") for thing in of_kind("bare", kind)}
        self.assertFalse(kinds)
        for workload in workloads("bare"):
            self.assertNotIn("nodeSelector", pod(workload), name(workload))
