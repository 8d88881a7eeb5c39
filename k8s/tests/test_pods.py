"""deploy/check/pods knows what the pods of overlays want. It runs where root is, so it would else be found out late."""

import sys
import unittest

from rendered import ROOT, name, pod, workloads

sys.path.append(str(ROOT / "deploy/check/pods"))
from role import FOLDERS

ROLES = {"api", "worker", "migrator"}
# It runs this one alone of aws-t4.
ON_A_GPU = "tagfleet-worker-tag"


def mounted(overlay):
    """Of each role, the volumes that its container mounts and that somebody has to fill."""
    for workload in workloads(overlay):
        (container, *_) = pod(workload)["containers"]
        if container.get("args", [""])[0] in ROLES:
            kinds = {volume["name"]: volume for volume in pod(workload).get("volumes", [])}
            for mount in container.get("volumeMounts", []):
                if mount["name"] != "models" and "emptyDir" not in kinds[mount["name"]]:
                    yield name(workload), mount["name"]


class Pods(unittest.TestCase):
    def test_every_volume_of_those_that_are_run_can_be_filled(self):
        found = {mount for _, mount in mounted("dev")} | {mount for its_name, mount in mounted("aws-t4") if its_name == ON_A_GPU}
        self.assertLessEqual(found, set(FOLDERS))
        self.assertLessEqual(set(FOLDERS), found, "a folder that nobody mounts")
