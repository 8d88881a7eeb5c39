"""deploy/preflight.sh against a cluster and an account that are played: what is missing is named, each by itself."""

import functools
import json
import os
import pathlib
import shlex
import subprocess
import tempfile
import unittest

import yaml

from rendered import FLEETS, ROOT, name, of_kind, render

# What the played kubectl and aws are asked, by a part of it that no other question has, and what they then say.
CLUSTER = {
    "version -o json": json.dumps({"clientVersion": {"gitVersion": "v1.30.0"}, "serverVersion": {"gitVersion": "v1.33.4-eks-1"}}, indent=2),
    "k8s-app=kube-dns": "pod/coredns-1",
    "v1beta1.metrics.k8s.io": "True",
    "csidriver ebs.csi.aws.com": "csidriver.storage.k8s.io/ebs.csi.aws.com",
    "deployment -n kube-system aws-load-balancer-controller": "deployment.apps/aws-load-balancer-controller",
    "crd rabbitmqclusters.rabbitmq.com": "crd",
    "deployment rabbitmq-cluster-operator": "rabbitmqoperator/cluster-operator:2.17.1",
    "crd scaledobjects.keda.sh": "crd",
    "deployment keda-operator": "ghcr.example/kedacore/keda:2.18.0",
    "crd servicemonitors.monitoring.coreos.com": "crd",
    "crd podmonitors.monitoring.coreos.com": "crd",
    "crd prometheusrules.monitoring.coreos.com": "crd",
    "service -n monitoring prometheus-operated": "service/prometheus-operated",
    "crd certificates.cert-manager.io": "crd",
    "deployment cert-manager": "quay.example/jetstack/cert-manager-controller:v1.18.2",
    "crd nodepools.karpenter.sh": "crd",
    "crd ec2nodeclasses.karpenter.k8s.aws": "crd",
    "deployment karpenter": "public.example/karpenter/controller:1.8.2@sha256:0",
    "secret -n tagfleet tagfleet-users": "secret/tagfleet-users",
    "secret -n tagfleet tagfleet-redis": "secret/tagfleet-redis",
    "secret -n tagfleet tagfleet-keys": "secret/tagfleet-keys",
}
# What the others want besides, and what of the above they do not.
OTHERS = {
    "gcp-l4": {
        "csidriver pd.csi.storage.gke.io": "csidriver",
        "crd computeclasses.cloud.google.com": "crd",
        "clusterissuer letsencrypt -o name": "clusterissuer",
        "secret -n tagfleet tagfleet-store": "secret/tagfleet-store",
    },
    "bare": {"storageclass local-path": "storageclass", "clusterissuer letsencrypt -o name": "clusterissuer", "secret -n tagfleet tagfleet-store": "secret/tagfleet-store"},
}
OF_AWS = ("ebs.csi", "aws-load-balancer", "karpenter")
ACCOUNT = {
    "L-DB2E81BA": "64.0",
    "L-3819A6DF": "64.0",
    "iam get-role --role-name fleet-batches": "{}",
    "s3api head-bucket --bucket shop-batches": "{}",
    "get-bucket-versioning": "Enabled",
}


FILLED_IN = {
    "000000000000": "123456789012", "registry.example": "registry.shop", "s3://tagfleet-batches": "s3://shop-batches", "role/tagfleet-batches": "role/fleet-batches",
    "tagfleet.example": "tags.shop", "objects.example": "objects.shop", "certificate/CHANGE": "certificate/0-1",
}


def played(answers):
    cases = "\n".join(f"*{shlex.quote(part)}*) cat <<'END'\n{answer}\nEND\n;;" for part, answer in answers.items())
    rendering = 'if [ "$1" = kustomize ]; then exec cat "$RENDERED"; fi'
    return f'#!/bin/sh\n{rendering}\ncase "$*" in\n{cases}\n*) exit 1 ;;\nesac\n'


def filled_in(text, told=FILLED_IN):
    for nobodys, somebodys in told.items():
        text = text.replace(nobodys, somebodys)
    return text


@functools.cache
def rendering(overlay):
    return yaml.dump_all(render(overlay), Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper))


class Preflight(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)

    def command(self, program, answers):
        path = self.folder / program
        path.write_text(played(answers))
        path.chmod(0o755)
        return str(path)

    def run_it(self, cluster, account=ACCOUNT, overlay="aws-t4", told=FILLED_IN):
        commands = {"KUBECTL": self.command("kubectl", cluster), "AWS": self.command("aws", account) if account else "no-such-command"}
        rendered = self.folder / "rendered.yaml"
        if overlay in FLEETS:
            rendered.write_text(filled_in(rendering(overlay), told))
        told = {**os.environ, **commands, "RENDERED": str(rendered)}
        return subprocess.run([ROOT / "deploy/preflight.sh", overlay], env=told, capture_output=True, text=True)

    def test_nothing_is_missing_where_all_is_there(self):
        done = self.run_it(CLUSTER)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("nothing is missing that can be seen", done.stdout)

    def test_every_overlay_is_looked_at_for_what_it_is_rendered_to(self):
        for overlay in FLEETS:
            cluster = CLUSTER
            if overlay in OTHERS:
                cluster = {part: said for part, said in CLUSTER.items() if not any(word in part for word in OF_AWS)} | OTHERS[overlay]
            with self.subTest(overlay=overlay):
                done = self.run_it(cluster, overlay=overlay)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                # Nothing of GPUs is wanted where there are none.
                self.assertEqual("GPUs are to be had" in done.stdout, overlay not in ("aws-cpu", "bare"))
            for part in OTHERS.get(overlay, {}):
                with self.subTest(overlay=overlay, missing=part):
                    less = {other: said for other, said in cluster.items() if other != part}
                    self.assertEqual(self.run_it(less, overlay=overlay).stdout.count("MISSING"), 1)

    def test_an_issuer_whose_challenge_nobody_can_reach_is_refused(self):
        """By HTTP-01 it comes to port 80 of a pod that no policy opens."""
        http, dns = {"http01": {"ingress": {}}}, {"dns01": {"cloudDNS": {"project": "shop"}}}
        for overlay in OTHERS:
            cluster = {part: said for part, said in CLUSTER.items() if not any(word in part for word in OF_AWS)} | OTHERS[overlay]
            for solvers, said, code in (([http], "MISSING  issuer letsencrypt solves by HTTP-01", 1), ([dns], "ok       issuer letsencrypt", 0), ([http, dns], "unseen   whether issuer letsencrypt", 0)):
                with self.subTest(overlay=overlay, solvers=solvers):
                    done = self.run_it({**cluster, "clusterissuer letsencrypt -o jsonpath": json.dumps(solvers)}, overlay=overlay)
                    self.assertIn(said, done.stdout)
                    self.assertEqual(done.returncode, code, done.stdout)

    def test_what_does_not_render_is_said(self):
        done = self.run_it(CLUSTER, overlay="none")
        self.assertEqual(done.returncode, 2)
        self.assertIn("does not render", done.stderr)

    def test_what_cannot_be_seen_is_said(self):
        self.assertRegex(self.run_it(CLUSTER).stdout, "unseen   whether the network plugin enforces policies")

    def test_each_thing_that_is_missing_is_named_by_itself(self):
        for side, answers in (("cluster", CLUSTER), ("account", ACCOUNT)):
            for part in answers:
                if part == "version -o json":
                    continue
                with self.subTest(missing=part):
                    less = {**answers}
                    del less[part]
                    done = self.run_it(less, ACCOUNT) if side == "cluster" else self.run_it(CLUSTER, less)
                    self.assertEqual(done.returncode, 1)
                    self.assertEqual(done.stdout.count("MISSING"), 1, done.stdout)

    def test_what_is_too_old_is_refused(self):
        for part, old in (("version -o json", CLUSTER["version -o json"].replace("1.33.4", "1.32.9")), ("deployment keda-operator", "keda:2.9.1"), ("deployment karpenter", "controller:1.5.0")):
            with self.subTest(part=part):
                self.assertRegex(self.run_it({**CLUSTER, part: old}).stdout, "MISSING .* is wanted")

    def test_a_cluster_that_does_not_answer_is_said_once(self):
        done = self.run_it({})
        self.assertEqual((done.returncode, done.stdout.count("MISSING")), (1, 1))

    def test_an_account_that_cannot_be_asked_is_no_failure(self):
        done = self.run_it(CLUSTER, account=None)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("no command aws", done.stdout)

    def test_what_is_not_filled_in_is_counted(self):
        told = {nobodys: somebodys for nobodys, somebodys in FILLED_IN.items() if nobodys != "000000000000"}
        # Two accounts have it, and a certificate.
        self.assertRegex(self.run_it(CLUSTER, told=told).stdout, "MISSING  3 lines of .* still name nobody's images, names or roles")


class Aws(unittest.TestCase):
    """The files of k8s/aws say what the manifests say."""

    def read(self, file):
        return json.loads((ROOT / "k8s/aws" / file).read_text())

    def test_the_role_is_for_those_who_keep_batches(self):
        keepers = {account["metadata"]["name"] for account in of_kind("aws-t4", "ServiceAccount") if "eks.amazonaws.com/role-arn" in account["metadata"].get("annotations", {})}
        (statement,) = self.read("batches-trust.json")["Statement"]
        self.assertEqual(set(statement["Condition"]["StringEquals"]["OIDC-PROVIDER:sub"]), {f"system:serviceaccount:tagfleet:{keeper}" for keeper in keepers})

    def test_the_policy_is_for_the_store_and_nothing_else(self):
        (settings,) = [m["data"] for m in of_kind("aws-t4", "ConfigMap") if "TAGFLEET_STORE_URL" in m["data"]]
        bucket, _, prefix = settings["TAGFLEET_STORE_URL"].removeprefix("s3://").partition("/")
        objects, names = self.read("batches-policy.json")["Statement"]
        self.assertEqual(objects["Resource"], f"arn:aws:s3:::{bucket}/{prefix}/*")
        self.assertEqual(names["Resource"], f"arn:aws:s3:::{bucket}")
        self.assertEqual(names["Condition"]["StringLike"]["s3:prefix"], [prefix, f"{prefix}/*"])
        for rule in self.read("batches-lifecycle.json")["Rules"]:
            self.assertEqual(rule["Filter"]["Prefix"], f"{prefix}/")

    def test_the_brokers_volumes_have_a_class_that_is_made(self):
        """EKS has made no default one since 1.30: a claim that names none stays pending, and with it the fleet."""
        (broker,) = of_kind("aws-t4", "RabbitmqCluster")
        classes = {name(c): c for c in of_kind("aws-t4", "StorageClass")}
        made = classes[broker["spec"]["persistence"]["storageClassName"]]
        self.assertEqual(made["parameters"], {"type": "gp3", "encrypted": "true"})
        self.assertEqual(made["volumeBindingMode"], "WaitForFirstConsumer")
