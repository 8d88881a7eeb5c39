"""What every workload has: probes, limits, confinement, a budget, spread, and time to stop."""

import math
import re
import unittest

from rendered import BROKER, NAME, OVERLAYS, ROOT, SECRETS_FROM_ELSEWHERE, containers, cores, each_workload, environment, labels, name, of_kind, pod, roles, selects, source, workloads

# A reclaimed spot node is gone after so long, with some seconds for the news to arrive.
SPOT_WARNING_S = 120 - 10
# What nobody takes back has all the time it needs.
ON_DEMAND = {"karpenter.sh/capacity-type": "on-demand"}.items()


def seconds(time):
    return int(time[:-1]) * {"s": 1, "m": 60, "h": 3600}[time[-1]]


def assert_confined(test, its_pod, container):
    security = {**its_pod["securityContext"], **container["securityContext"]}
    test.assertTrue(security["runAsNonRoot"])
    test.assertGreater(security["runAsUser"], 0)
    test.assertEqual(security["seccompProfile"], {"type": "RuntimeDefault"})
    test.assertTrue(security["readOnlyRootFilesystem"])
    test.assertFalse(security["allowPrivilegeEscalation"])
    test.assertEqual(security["capabilities"], {"drop": ["ALL"]})


class EveryWorkload(unittest.TestCase):
    def test_there_are_some(self):
        for overlay in OVERLAYS:
            self.assertLessEqual({"tagfleet-edge", "tagfleet-api", "tagfleet-worker-tag", "tagfleet-redis"}, set(map(name, workloads(overlay))))

    @each_workload
    def test_asks_for_what_it_needs_and_gets_no_more(self, _, workload):
        for container in containers(workload):
            for side in ("requests", "limits"):
                self.assertLessEqual({"cpu", "memory"}, set(container["resources"][side]), side)

    @each_workload
    def test_is_confined(self, _, workload):
        for container in containers(workload):
            assert_confined(self, pod(workload), container)

    @each_workload
    def test_has_no_business_with_the_clusters_api(self, overlay, workload):
        self.assertIs(pod(workload)["automountServiceAccountToken"], False)
        accounts = {name(account) for account in of_kind(overlay, "ServiceAccount")}
        self.assertIn(pod(workload)["serviceAccountName"], accounts)

    @each_workload
    def test_says_when_it_started_when_it_is_ready_and_that_it_lives(self, _, workload):
        for container in pod(workload)["containers"]:
            ports = {port["name"] for port in container["ports"]}
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                self.assertIn(container[probe].get("httpGet", {}).get("port", next(iter(ports))), ports)
            ready, alive = container["readinessProbe"], container["livenessProbe"]
            if "httpGet" in ready:
                # Ready hangs on broker and store; alive must not, or their outage would start every process anew. The edge answers for
                # itself: without API servers it refuses politely.
                self.assertEqual(ready["httpGet"]["path"], "/edge/healthz" if name(workload) == "tagfleet-edge" else "/readyz")
                self.assertNotEqual(alive["httpGet"]["path"], "/readyz")

    @each_workload
    def test_may_start_for_as_long_as_it_waits_for_a_broker(self, _, workload):
        """A process that is ended meanwhile begins anew, after ever longer pauses."""
        for container in pod(workload)["containers"]:
            if container["args"][0] in roles():
                waits_s = int(re.search(r'TAGFLEET_CONNECT_WITHIN_S",\s+default_value_t = (\d+)', source())[1])
                warms_up_s = 300 if container["args"][0] == "worker" else 15
                probe = container["startupProbe"]
                self.assertGreaterEqual(probe["periodSeconds"] * probe["failureThreshold"], waits_s + warms_up_s)

    @each_workload
    def test_has_a_budget_that_lets_its_nodes_be_drained(self, overlay, workload):
        budgets = [b for b in of_kind(overlay, "PodDisruptionBudget") if selects(b["spec"]["selector"], labels(workload))]
        self.assertEqual(len(budgets), 1)
        self.assertNotIn(budgets[0]["spec"]["maxUnavailable"], (0, "0%"))

    @each_workload
    def test_is_spread_over_zones_and_nodes(self, _, workload):
        if workload["spec"].get("replicas") == 1 and workload["spec"]["strategy"] == {"type": "Recreate"}:
            return
        spread = pod(workload)["topologySpreadConstraints"]
        self.assertEqual({rule["topologyKey"] for rule in spread}, {"topology.kubernetes.io/zone", "kubernetes.io/hostname"})
        self.assertTrue(all(selects(rule["labelSelector"], labels(workload)) for rule in spread))

    @each_workload
    def test_has_a_priority_that_exists(self, overlay, workload):
        classes = {name(c): c for c in of_kind(overlay, "PriorityClass")}
        self.assertIn(pod(workload)["priorityClassName"], classes)
        self.assertGreater(classes["tagfleet-realtime"]["value"], classes["tagfleet-bulk"]["value"])

    @each_workload
    def test_its_secrets_are_made_somewhere(self, overlay, workload):
        here = {name(secret) for secret in of_kind(overlay, "Secret")}
        wanted = {e["valueFrom"]["secretKeyRef"]["name"] for c in containers(workload) for e in c.get("env", []) if "secretKeyRef" in e.get("valueFrom", {})}
        wanted |= {v["secret"]["secretName"] for v in pod(workload).get("volumes", []) if "secret" in v}
        wanted |= {part["secret"]["name"] for v in pod(workload).get("volumes", []) for part in v.get("projected", {}).get("sources", []) if "secret" in part}
        self.assertLessEqual(wanted, here | SECRETS_FROM_ELSEWHERE)

    @each_workload
    def test_its_passwords_are_in_files(self, _, workload):
        """An environment is read by more people than a file is: by whoever may look at a pod, or at a process."""
        for container in containers(workload):
            by_name = [e["name"] for e in container.get("env", []) if "secretKeyRef" in e.get("valueFrom", {})]
            # Redis' own command line reads its password from there, and its probe is that.
            self.assertEqual(by_name, ["REDISCLI_AUTH"] if name(workload) == "tagfleet-redis" else [])
            if container.get("args", [""])[0] not in roles():
                continue
            files = {}
            for volume in pod(workload)["volumes"]:
                for part in volume.get("projected", {}).get("sources", []):
                    files.update({item["path"]: volume["name"] for item in part.get("secret", {}).get("items", [])})
            mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
            for setting, file in (("TAGFLEET_QUEUE_URL", "queue-url"), ("TAGFLEET_BUS_URL", "bus-url")):
                mount = mounts[files[file]]
                self.assertTrue(mount["readOnly"])
                self.assertEqual(environment(container)[setting], f"file:{mount['mountPath']}/{file}")

    @each_workload
    def test_a_worker_on_a_gpu_has_a_folder_to_write_to(self, _, workload):
        """The first run of a model on a GPU is profiled into a file, and the driver keeps what it compiles."""
        for container in pod(workload)["containers"]:
            if environment(container).get("TAGFLEET_DEVICE", "cpu") == "cpu":
                continue
            mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
            (volume,) = [v for v in pod(workload)["volumes"] if v["name"] == mounts.get("/tmp")]
            self.assertIn("sizeLimit", volume["emptyDir"])
            self.assertTrue(environment(container)["CUDA_CACHE_PATH"].startswith("/tmp/"))

    @each_workload
    def test_stops_within_the_warning_of_a_spot_node(self, _, workload):
        if ON_DEMAND <= pod(workload).get("nodeSelector", {}).items():
            return
        self.assertLessEqual(pod(workload)["terminationGracePeriodSeconds"], SPOT_WARNING_S)


class Callers(unittest.TestCase):
    def test_whoever_is_reached_from_outside_asks_for_a_key(self):
        for overlay in OVERLAYS:
            if not [s for s in of_kind(overlay, "Service") if s["spec"].get("type") == "LoadBalancer"]:
                continue
            for workload in workloads(overlay):
                container = pod(workload)["containers"][0]
                role = container.get("args", [""])[0]
                with self.subTest(overlay=overlay, workload=name(workload)):
                    self.assertEqual("TAGFLEET_API_KEYS" in environment(container), role == "api")
                    self.assertEqual("TAGFLEET_WEBHOOK_SECRETS" in environment(container), role in ("api", "migrator"))


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

    def test_pools_lie_in_three_zones_and_end_after_their_pods(self):
        classes = {name(c) for c in of_kind("aws-t4", "EC2NodeClass")}
        for pool, spec in self.pools.items():
            with self.subTest(pool=pool):
                self.assertEqual(len(set(self.values(pool, "topology.kubernetes.io/zone"))), 3)
                self.assertIn(spec["template"]["spec"]["nodeClassRef"]["name"], classes)
                self.assertGreaterEqual(seconds(spec["template"]["spec"]["terminationGracePeriod"]), max(SPOT_WARNING_S, *(pod(w)["terminationGracePeriodSeconds"] for w in workloads("aws-t4"))))

    def test_no_node_goes_by_force(self):
        """Expiry asks no budget and starts no replacement, and a wave that came together would go together. A machine image that is
        named by its version is patched by drift, which does both."""
        for pool, spec in self.pools.items():
            with self.subTest(pool=pool):
                self.assertEqual(spec["template"]["spec"]["expireAfter"], "Never")
        for its_class in of_kind("aws-t4", "EC2NodeClass"):
            with self.subTest(node_class=name(its_class)):
                for term in its_class["spec"]["amiSelectorTerms"]:
                    self.assertRegex(term["alias"], r"@v\d+\.\d+\.\d+$")

    def test_budgets_hold_for_as_long_as_all_pods_take_to_move(self):
        """Afterwards what is left is deleted in spite of them. One fifth of the workers at once, five minutes for each turn."""
        (scaler,) = [s for s in of_kind("aws-t4", "ScaledObject") if name(s) == "tagfleet-worker-tag"]
        (budget,) = [b for b in of_kind("aws-t4", "PodDisruptionBudget") if name(b) == "tagfleet-worker-tag"]
        workers = scaler["spec"]["maxReplicaCount"]
        at_once = max(1, workers * int(budget["spec"]["maxUnavailable"].rstrip("%")) // 100)
        grace = self.pools["tagfleet-gpu"]["template"]["spec"]["terminationGracePeriod"]
        self.assertGreaterEqual(seconds(grace), math.ceil(workers / at_once) * 300)

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
        for pool, spec in self.pools.items():
            with self.subTest(pool=pool):
                self.assertFalse([r for r in spec["template"]["spec"]["requirements"] if "minValues" in r])

    def test_some_workers_are_there_whatever_becomes_of_spot_nodes(self):
        """API servers without a worker are not ready, and a GPU takes minutes to come."""
        steady = [w for w in workloads("aws-t4") if pod(w)["containers"][0]["args"] == ["worker"] and ON_DEMAND <= pod(w)["nodeSelector"].items()]
        self.assertGreaterEqual(sum(w["spec"]["replicas"] for w in steady), 2)
        for worker in steady:
            self.assertEqual(environment(pod(worker)["containers"][0])["TAGFLEET_DEVICE"], "cpu")
            self.assertEqual(environment(pod(worker)["containers"][0])["TAGFLEET_ROLES"], "tag")

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

    def test_what_keeps_state_is_not_reclaimed(self):
        self.assertEqual(self.values("tagfleet-steady", "karpenter.sh/capacity-type"), ["on-demand"])
        (broker,) = of_kind("aws-t4", "RabbitmqCluster")
        self.assertIn("steady", str(broker["spec"]["affinity"]["nodeAffinity"]))
        self.assertLessEqual(self.taints("steady"), {t["key"] for t in broker["spec"]["tolerations"]})
        # A grace lets a new machine image move what said do-not-disrupt.
        self.assertIn({"nodes": "0", "reasons": ["Drifted"]}, self.pools["tagfleet-steady"]["disruption"]["budgets"])

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
