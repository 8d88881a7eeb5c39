"""What the scalers name exists, and what must not go to zero does not."""

import math
import re
import unittest

import yaml
from rendered import FLEETS, OVERLAYS, ROOT, containers, environment, metrics, name, of_kind, queues, roles, source, tasks, workloads

REALTIME = {"tagfleet-api", "tagfleet-worker-tag", "tagfleet-edge"}
# What the broker tells Prometheus when it is asked for `queue_coarse_metrics`.
PUBLISHED = {
    ("tagging", "realtime"): "tagfleet.realtime",
    ("tagging", "bulk"): "tagfleet.bulk",
    ("captioning", "realtime"): "tagfleet.captions",
    ("captioning", "bulk"): "tagfleet.captions.bulk",
}
BROKERS_METRICS = {"rabbitmq_detailed_queue_messages", "rabbitmq_detailed_queue_messages_ready"}


def triggers(overlay):
    return [trigger for scaler in of_kind(overlay, "ScaledObject") for trigger in scaler["spec"]["triggers"]]


def queues_of(trigger):
    """By the broker's names: as KEDA is told, as the broker labels its metrics, and as publishers label theirs."""
    settings = trigger["metadata"]
    query = settings.get("query", "")
    told = {settings["queueName"]} if "queueName" in settings else set()
    labelled = set(re.findall(r'queue="(tagfleet\.[^"]+)"', query))
    published = {PUBLISHED[pair] for pair in re.findall(r'queue="([a-z]+)",priority="([a-z]+)"', query)}
    return told | labelled | published


class Scalers(unittest.TestCase):
    def test_each_scales_one_workload_whose_number_nobody_else_sets(self):
        for overlay in OVERLAYS:
            scalers = of_kind(overlay, "ScaledObject")
            targets = [(s["spec"]["scaleTargetRef"]["kind"], s["spec"]["scaleTargetRef"]["name"]) for s in scalers]
            self.assertEqual(len(targets), len(set(targets)))
            there = {(w["kind"], name(w)): w for w in workloads(overlay)}
            for target in targets:
                with self.subTest(overlay=overlay, target=target):
                    self.assertNotIn("replicas", there[target]["spec"])

    def test_who_answers_people_is_never_at_zero(self):
        for overlay in OVERLAYS:
            for scaler in of_kind(overlay, "ScaledObject"):
                spec = scaler["spec"]
                least = spec["minReplicaCount"]
                with self.subTest(overlay=overlay, scaler=name(scaler)):
                    self.assertEqual(least > 1, spec["scaleTargetRef"]["name"] in REALTIME)
                    self.assertGreater(spec["maxReplicaCount"], least)

    def test_each_looks_at_its_own_queues(self):
        own = {"tagfleet-worker-tag": {"tagfleet.realtime", "tagfleet.bulk"}, "tagfleet-worker-caption": {"tagfleet.captions", "tagfleet.captions.bulk"}, "tagfleet-migrator": {"tagfleet.shards"}, "tagfleet-api": set()}
        for overlay in OVERLAYS:
            for scaler in of_kind(overlay, "ScaledObject"):
                triggers = scaler["spec"]["triggers"]
                with self.subTest(overlay=overlay, scaler=name(scaler)):
                    self.assertEqual(set().union(*map(queues_of, triggers)), own[name(scaler)])
                    self.assertEqual(len({t["name"] for t in triggers}), len(triggers))

    def test_none_multiplies_what_is_there(self):
        """A `Value` is a ratio to the autoscaler. Processor time is one that stops by itself: more pods have less of it."""
        for overlay in OVERLAYS:
            for trigger in triggers(overlay):
                self.assertEqual(trigger.get("metricType", "AverageValue"), "Utilization" if trigger["type"] == "cpu" else "AverageValue")

    def test_they_have_no_password(self):
        """What asks Prometheus alone needs no user at the broker, and nobody has to let it in there."""
        for overlay in OVERLAYS:
            self.assertLessEqual({trigger["type"] for trigger in triggers(overlay)}, {"prometheus", "cpu"})
            self.assertFalse([trigger for trigger in triggers(overlay) if "authenticationRef" in trigger])
            self.assertNotIn("'keda'", str(of_kind(overlay, "NetworkPolicy")))

    def test_the_edge_has_room_for_every_api_server(self):
        servers = re.search(r"server-template api- (\d+) ", (ROOT / "k8s/base/edge/servers.cfg").read_text())[1]
        for overlay in OVERLAYS:
            (api,) = [w for w in workloads(overlay) if name(w) == "tagfleet-api"]
            for scaler in [s for s in of_kind(overlay, "ScaledObject") if name(s) == "tagfleet-api"]:
                # Those that start and those that stop have names, too: four more each `minReadySeconds`, for as long as the grace.
                surge = api["spec"]["strategy"]["rollingUpdate"]["maxSurge"]
                stopping = math.ceil(api["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] / api["spec"]["minReadySeconds"])
                self.assertLessEqual(scaler["spec"]["maxReplicaCount"] + surge * (1 + stopping), int(servers))


class Politeness(unittest.TestCase):
    """An origin sees the whole fleet. What is kept for each process multiplies with the autoscaler."""

    def test_all_pods_together_stay_below_what_an_origin_may_see(self):
        default = int(re.search(r'TAGFLEET_FETCH_MAX_PER_HOST", default_value_t = (\d+)', source())[1])
        for overlay in FLEETS:
            (settings,) = [m["data"] for m in of_kind(overlay, "ConfigMap") if "TAGFLEET_STORE_URL" in m["data"]]
            most = {name(s): s["spec"]["maxReplicaCount"] for s in of_kind(overlay, "ScaledObject")}
            with self.subTest(overlay=overlay):
                self.assertLessEqual(most["tagfleet-migrator"] * int(settings["TAGFLEET_MIGRATE_PER_HOST"]), default)
                self.assertLessEqual(most["tagfleet-api"] * int(settings["TAGFLEET_FETCH_MAX_PER_HOST"]), 12 * default)


class Code(unittest.TestCase):
    """Names that stand here and there are the same."""

    def test_every_role_that_is_deployed_exists(self):
        for overlay in OVERLAYS:
            for workload in workloads(overlay) + tasks(overlay):
                for container in containers(workload):
                    if container["image"].rpartition("/")[2].split(":")[0] in ("tagfleet", "tagfleet-cuda"):
                        self.assertIn(container["args"][0], roles(), f"{overlay}: {name(workload)}")

    def test_every_role_is_deployed_everywhere(self):
        for overlay in OVERLAYS:
            deployed = {c["args"][0] for w in workloads(overlay) for c in w["spec"]["template"]["spec"]["containers"]}
            self.assertLessEqual({"api", "worker", "migrator"}, deployed & roles(), overlay)

    def test_every_component_is_in_an_overlay(self):
        """Or nobody renders it, and no test here has looked at it."""
        turned_on = {name(w) for overlay in OVERLAYS for w in workloads(overlay)}
        for path in (ROOT / "k8s/components").glob("*/deployment.yaml"):
            self.assertLessEqual({name(thing) for thing in yaml.safe_load_all(path.read_text()) if thing["kind"] == "Deployment"}, turned_on)

    def test_tags_and_captions_go_to_workers_that_have_the_role(self):
        """dev: workers that do both. aws-t4: taggers send on what the others write."""
        for overlay in OVERLAYS:
            has = {name(w): environment(w["spec"]["template"]["spec"]["containers"][0]).get("TAGFLEET_ROLES") for w in workloads(overlay)}
            apart = "tagfleet-worker-caption" in has
            self.assertEqual(has["tagfleet-worker-tag"], "tag" if apart else None, overlay)
            self.assertEqual(has.get("tagfleet-worker-caption"), "caption" if apart else None, overlay)
            self.assertEqual(has.get("tagfleet-worker-floor"), "tag" if apart else None, overlay)
            self.assertEqual(apart, overlay not in ("dev", "bare"))

    def test_every_setting_is_one_that_the_binary_reads(self):
        known = set(re.findall(r'env = "(TAGFLEET_[A-Z_]+)"', source())) | {"TAGFLEET_EDGE", "TAGFLEET_EDGE_CERT", "TAGFLEET_EDGE_STATS", "TAGFLEET_EDGE_THREADS", "TAGFLEET_EDGE_TLS"}
        for overlay in OVERLAYS:
            named = {key for w in workloads(overlay) for c in containers(w) for key in environment(c) if key.startswith("TAGFLEET_")}
            named |= {key for m in of_kind(overlay, "ConfigMap") for key in m["data"] if key.startswith("TAGFLEET_")}
            self.assertLessEqual(named, known, overlay)

    def test_a_changed_setting_rolls_every_role_over(self):
        for overlay in OVERLAYS:
            for workload in workloads(overlay):
                pod = workload["spec"]["template"]["spec"]
                named = {source["configMapRef"]["name"] for c in containers(workload) for source in c.get("envFrom", [])}
                named |= {volume["configMap"]["name"] for volume in pod.get("volumes", []) if "configMap" in volume}
                for one in named:
                    self.assertRegex(one, r"-[a-z0-9]{10}$", f"{overlay}: {name(workload)}")

    def test_every_queue_exists(self):
        self.assertIn("tagfleet.realtime", queues())
        for overlay in OVERLAYS:
            self.assertLessEqual(set().union(*map(queues_of, triggers(overlay))), queues(), overlay)

    def test_every_metric_exists(self):
        for overlay in OVERLAYS:
            asked = {metric for t in triggers(overlay) for metric in re.findall(r"[a-z]+_[a-z_]+(?=\{)", t["metadata"].get("query", ""))}
            self.assertLessEqual({re.sub("_(sum|count)$", "", metric) for metric in asked}, metrics() | BROKERS_METRICS)
            self.assertEqual(bool(asked), bool(triggers(overlay)))

    def test_a_publisher_labels_jobs_as_the_scalers_read_them(self):
        names = (ROOT / "common/src/queue/names.rs").read_text()
        for queue, priority in PUBLISHED:
            self.assertIn(f'=> "{queue}",', names)
            self.assertIn(f'=> "{priority}",', names)
        publisher = (ROOT / "common/src/queue/rabbit/publisher/mod.rs").read_text()
        self.assertIn('"queue" => queue.queue.name(),', publisher)
        self.assertIn('"priority" => queue.priority.name(),', publisher)

    def test_the_broker_has_the_settings_of_deploy(self):
        lines = (ROOT / "deploy/rabbitmq/rabbitmq.conf").read_text().splitlines()
        shared = {line for line in lines if line and not line.startswith(("#", "log."))}
        for overlay in OVERLAYS:
            (cluster,) = of_kind(overlay, "RabbitmqCluster")
            self.assertLessEqual(shared, set(cluster["spec"]["rabbitmq"]["additionalConfig"].splitlines()))
