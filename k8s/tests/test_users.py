"""The component `users`: no role keeps the administrator's name, and each has one user at both servers."""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import yaml

from rendered import OVERLAYS, ROOT, containers, name

USERS = ("api", "migrator", "worker")
KUSTOMIZATION = "resources: [../../overlays/{}]\ncomponents: [../../components/users]\n"


def with_users(overlay):
    """An overlay with the component, rendered in a folder beside it."""
    with tempfile.TemporaryDirectory(dir=ROOT / "k8s/components") as folder:
        (Path(folder) / "kustomization.yaml").write_text(KUSTOMIZATION.format(overlay))
        kubectl = os.environ.get("TAGFLEET_KUBECTL", "kubectl")
        done = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, check=False)
        if done.returncode:
            raise AssertionError(done.stderr)
        return [thing for thing in yaml.safe_load_all(done.stdout) if thing["kind"] == "Deployment" and user_of(thing)]


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
            for workload in with_users(overlay):
                with self.subTest(overlay=overlay, workload=name(workload)):
                    user = user_of(workload)
                    said = {entry["name"]: entry for container in containers(workload) for entry in container.get("env", [])}
                    self.assertEqual(said["TAGFLEET_QUEUE_DECLARE"]["value"], "false")
                    for setting, file in (("TAGFLEET_QUEUE_URL", "queue-url"), ("TAGFLEET_BUS_URL", "bus-url")):
                        self.assertEqual(said[setting]["value"], f"file:/run/secrets/tagfleet/{file}")
                    # Neither the administrator's name nor the one password of Redis is left anywhere.
                    items = [{"key": f"{user}-{file}", "path": file} for file in ("queue-url", "bus-url")]
                    self.assertEqual(volume(workload, "connections"), [{"secret": {"name": "tagfleet-users", "items": items}}])
                    for secret in ("tagfleet-rabbitmq-default-user", "tagfleet-redis"):
                        self.assertNotIn(f"'name': '{secret}'", str(workload))

    def test_the_users_are_those_that_are_made(self):
        made = set(re.findall(r"^user (\w+)", (ROOT / "deploy/redis/users.conf").read_text(), re.MULTILINE))
        # For operators, and for Prometheus.
        self.assertEqual(made - {"default", "exporter"}, set(USERS))


if __name__ == "__main__":
    unittest.main()
