"""The component `users`: no role keeps the administrator's name, and each has one user at both servers."""

import json
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import yaml

from rendered import FLEETS, OVERLAYS, ROOT, environment, name, pod, render, tasks

USERS = ("api", "migrator", "worker")
KUSTOMIZATION = "resources: [../../overlays/{}]\ncomponents: [../../components/users]\n"


def with_users(overlay):
    """An overlay, with the component in a folder beside it where it has none of its own."""
    if overlay in FLEETS:
        return render(overlay)
    with tempfile.TemporaryDirectory(dir=ROOT / "k8s/components") as folder:
        (Path(folder) / "kustomization.yaml").write_text(KUSTOMIZATION.format(overlay))
        kubectl = os.environ.get("TAGFLEET_KUBECTL", "kubectl")
        done = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, check=False)
        if done.returncode:
            raise AssertionError(done.stderr)
        return list(yaml.safe_load_all(done.stdout))


def roles_with_users(overlay):
    return [thing for thing in with_users(overlay) if thing["kind"] == "Deployment" and user_of(thing)]


def user_of(workload):
    """`worker` of `tagfleet-worker-tag`; nothing of what is no role of ours."""
    role = name(workload).removeprefix("tagfleet-").split("-")[0]
    return role if role in USERS else None


def volume(workload, wanted):
    [found] = [each for each in workload["spec"]["template"]["spec"]["volumes"] if each["name"] == wanted]
    return found["projected"]["sources"]


class Users(unittest.TestCase):
    def test_each_role_has_its_own_and_no_other(self):
        for overlay in OVERLAYS:
            for workload in roles_with_users(overlay):
                with self.subTest(overlay=overlay, workload=name(workload)):
                    user = user_of(workload)
                    said = {entry["name"]: entry for entry in pod(workload)["containers"][0]["env"]}
                    self.assertEqual(said["TAGFLEET_QUEUE_DECLARE"]["value"], "false")
                    for setting, file in (("TAGFLEET_QUEUE_URL", "queue-url"), ("TAGFLEET_BUS_URL", "bus-url")):
                        self.assertEqual(said[setting]["value"], f"file:/run/secrets/tagfleet/{file}")
                    # Neither the administrator's name nor the one password of Redis is left anywhere.
                    items = [{"key": f"{user}-{file}", "path": file} for file in ("queue-url", "bus-url")]
                    self.assertEqual(volume(workload, "connections"), [{"secret": {"name": "tagfleet-users", "items": items}}])
                    for secret in ("tagfleet-rabbitmq-default-user", "tagfleet-redis"):
                        self.assertNotIn(f"'name': '{secret}'", str(workload))

    def test_the_broker_knows_them_from_its_first_start(self):
        made = {user["name"]: user for user in json.loads((ROOT / "deploy/rabbitmq/users.json").read_text())["users"]}
        self.assertLessEqual({*USERS, "declarer"}, set(made))
        for overlay in OVERLAYS:
            (broker,) = [thing["spec"] for thing in with_users(overlay) if thing["kind"] == "RabbitmqCluster"]
            its_pod = broker["override"]["statefulSet"]["spec"]["template"]["spec"]
            (mount,) = its_pod["containers"][0]["volumeMounts"]
            with self.subTest(overlay=overlay):
                self.assertIn(f"load_definitions = {mount['mountPath']}/users.json", broker["rabbitmq"]["additionalConfig"].splitlines())
                self.assertEqual(its_pod["volumes"], [{"name": mount["name"], "secret": {"secretName": "tagfleet-users", "items": [{"key": "users.json", "path": "users.json"}]}}])

    def test_queues_are_declared_before_the_first_worker_reads(self):
        """By the program and for the models of that worker; and it does not see the password."""
        for overlay in OVERLAYS:
            (worker,) = [w for w in roles_with_users(overlay) if name(w) == "tagfleet-worker-tag"]
            (declares,) = [c for c in pod(worker)["initContainers"] if c.get("args") == ["queues"]]
            works = pod(worker)["containers"][0]
            with self.subTest(overlay=overlay):
                self.assertEqual(declares["image"].split(":")[0], works["image"].split(":")[0])
                self.assertEqual(environment(declares)["TAGFLEET_MODEL"], environment(works)["TAGFLEET_MODEL"])
                self.assertEqual(environment(declares).get("TAGFLEET_QUEUE_CA_FILE"), environment(works).get("TAGFLEET_QUEUE_CA_FILE"))
                self.assertEqual(declares["envFrom"], works["envFrom"], "of the same prefix")
                self.assertNotIn("declarer", [mount["name"] for mount in works["volumeMounts"]])

    def test_queues_are_declared_again_and_again(self):
        """A broker that lost its disks comes back without them, and no worker is started anew for that."""
        for overlay in FLEETS:
            (worker,) = [w for w in roles_with_users(overlay) if name(w) == "tagfleet-worker-tag"]
            (once,) = [c for c in pod(worker)["initContainers"] if c.get("args") == ["queues"]]
            (task,) = tasks(overlay)
            (again,) = pod(task)["containers"]
            with self.subTest(overlay=overlay):
                for told in ("args", "env", "envFrom", "volumeMounts", "resources", "securityContext"):
                    self.assertEqual(again[told], once[told], told)
                volumes = {volume["name"]: volume for volume in pod(worker)["volumes"]}
                self.assertEqual(pod(task)["volumes"], [volumes[volume["name"]] for volume in pod(task)["volumes"]])
                self.assertEqual(pod(task)["securityContext"], pod(worker)["securityContext"])
                # Both are of one version; the taggers' may have CUDA in it.
                self.assertEqual(again["image"].replace("-cuda", ""), once["image"].replace("-cuda", ""))
                self.assertNotIn("cuda", again["image"])

    def test_a_task_is_alone_ends_and_leaves_little(self):
        for overlay in FLEETS:
            for task in tasks(overlay):
                with self.subTest(overlay=overlay, task=name(task)):
                    every_s = 60 * int(re.fullmatch(r"\*/(\d+) \* \* \* \*", task["spec"]["schedule"])[1])
                    self.assertLessEqual(every_s, 300)
                    self.assertEqual(task["spec"]["concurrencyPolicy"], "Forbid")
                    self.assertLess(task["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"], every_s)
                    self.assertEqual(task["spec"]["jobTemplate"]["spec"]["backoffLimit"], 0)
                    self.assertLessEqual(task["spec"]["successfulJobsHistoryLimit"] + task["spec"]["failedJobsHistoryLimit"], 2)
                    self.assertEqual(pod(task)["restartPolicy"], "Never")

    def test_a_task_stands_where_others_of_no_gpu_do(self):
        """By the nodes that API servers want, and through no taint that those do not tolerate."""
        for overlay in FLEETS:
            (api,) = [w for w in roles_with_users(overlay) if name(w) == "tagfleet-api"]
            for task in tasks(overlay):
                with self.subTest(overlay=overlay, task=name(task)):
                    self.assertEqual(pod(task).get("nodeSelector"), pod(api).get("nodeSelector"))
                    self.assertEqual(pod(task).get("tolerations"), pod(api).get("tolerations"))

    def test_the_users_are_those_that_are_made(self):
        made = set(re.findall(r"^user (\w+)", (ROOT / "deploy/redis/users.conf").read_text(), re.MULTILINE))
        # For operators, and for Prometheus.
        self.assertEqual(made - {"default", "exporter"}, set(USERS))


if __name__ == "__main__":
    unittest.main()
