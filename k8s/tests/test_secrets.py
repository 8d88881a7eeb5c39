"""deploy/kubernetes-secrets.sh makes what the overlays mount, and broker and Redis take what it makes."""

import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from rendered import FLEETS, ROOT, of_kind, pod, workloads

MADE = ("tagfleet-users", "tagfleet-redis")


def made(folder):
    """What the script says there is, from a copy of deploy/: the passwords are that copy's."""
    shutil.copytree(ROOT / "deploy", folder / "deploy", ignore=shutil.ignore_patterns("secrets"))
    told = {"KUBECTL": os.environ.get("TAGFLEET_KUBECTL", "kubectl")}
    done = subprocess.run([folder / "deploy/kubernetes-secrets.sh", "--print"], env={**os.environ, **told}, capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(done.stderr)
    secrets = [secret for secret in yaml.safe_load_all(done.stdout) if secret]
    return {secret["metadata"]["name"]: {key: base64.b64decode(value).decode() for key, value in secret["data"].items()} for secret in secrets}


def mounted(overlay):
    """Pairs of a Secret that the script makes and a key of it that some pod wants."""
    volumes = [volume for workload in workloads(overlay) for volume in pod(workload).get("volumes", [])]
    (broker,) = of_kind(overlay, "RabbitmqCluster")
    volumes += broker["spec"]["override"]["statefulSet"]["spec"]["template"]["spec"]["volumes"]
    for volume in volumes:
        for part in [volume, *volume.get("projected", {}).get("sources", [])]:
            secret = part.get("secret", {})
            for item in secret.get("items", []):
                if secret.get("secretName", secret.get("name")) in MADE:
                    yield secret.get("secretName", secret.get("name")), item["key"]


# `create` only renders and is the real one's; what changes a cluster is written down. It refuses what lies in a namespace that is not there.
PLAYED = """#!/bin/sh
for word; do [ "$word" = create ] && exec "$REAL_KUBECTL" "$@"; done
case "$*" in
*"get namespace tagfleet"*) [ -e "$PLAYED_FOLDER/there" ] ;;
*"-f ../k8s/base/namespace.yaml"*) touch "$PLAYED_FOLDER/there" && echo namespace >>"$PLAYED_FOLDER/asked" ;;
*apply*) cat >/dev/null && [ -e "$PLAYED_FOLDER/there" ] && echo secret >>"$PLAYED_FOLDER/asked" ;;
esac
"""


class Cluster(unittest.TestCase):
    """The script is the first that touches a cluster: rollout.sh, which brings the namespace, wants the Secrets."""

    def asked(self, folder):
        (folder / "kubectl").write_text(PLAYED)
        (folder / "kubectl").chmod(0o755)
        told = {"KUBECTL": str(folder / "kubectl"), "REAL_KUBECTL": os.environ.get("TAGFLEET_KUBECTL", "kubectl"), "PLAYED_FOLDER": str(folder)}
        done = subprocess.run([folder / "deploy/kubernetes-secrets.sh"], env={**os.environ, **told}, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return (folder / "asked").read_text().split()

    def test_the_namespace_is_there_before_what_lies_in_it(self):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            shutil.copytree(ROOT / "deploy", folder / "deploy", ignore=shutil.ignore_patterns("secrets"))
            self.assertEqual(self.asked(folder), ["namespace", "secret", "secret"])
            # One that is there is left as the overlay made it.
            self.assertEqual(self.asked(folder), ["namespace", "secret", "secret"] + ["secret", "secret"])
        self.assertTrue((ROOT / "k8s/base/namespace.yaml").exists())


class Pages(unittest.TestCase):
    def test_whoever_reads_how_to_install_reads_of_every_secret(self):
        """By name where a cluster is made again, and by a link where it is made."""
        wanted = {f"`{found}`" for overlay in FLEETS for found in re.findall(r"\btagfleet-(?:users|redis|keys|store)\b(?!-)", str([pod(w).get("volumes") for w in workloads(overlay)]))}
        self.assertEqual(len(wanted), 4)
        for page, heading in (("docs/install.md", "## Kubernetes"), ("docs/disaster-recovery.md", "### A cluster"), ("k8s/README.md", "## Secrets")):
            text = (ROOT / page).read_text().split(f"{heading}\n")[1].split("\n## ")[0]
            with self.subTest(page=page):
                self.assertLessEqual(wanted, set(re.findall(r"`tagfleet-[a-z]+`", text)))
                if not page.startswith("k8s"):
                    self.assertIn("README.md#secrets)", text)


class Secrets(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as folder:
            cls.secrets = made(Path(folder))

    def test_every_key_that_is_mounted_is_made(self):
        for overlay in FLEETS:
            wanted = set(mounted(overlay))
            self.assertGreater(len(wanted), 8)
            with self.subTest(overlay=overlay):
                self.assertLessEqual(wanted, {(secret, key) for secret, keys in self.secrets.items() for key in keys})

    def test_urls_name_servers_whose_certificates_bear_that_name(self):
        for overlay in FLEETS:
            names = {made["spec"]["secretName"]: made["spec"].get("dnsNames", []) for made in of_kind(overlay, "Certificate")}
            for key, url in self.secrets["tagfleet-users"].items():
                if key.endswith("-url"):
                    url = urlsplit(url.strip())
                    with self.subTest(overlay=overlay, key=key):
                        self.assertIn((url.scheme, url.port), {("amqps", 5671), ("rediss", 6379)})
                        self.assertIn(url.hostname, names[f"{url.hostname}-tls"])
                        self.assertEqual(url.username, key.split("-")[0])

    def test_the_passwords_are_those_of_the_servers(self):
        users = {user["name"]: user["password"] for user in json.loads(self.secrets["tagfleet-users"]["users.json"])["users"]}
        for role in ("api", "migrator", "worker", "declarer"):
            self.assertEqual(urlsplit(self.secrets["tagfleet-users"][f"{role}-queue-url"]).password, users[role])
        redis = self.secrets["tagfleet-redis"]
        self.assertIn(f"user default on >{redis['password']} ", redis["auth.conf"])
        self.assertIn(f"user api on >{urlsplit(self.secrets['tagfleet-users']['api-bus-url']).password} ", redis["auth.conf"])
        self.assertNotRegex(json.dumps(self.secrets), "PASSWORD_[A-Z]")

    def test_the_exporter_finds_its_password_by_the_address_that_it_asks(self):
        for overlay in FLEETS:
            (redis,) = [w for w in workloads(overlay) if w["metadata"]["name"] == "tagfleet-redis"]
            (exporter,) = [c for c in pod(redis)["containers"] if c["name"] == "exporter"]
            address = exporter["args"][0].removeprefix("--redis.addr=")
            password = json.loads(self.secrets["tagfleet-redis"]["exporter.json"])[address]
            (user,) = [word.removeprefix("--redis.user=") for word in exporter["args"] if word.startswith("--redis.user=")]
            with self.subTest(overlay=overlay):
                self.assertIn(f"user {user} on >{password} ", self.secrets["tagfleet-redis"]["auth.conf"])
                (made,) = [c["spec"] for c in of_kind(overlay, "Certificate") if c["spec"]["secretName"] == "tagfleet-redis-tls"]
                self.assertIn(urlsplit(address).hostname, made["ipAddresses"])
