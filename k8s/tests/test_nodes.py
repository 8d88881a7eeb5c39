"""Which nodes there are, how they go, and who stands on them."""

import math
import unittest

from rendered import FLEETS, SPOT_WARNING_S, containers, cores, environment, is_on_nodes_that_stay, name, of_kind, pod, seconds, workloads

KARPENTERS = [overlay for overlay in FLEETS if of_kind(overlay, "NodePool")]
TAGGERS = {"tagfleet-worker-tag", "tagfleet-worker-floor"}


class Nodes(unittest.TestCase):
    def setUp(self):
        self.pools = {name(pool): pool["spec"] for pool in of_kind("aws-t4", "NodePool")}

    def values(self, pool, key):
        (found,) = [r["values"] for r in self.pools[pool]["template"]["spec"]["requirements"] if r["key"] == key]
        return found

    def test_gpus_come_from_wherever_they_are_to_be_had(self):
        self.assertEqual(self.values("tagfleet-gpu", "karpenter.sh/capacity-type"), ["reserved", "spot", "on-demand"])
        self.assertEqual(set(self.values("tagfleet-gpu", "karpenter.k8s.aws/instance-family")), {"g4dn", "g5", "g6"})
        (gpu_class,) = [c for c in of_kind("aws-t4", "EC2NodeClass") if name(c) == "tagfleet-gpu"]
        self.assertTrue(gpu_class["spec"]["capacityReservationSelectorTerms"])

    def each_pool(self):
        """Every overlay's pools: components change them, and bring others."""
        for overlay in KARPENTERS:
            for pool in of_kind(overlay, "NodePool"):
                yield overlay, name(pool), pool["spec"]

    def test_every_pool_is_looked_at(self):
        self.assertLessEqual({("aws-t4", "tagfleet-gpu"), ("aws-spot", "tagfleet-spot"), ("aws-cpu", "tagfleet-plain")}, {(overlay, pool) for overlay, pool, _ in self.each_pool()})

    def test_pools_lie_in_three_zones_and_end_after_their_pods(self):
        for overlay, pool, spec in self.each_pool():
            with self.subTest(overlay=overlay, pool=pool):
                (zones,) = [r["values"] for r in spec["template"]["spec"]["requirements"] if r["key"] == "topology.kubernetes.io/zone"]
                self.assertEqual(len(set(zones)), 3)
                self.assertIn(spec["template"]["spec"]["nodeClassRef"]["name"], {name(c) for c in of_kind(overlay, "EC2NodeClass")})
                self.assertGreaterEqual(seconds(spec["template"]["spec"]["terminationGracePeriod"]), max(SPOT_WARNING_S, *(pod(w)["terminationGracePeriodSeconds"] for w in workloads(overlay))))

    def test_no_node_goes_by_force(self):
        """Expiry asks no budget and starts no replacement, and a wave that came together would go together. A machine image that is
        named by its version is patched by drift, which does both."""
        for overlay, pool, spec in self.each_pool():
            with self.subTest(overlay=overlay, pool=pool):
                self.assertEqual(spec["template"]["spec"]["expireAfter"], "Never")
        for overlay in KARPENTERS:
            for its_class in of_kind(overlay, "EC2NodeClass"):
                with self.subTest(overlay=overlay, node_class=name(its_class)):
                    for term in its_class["spec"]["amiSelectorTerms"]:
                        self.assertRegex(term["alias"], r"@v\d+\.\d+\.\d+$")

    def test_budgets_hold_for_as_long_as_all_pods_take_to_move(self):
        """Afterwards what is left is deleted in spite of them. One fifth of the workers at once, five minutes for each turn."""
        for overlay in KARPENTERS:
            (scaler,) = [s for s in of_kind(overlay, "ScaledObject") if name(s) == "tagfleet-worker-tag"]
            (budget,) = [b for b in of_kind(overlay, "PodDisruptionBudget") if name(b) == "tagfleet-worker-tag"]
            workers = scaler["spec"]["maxReplicaCount"]
            at_once = max(1, workers * int(budget["spec"]["maxUnavailable"].rstrip("%")) // 100)
            (tagger,) = [w for w in workloads(overlay) if name(w) == "tagfleet-worker-tag"]
            (pool,) = [spec for where, its_name, spec in self.each_pool() if where == overlay and its_name == f"tagfleet-{pod(tagger)['nodeSelector']['tagfleet/pool']}"]
            with self.subTest(overlay=overlay):
                self.assertGreaterEqual(seconds(pool["template"]["spec"]["terminationGracePeriod"]), math.ceil(workers / at_once) * 300)

    def plain(self):
        return [w for w in workloads("aws-t4") if pod(w)["nodeSelector"]["tagfleet/pool"] == "plain"]

    def test_a_plain_node_is_filled(self):
        """A preference is a rule to Karpenter first, and an empty node counts as none: so many of a kind as the skew on a node."""
        scaled = {s["spec"]["scaleTargetRef"]["name"] for s in of_kind("aws-t4", "ScaledObject")}
        smallest = min(map(int, self.values("tagfleet-plain", "karpenter.k8s.aws/instance-cpu")))
        for workload in self.plain():
            wanted = cores(pod(workload)["containers"][0]["resources"]["requests"]["cpu"])
            if wanted < 1 or name(workload) not in scaled:
                continue
            (skew,) = [rule["maxSkew"] for rule in pod(workload)["topologySpreadConstraints"] if rule["topologyKey"] == "kubernetes.io/hostname"]
            with self.subTest(workload=name(workload)):
                # A tenth of a core the kubelet keeps, half of one daemons.
                together = min(skew, int((smallest - 0.6) / wanted)) * wanted
                self.assertGreaterEqual(together / smallest, 0.8)

    def test_all_maxima_fit_into_the_pool(self):
        most = {s["spec"]["scaleTargetRef"]["name"]: s["spec"]["maxReplicaCount"] for s in of_kind("aws-t4", "ScaledObject")}
        asked = sum(most.get(name(w), w["spec"].get("replicas")) * cores(pod(w)["containers"][0]["resources"]["requests"]["cpu"]) for w in self.plain())
        # An eighth of a node is not for pods, and as much again comes while others go.
        self.assertGreaterEqual(int(self.pools["tagfleet-plain"]["limits"]["cpu"]), asked * 8 / 7 * 1.25)

    def test_one_kind_of_gpu_is_enough(self):
        """Of several kinds that are wanted, `minValues` refuses the last one that is to be had."""
        for overlay, pool, spec in self.each_pool():
            with self.subTest(overlay=overlay, pool=pool):
                self.assertFalse([r for r in spec["template"]["spec"]["requirements"] if "minValues" in r])

    def test_some_workers_are_there_whatever_becomes_of_spot_nodes(self):
        """API servers without a worker are not ready, and a GPU takes minutes to come."""
        for overlay in FLEETS:
            least = {s["spec"]["scaleTargetRef"]["name"]: s["spec"]["minReplicaCount"] for s in of_kind(overlay, "ScaledObject")}
            steady = [w for w in workloads(overlay) if name(w) in TAGGERS and is_on_nodes_that_stay(overlay, pod(w))]
            with self.subTest(overlay=overlay):
                self.assertGreaterEqual(sum(w["spec"].get("replicas", least.get(name(w), 0)) for w in steady), 2)
                for worker in steady:
                    self.assertEqual(environment(pod(worker)["containers"][0])["TAGFLEET_DEVICE"], "cpu")
                    self.assertEqual(environment(pod(worker)["containers"][0]).get("TAGFLEET_ROLES", "tag"), "tag")

    def test_one_kind_of_gpu_is_another_figure(self):
        """aws-l4: fewer workers that do more each, together no more than before."""
        (pool,) = [p["spec"] for p in of_kind("aws-l4", "NodePool") if name(p) == "tagfleet-gpu"]
        families = [r["values"] for r in pool["template"]["spec"]["requirements"] if r["key"] == "karpenter.k8s.aws/instance-family"]
        self.assertEqual(families, [["g6"]])
        together = {}
        for overlay in ("aws-t4", "aws-l4"):
            (scaler,) = [s["spec"] for s in of_kind(overlay, "ScaledObject") if name(s) == "tagfleet-worker-tag"]
            together[overlay] = scaler["maxReplicaCount"] * int(scaler["triggers"][0]["metadata"]["threshold"])
        self.assertEqual(together["aws-l4"], together["aws-t4"])

    def test_processors_alone_are_enough(self):
        """aws-cpu: no pool of GPUs, and nothing of them left at the taggers."""
        self.assertNotIn("tagfleet-gpu", {name(p) for kind in ("NodePool", "EC2NodeClass") for p in of_kind("aws-cpu", kind)})
        (worker,) = [w for w in workloads("aws-cpu") if name(w) == "tagfleet-worker-tag"]
        (floor,) = [w for w in workloads("aws-cpu") if name(w) == "tagfleet-worker-floor"]
        self.assertEqual({c["image"] for c in containers(worker)}, {c["image"] for c in containers(floor)})
        (container,) = pod(worker)["containers"]
        self.assertEqual(environment(container)["TAGFLEET_DEVICE"], "cpu")
        for left in ("cuda", "gpu"):
            self.assertNotIn(left, str(worker).lower())
        self.assertEqual(pod(worker)["nodeSelector"]["tagfleet/pool"], "plain")

    def test_processors_fit_into_the_pool(self):
        most = {s["spec"]["scaleTargetRef"]["name"]: s["spec"]["maxReplicaCount"] for s in of_kind("aws-cpu", "ScaledObject")}
        plain = [w for w in workloads("aws-cpu") if pod(w)["nodeSelector"]["tagfleet/pool"] == "plain"]
        asked = sum(most.get(name(w), w["spec"].get("replicas")) * cores(pod(w)["containers"][0]["resources"]["requests"]["cpu"]) for w in plain)
        (pool,) = [p["spec"] for p in of_kind("aws-cpu", "NodePool") if name(p) == "tagfleet-plain"]
        self.assertGreaterEqual(int(pool["limits"]["cpu"]), asked * 8 / 7 * 1.25)

    def test_what_keeps_state_is_not_reclaimed(self):
        for overlay, pool, spec in self.each_pool():
            if pool == "tagfleet-steady":
                with self.subTest(overlay=overlay):
                    (classes,) = [r["values"] for r in spec["template"]["spec"]["requirements"] if r["key"] == "karpenter.sh/capacity-type"]
                    self.assertEqual(classes, ["on-demand"])
                    (broker,) = of_kind(overlay, "RabbitmqCluster")
                    self.assertIn("steady", str(broker["spec"]["affinity"]["nodeAffinity"]))
                    self.assertLessEqual({t["key"] for t in spec["template"]["spec"]["taints"]}, {t["key"] for t in broker["spec"]["tolerations"]})
                    # A grace lets a new machine image move what said do-not-disrupt.
                    self.assertIn({"nodes": "0", "reasons": ["Drifted"]}, spec["disruption"]["budgets"])

    def taints(self, pool):
        return {t["key"] for t in self.pools[f"tagfleet-{pool}"]["template"]["spec"].get("taints", [])}

    def test_everybody_stands_where_he_belongs(self):
        wanted = {name(w): pod(w)["nodeSelector"]["tagfleet/pool"] for w in workloads("aws-t4")}
        plain = dict.fromkeys(["tagfleet-api", "tagfleet-edge", "tagfleet-migrator", "tagfleet-worker-caption", "tagfleet-worker-floor"], "plain")
        self.assertEqual(wanted, {**plain, "tagfleet-redis": "steady", "tagfleet-worker-tag": "gpu"})
        for workload in workloads("aws-t4"):
            with self.subTest(workload=name(workload)):
                self.assertEqual({t["key"] for t in pod(workload).get("tolerations", []) if t["effect"] != "NoExecute"}, self.taints(wanted[name(workload)]))
        self.assertTrue(self.taints("steady") and self.taints("gpu"), "or others would stand there")

    def test_only_gpus_pull_what_only_gpus_need(self):
        pulled = {name(w): {c["image"].rpartition("/")[2].split(":")[0] for c in containers(w)} for w in workloads("aws-t4")}
        with_cuda = {its_name for its_name, images in pulled.items() if "tagfleet-models-cuda" in images}
        self.assertEqual(with_cuda, {"tagfleet-worker-tag"})
        self.assertEqual(pulled["tagfleet-worker-tag"], {"tagfleet-cuda", "tagfleet-models-cuda"})

    def test_a_gpu_pod_tolerates_its_nodes(self):
        (worker,) = [w for w in workloads("aws-t4") if name(w) == "tagfleet-worker-tag"]
        tolerated = {t["key"] for t in pod(worker)["tolerations"]}
        self.assertLessEqual({t["key"] for t in self.pools["tagfleet-gpu"]["template"]["spec"]["taints"]}, tolerated)
        self.assertEqual(pod(worker)["containers"][0]["resources"]["limits"]["nvidia.com/gpu"], "1")
        self.assertEqual(environment(pod(worker)["containers"][0])["TAGFLEET_DEVICE"], "cuda")
