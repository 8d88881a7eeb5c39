"""The component `users`: no role keeps the administrator's name, and each has one user at both servers."""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import yaml

from rendered import OVERLAYS, ROOT, containers, name

USER = {"tagfleet-api": "api", "tagfleet-migrator": "migrator", "tagfleet-worker-tag": "worker", "tagfleet-worker-caption": "worker"}
KUSTOMIZATION = "resources: [../../overlays/{}]\ncomponents: [../../components/users]\n"


def with_users(overlay):
    """An overlay with the component, rendered in a folder beside it."""
    with tempfile.TemporaryDirectory(dir=ROOT / "k8s/components") as folder:
        (Path(folder) / "kustomization.yaml").write_text(KUSTOMIZATION.format(overlay))
        kubectl = os.environ.get("TAGFLEET_KUBECTL", "kubectl")
        done = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, check=False)
        if done.returncode:
            raise AssertionError(done.stderr)
        return [thing for thing in yaml.safe_load_all(done.stdout) if thing["kind"] == "Deployment" and name(thing) in USER]


class Users(unittest.TestCase):
    def test_each_role_has_its_own_and_no_other(self):
        for overlay in OVERLAYS:
            for workload in with_users(overlay):
                with self.subTest(overlay=overlay, workload=name(workload)):
                    user = USER[name(workload)]
                    said = {entry["name"]: entry for container in containers(workload) for entry in container.get("env", [])}
                    self.assertEqual(said["RABBITMQ_USER"], {"name": "RABBITMQ_USER", "value": user})
                    self.assertTrue(said["TAGFLEET_BUS_URL"]["value"].startswith(f"redis://{user}:"))
                    self.assertEqual(said["TAGFLEET_QUEUE_DECLARE"]["value"], "false")
                    for password in ("RABBITMQ_PASSWORD", "REDIS_PASSWORD"):
                        self.assertEqual(said[password]["valueFrom"]["secretKeyRef"], {"name": "tagfleet-users", "key": user})

    def test_the_users_are_those_that_are_made(self):
        made = set(re.findall(r"^user (\w+)", (ROOT / "deploy/redis/users.conf").read_text(), re.MULTILINE))
        self.assertEqual(made - {"default"}, set(USER.values()))


if __name__ == "__main__":
    unittest.main()
