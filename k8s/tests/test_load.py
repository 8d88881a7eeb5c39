"""Load from within the cluster: confined like what it is sent to, and it reaches nothing else."""

import re
import unittest

from rendered import LOAD, NAME, ROOT, containers, labels, name, of_kind, pod, selects, workloads
from test_schemas import validate

CLI = "\n".join(path.read_text() for path in sorted((ROOT / "loadtest/src").rglob("*.rs")))


def options(container):
    return dict(arg.removeprefix("--").partition("=")[::2] for arg in container["args"] if arg.startswith("--"))


class Load(unittest.TestCase):
    def setUp(self):
        self.jobs = {name(job): job for job in of_kind(LOAD, "Job")}
        self.gather = pod(self.jobs["gather"])["containers"][0]
        self.generator = pod(self.jobs["generators"])["containers"][0]

    def test_is_what_a_cluster_takes(self):
        for thing in of_kind(LOAD, "Namespace", "Service", "Job", "NetworkPolicy"):
            with self.subTest(kind=thing["kind"], name=name(thing)):
                validate(thing)

    def test_ends(self):
        for job in self.jobs.values():
            self.assertEqual(pod(job)["restartPolicy"], "Never")
            self.assertLessEqual({"activeDeadlineSeconds", "ttlSecondsAfterFinished"}, set(job["spec"]))

    def test_is_confined(self):
        for job in self.jobs.values():
            self.assertIs(pod(job)["automountServiceAccountToken"], False)
            for container in containers(job):
                security = {**pod(job)["securityContext"], **container["securityContext"]}
                self.assertTrue(security["runAsNonRoot"] and security["runAsUser"] and security["readOnlyRootFilesystem"])
                self.assertEqual((security["allowPrivilegeEscalation"], security["capabilities"]), (False, {"drop": ["ALL"]}))
                for side in ("requests", "limits"):
                    self.assertLessEqual({"cpu", "memory"}, set(container["resources"][side]))

    def test_as_many_start_as_are_waited_for(self):
        spec = self.jobs["generators"]["spec"]
        waited_for = int(options(self.gather)["generators"])
        self.assertEqual({spec["completions"], spec["parallelism"], spec["maxFailedIndexes"]}, {waited_for})
        self.assertEqual(spec["completionMode"], "Indexed")

    def test_every_word_is_one_that_the_binary_knows(self):
        for container in (self.gather, self.generator):
            self.assertRegex(CLI, rf"(?m)^    {container['args'][0].capitalize()}\(")
            for option in options(container):
                self.assertRegex(CLI, rf"(?m)^    (pub )?{option.replace('-', '_')}: ")
        self.assertIn(f'("{options(self.generator)["scenario"]}", include_str!', CLI)

    def test_they_find_each_other_and_the_edge(self):
        (service,) = of_kind(LOAD, "Service")
        self.assertTrue(selects({"matchLabels": service["spec"]["selector"]}, labels(self.jobs["gather"])))
        default = re.search(r'default_value = "0\.0\.0\.0:(\d+)"', (ROOT / "loadtest/src/command/gather.rs").read_text())[1]
        self.assertEqual(options(self.generator)["join"], f"{name(service)}:{default}")
        self.assertEqual(service["spec"]["ports"][0]["port"], int(default))
        for overlay in ("dev", "aws-t4"):
            edges = {f"http://{name(s)}.{s['metadata']['namespace']}.svc" for s in of_kind(overlay, "Service") if 80 in [p["port"] for p in s["spec"]["ports"]]}
            self.assertIn(options(self.generator)["service"], edges)

    def test_the_policy_means_the_service_and_its_pods(self):
        """Network plugins differ in whether a policy looks before or behind the Service's translation."""
        (edge,) = [w for w in workloads("dev") if name(w) == "tagfleet-edge"]
        (service,) = [s for s in of_kind("dev", "Service") if name(s) == "tagfleet"]
        wanted = {service["spec"]["ports"][0]["port"], pod(edge)["containers"][0]["ports"][0]["containerPort"]}
        rules = [rule for p in of_kind(LOAD, "NetworkPolicy") for rule in p["spec"].get("egress", []) if "tagfleet-edge" in str(rule["to"])]
        self.assertEqual([{port["port"] for port in rule["ports"]} for rule in rules], [wanted])

    def test_reach_the_edge_and_nothing_else_of_the_fleet(self):
        policies = [p["spec"] for p in of_kind(LOAD, "NetworkPolicy") if selects(p["spec"]["podSelector"], labels(self.jobs["generators"]))]
        self.assertIn({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}, policies)
        peers = [peer for policy in policies for rule in policy.get("egress", []) for peer in rule["to"]]
        self.assertFalse([peer for peer in peers if "ipBlock" in peer])
        reached = [peer["podSelector"] for peer in peers if peer.get("namespaceSelector", {}).get("matchLabels", {}).get("kubernetes.io/metadata.name") == "tagfleet"]
        self.assertEqual(reached, [{"matchLabels": {NAME: "tagfleet-edge"}}])
        (edge,) = [w for w in workloads("dev") if name(w) == "tagfleet-edge"]
        self.assertTrue(selects(reached[0], labels(edge)))
