"""What the pages say that an overlay asks of its machines is what it asks for."""

import re
import unittest

from rendered import ROOT, containers, cores, name, of_kind, pod, tasks, workloads

UNITS = {"Mi": 1 / 1024, "Gi": 1}


def gib(quantity):
    return int(quantity[:-2]) * UNITS[quantity[-2:]]


def asked(overlay):
    """Cores and GiB that all pods together ask for, at the most that there may be."""
    most = {s["spec"]["scaleTargetRef"]["name"]: s["spec"]["maxReplicaCount"] for s in of_kind(overlay, "ScaledObject")}
    (broker,) = [cluster["spec"] for cluster in of_kind(overlay, "RabbitmqCluster")]
    found = [(broker["replicas"], [broker["resources"]["requests"]])]
    for workload in workloads(overlay) + tasks(overlay):
        # Without a scaler and a number there is one.
        pods = most.get(name(workload), workload["spec"].get("replicas", 1))
        found.append((pods, [container["resources"]["requests"] for container in pod(workload)["containers"]]))
        # Those that run before take no more than the ones that follow.
        for first in pod(workload).get("initContainers", []):
            assert cores(first["resources"]["requests"]["cpu"]) <= sum(cores(c["cpu"]) for c in found[-1][1])
    return tuple(sum(pods * sum(of(c[what]) for c in each) for pods, each in found) for what, of in (("cpu", cores), ("memory", gib)))


class Sizes(unittest.TestCase):
    def said(self, page, overlay):
        """`asks for 3.0 cores and 8.6 GiB`, in the row that names the overlay."""
        (line,) = [line for line in (ROOT / page).read_text().splitlines() if overlay in line and " GiB" in line]
        return tuple(map(float, re.search(r"([\d.]+) cores and ([\d.]+) GiB", line).groups()))

    def test_a_laptop_is_told_what_dev_asks_for(self):
        wanted = tuple(round(each, 1) for each in asked("dev"))
        self.assertEqual(self.said("docs/install.md", "`dev`"), wanted)
        self.assertLessEqual(wanted[0], 4, "a laptop")
        self.assertLessEqual(wanted[1], 10, "a laptop")

    def test_machines_of_ones_own_are_told_what_all_maxima_ask_for(self):
        self.assertEqual(self.said("k8s/bare/README.md", "AVX2"), tuple(round(each, 1) for each in asked("bare")))


if __name__ == "__main__":
    unittest.main()
