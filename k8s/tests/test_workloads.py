"""What every workload has: probes, limits, confinement, a budget, spread, and time to stop."""

import re
import unittest

from rendered import FLEETS, GOOGLES_SPOT_WARNING_S, OVERLAYS, ROOT, SECRETS_FROM_ELSEWHERE, SPOT_WARNING_S, containers, each_pod, each_workload, environment, is_on_nodes_that_stay, labels, name, of_kind, pod, roles, secrets_made, selects, source, workloads


# Until a new node has pulled its images, without and with a GPU; a GPU's are gigabytes. Nobody has measured it.
NODE_AND_IMAGE_S = {False: 600, True: 1200}


def connect_within_s():
    return int(re.search(r'TAGFLEET_CONNECT_WITHIN_S",\s+default_value_t = (\d+)', source())[1])


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

    @each_pod
    def test_asks_for_what_it_needs_and_gets_no_more(self, _, workload):
        for container in containers(workload):
            for side in ("requests", "limits"):
                self.assertLessEqual({"cpu", "memory"}, set(container["resources"][side]), side)

    @each_pod
    def test_is_confined(self, _, workload):
        for container in containers(workload):
            assert_confined(self, pod(workload), container)

    @each_pod
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
                waits_s = connect_within_s()
                warms_up_s = 300 if container["args"][0] == "worker" else 15
                probe = container["startupProbe"]
                self.assertGreaterEqual(probe["periodSeconds"] * probe["failureThreshold"], waits_s + warms_up_s)

    @each_workload
    def test_a_rollout_may_take_as_long_as_a_pod_may_take_to_start(self, _, workload):
        """Ten minutes unless it says otherwise: a rollout then counts as failed while a GPU is still warming up, as its probe lets it."""
        wants_gpu = any("nvidia.com/gpu" in container["resources"]["limits"] for container in containers(workload))
        starts_s = max(c["startupProbe"].get("initialDelaySeconds", 0) + c["startupProbe"]["periodSeconds"] * c["startupProbe"]["failureThreshold"] for c in pod(workload)["containers"])
        # Who declares queues waits for the broker first.
        waits_s = connect_within_s() if any(c.get("args") == ["queues"] for c in pod(workload).get("initContainers", [])) else 0
        settles_s = workload["spec"].get("minReadySeconds", 0)
        self.assertGreaterEqual(workload["spec"]["progressDeadlineSeconds"], NODE_AND_IMAGE_S[wants_gpu] + waits_s + starts_s + settles_s)

    @each_workload
    def test_who_waits_for_a_rollout_waits_for_its_deadline(self, _, workload):
        """Else rollout.sh stops before Kubernetes says that nothing moves."""
        its_limit = re.search(rf"\[{name(workload).removeprefix('tagfleet-')}\]=(\d+)s", (ROOT / "deploy/rollout.sh").read_text())[1]
        self.assertGreaterEqual(int(its_limit), workload["spec"]["progressDeadlineSeconds"])

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

    @each_pod
    def test_has_a_priority_that_exists(self, overlay, workload):
        classes = {name(c): c for c in of_kind(overlay, "PriorityClass")}
        self.assertIn(pod(workload)["priorityClassName"], classes)
        self.assertGreater(classes["tagfleet-realtime"]["value"], classes["tagfleet-bulk"]["value"])

    @each_pod
    def test_its_secrets_are_made_somewhere(self, overlay, workload):
        here = secrets_made(overlay)
        wanted = {e["valueFrom"]["secretKeyRef"]["name"] for c in containers(workload) for e in c.get("env", []) if "secretKeyRef" in e.get("valueFrom", {})}
        wanted |= {v["secret"]["secretName"] for v in pod(workload).get("volumes", []) if "secret" in v}
        wanted |= {part["secret"]["name"] for v in pod(workload).get("volumes", []) for part in v.get("projected", {}).get("sources", []) if "secret" in part}
        self.assertLessEqual(wanted, here | SECRETS_FROM_ELSEWHERE)

    @each_pod
    def test_its_passwords_are_in_files(self, _, workload):
        """An environment is read by more people than a file is: by whoever may look at a pod, or at a process."""
        for container in containers(workload):
            by_name = [e["name"] for e in container.get("env", []) if "secretKeyRef" in e.get("valueFrom", {})]
            # Redis' own command line reads its password from there, and its probe is that.
            self.assertEqual(by_name, ["REDISCLI_AUTH"] if container["name"] == "redis" else [])
            if container.get("args", [""])[0] not in roles():
                continue
            mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
            files = {}
            for volume in pod(workload)["volumes"]:
                if volume["name"] in mounts:
                    for part in [volume, *volume.get("projected", {}).get("sources", [])]:
                        files.update({item["path"]: volume["name"] for item in part.get("secret", {}).get("items", [])})
            # Who declares queues knows no results.
            wanted = [("TAGFLEET_QUEUE_URL", "queue-url"), ("TAGFLEET_BUS_URL", "bus-url")][: 1 if container["args"] == ["queues"] else 2]
            for setting, file in wanted:
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

    @each_pod
    def test_stops_within_the_warning_of_a_spot_node(self, overlay, workload):
        """Or has nothing to finish: what a worker holds is delivered again."""
        if is_on_nodes_that_stay(overlay, pod(workload)):
            return
        if of_kind(overlay, "ComputeClass"):
            self.assertEqual(pod(workload)["containers"][0]["args"], ["worker"], f"{GOOGLES_SPOT_WARNING_S} s are too short for a request")
            return
        self.assertLessEqual(pod(workload)["terminationGracePeriodSeconds"], SPOT_WARNING_S)


class Callers(unittest.TestCase):
    def test_whoever_is_reached_from_outside_asks_for_a_key(self):
        for overlay in FLEETS:
            self.assertTrue([s for s in of_kind(overlay, "Service") if s["spec"].get("type") == "LoadBalancer"])
            for workload in workloads(overlay):
                container = pod(workload)["containers"][0]
                role = container.get("args", [""])[0]
                with self.subTest(overlay=overlay, workload=name(workload)):
                    self.assertEqual("TAGFLEET_API_KEYS" in environment(container), role == "api")
                    self.assertEqual("TAGFLEET_WEBHOOK_SECRETS" in environment(container), role in ("api", "migrator"))
