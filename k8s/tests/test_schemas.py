"""Every object is what the cluster would take: nothing misspelt, nothing missing."""

import copy
import functools
import unittest

import jsonschema
import kubernetes_validate
import yaml

from rendered import OVERLAYS, ROOT, BROKER, containers, of_kind, name, render, tasks, workloads

# The oldest that all of it works on (`sleep` before a stop, projected settings), and the newest that there are schemas for.
VERSIONS = ["1.33", "1.37"]
OF_THE_CLUSTER = {"Namespace", "PriorityClass", "StorageClass", "NodePool", "EC2NodeClass", "ComputeClass"}


@functools.cache
def schemas():
    """Those of the kinds that are not Kubernetes' own."""
    known = {}
    for path in sorted((ROOT / "k8s/schemas").glob("*.yaml")):
        known.update(yaml.safe_load(path.read_text()))
    return known


def is_built_in(thing):
    group = thing["apiVersion"].rpartition("/")[0]
    return "." not in group or group.endswith(".k8s.io")


def validator(kind):
    return jsonschema.Draft202012Validator(schemas()[kind])


def validate(thing):
    if is_built_in(thing):
        for version in VERSIONS:
            kubernetes_validate.validate(thing, version, strict=True)
    else:
        validator(thing["kind"]).validate(thing["spec"])


def maps(thing, path=()):
    """Every map in it, by its way there."""
    if isinstance(thing, dict):
        yield path
        for key, value in thing.items():
            yield from maps(value, (*path, key))
    if isinstance(thing, list):
        for index, value in enumerate(thing):
            yield from maps(value, (*path, index))


class EveryObject(unittest.TestCase):
    def test_fits_its_schema(self):
        for overlay in OVERLAYS:
            for thing in render(overlay):
                with self.subTest(overlay=overlay, kind=thing["kind"], name=name(thing)):
                    validate(thing)

    def test_is_in_the_namespace_unless_it_is_the_clusters(self):
        for overlay in OVERLAYS:
            for thing in render(overlay):
                with self.subTest(overlay=overlay, kind=thing["kind"], name=name(thing)):
                    self.assertEqual(thing["metadata"].get("namespace"), None if thing["kind"] in OF_THE_CLUSTER else "tagfleet")

    def test_the_brokers_pods_are_pods(self):
        for overlay in OVERLAYS:
            for cluster in of_kind(overlay, "RabbitmqCluster"):
                template = cluster["spec"]["override"]["statefulSet"]["spec"]["template"]
                pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": BROKER, **template["metadata"]}, "spec": dict(template["spec"])}
                pod["spec"]["affinity"] = cluster["spec"]["affinity"]
                validate(pod)

    def test_images_are_of_a_version(self):
        for overlay in OVERLAYS:
            for workload in workloads(overlay) + tasks(overlay):
                for container in containers(workload):
                    with self.subTest(overlay=overlay, image=container["image"]):
                        self.assertRegex(container["image"], r"[:@][^/]+$")
                        self.assertFalse(container["image"].endswith(":latest"))


class TheSchemasThemselves(unittest.TestCase):
    """That they refuse: a schema that takes anything has checked nothing."""

    # What a cluster takes as it is: selectors, words, and pods, which have schemas of their own.
    OPEN = {"matchLabels", "labels", "tags", "limits", "requests", "params", "affinity", "override", "annotations"}

    def test_jsonschema_reads_them(self):
        for kind, schema in schemas().items():
            with self.subTest(kind=kind):
                jsonschema.Draft202012Validator.check_schema(schema)

    def test_a_key_too_many_is_refused_wherever_it_stands(self):
        tried = set()
        for thing in {(thing["kind"], name(thing)): thing for overlay in OVERLAYS for thing in render(overlay)}.values():
            if is_built_in(thing):
                continue
            for path in maps(thing["spec"]):
                if self.OPEN & set(path):
                    continue
                broken = copy.deepcopy(thing["spec"])
                place = functools.reduce(lambda at, step: at[step], path, broken)
                place["misspelt"] = "1"
                with self.subTest(kind=thing["kind"], path=path):
                    self.assertFalse(validator(thing["kind"]).is_valid(broken))
                tried.add(thing["kind"])
        self.assertEqual(tried, set(schemas()))

    def test_a_built_in_kind_with_a_key_too_many_is_refused(self):
        deployment = copy.deepcopy(workloads("aws-t4")[0])
        deployment["spec"]["template"]["spec"]["containers"][0]["readinessprobe"] = {}
        self.assertRaises(kubernetes_validate.ValidationError, validate, deployment)
