"""Whatever goes from pod to pod with a password in it goes by TLS: what is mounted fits together, and the real servers take it."""

import contextlib
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from edge import free_port
from observed import rules
from rendered import FLEETS, ROOT, environment, name, of_kind, pod, workloads

ROLES = {"api", "migrator", "worker"}


def certificate(folder):
    """As cert-manager lays them out: `tls.crt`, `tls.key`, and an authority, here the same."""
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=tagfleet-redis",
            "-addext", "subjectAltName=DNS:tagfleet-redis", "-keyout", folder / "tls.key", "-out", folder / "tls.crt"]
    subprocess.run(make, check=True, capture_output=True)
    (folder / "ca.crt").write_bytes((folder / "tls.crt").read_bytes())


def until(holds):
    for _ in range(200):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("it does not come")


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def hello(port, folder, server_name="tagfleet-redis"):
    trusted = ssl.create_default_context(cafile=folder / "ca.crt")
    return trusted.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname=server_name)


def container(overlay, workload):
    (found,) = [w for w in workloads(overlay) if name(w) == workload]
    return pod(found)["containers"][0]


class Rendered(unittest.TestCase):
    def test_every_role_trusts_the_fleets_authority_for_both_servers(self):
        for overlay in FLEETS:
            secrets = {made["spec"]["secretName"]: made["spec"]["issuerRef"]["name"] for made in of_kind(overlay, "Certificate")}
            for workload in workloads(overlay):
                container = pod(workload)["containers"][0]
                if container.get("args", [""])[0] not in ROLES:
                    continue
                with self.subTest(overlay=overlay, workload=name(workload)):
                    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
                    (volume,) = [v for v in pod(workload)["volumes"] if v["name"] == mounts["/run/secrets/authority"]]
                    # The authority's certificate, and no key.
                    self.assertEqual([item["key"] for item in volume["secret"]["items"]], ["ca.crt"])
                    self.assertEqual(secrets[volume["secret"]["secretName"]], secrets["tagfleet-rabbitmq-tls"])
                    for setting in ("TAGFLEET_QUEUE_CA_FILE", "TAGFLEET_BUS_CA_FILE"):
                        self.assertEqual(environment(container)[setting], "/run/secrets/authority/ca.crt")

    def test_nobody_mounts_the_authoritys_key(self):
        for overlay in FLEETS:
            for workload in workloads(overlay):
                self.assertNotIn("tagfleet-ca'", str(pod(workload).get("volumes")))

    def test_issuers_exist_and_certificates_are_renewed_in_time(self):
        for overlay in FLEETS:
            issuers = {name(issuer) for issuer in of_kind(overlay, "Issuer")}
            for made in of_kind(overlay, "Certificate"):
                with self.subTest(overlay=overlay, certificate=name(made)):
                    if made["spec"]["issuerRef"]["kind"] == "Issuer":
                        self.assertIn(made["spec"]["issuerRef"]["name"], issuers)
                    self.assertLess(int(made["spec"]["renewBefore"][:-1]) * 2, int(made["spec"]["duration"][:-1]))

    def test_redis_is_started_anew_before_what_it_began_with_ends(self):
        """At the worst it began with one on the day before that was renewed."""
        (expr,) = [rule["expr"] for rule in rules() if rule.get("alert") == "TagfleetRedisCertificateOld"]
        days = int(re.search(r"> (\d+) \* 86400$", expr)[1])
        for overlay in FLEETS:
            (made,) = [c["spec"] for c in of_kind(overlay, "Certificate") if name(c) == "tagfleet-redis"]
            self.assertLessEqual((days + 7) * 24, int(made["renewBefore"].removesuffix("h")), overlay)

    def test_redis_reads_its_certificate_again_as_the_runbook_says(self):
        page = (ROOT / "docs/runbook/parts.md").read_text()
        for file in re.search(r"config set tls-cert-file (\S+) tls-key-file ([^\s`]+)", page).groups():
            self.assertIn(file, container("aws-t4", "tagfleet-redis")["args"])

    def test_whoever_comes_from_outside_comes_by_tls(self):
        """The load balancer ends it, or the edge does."""
        for overlay in FLEETS:
            (world,) = [s for s in of_kind(overlay, "Service") if s["spec"].get("type") == "LoadBalancer"]
            ((port,),) = [world["spec"]["ports"]]
            with self.subTest(overlay=overlay):
                self.assertEqual(port["port"], 443)
                ends_there = "service.beta.kubernetes.io/aws-load-balancer-ssl-cert" in world["metadata"].get("annotations", {})
                self.assertEqual(port["targetPort"], "http" if ends_there else "https")


class Redis(unittest.TestCase):
    """Redis of this machine with the arguments of the pod."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        certificate(self.folder)
        (redis,) = [w for w in workloads("aws-t4") if name(w) == "tagfleet-redis"]
        self.container = pod(redis)["containers"][0]
        self.port = free_port()
        (self.folder / "auth.conf").write_text("requirepass for-a-test\n")
        command = ["redis-server", *map(self.here, self.container["args"][1:]), "--bind", "127.0.0.1", "--dir", self.folder]
        self.server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        self.addCleanup(self.server.wait, 30)
        self.addCleanup(self.server.terminate)

    def here(self, word):
        """The pod's paths and its port, on this machine."""
        if word == "/etc/redis/redis.conf":
            return ROOT / "deploy/redis/redis.conf"
        if word == "6379":
            return str(self.port)
        return self.folder / word.rpartition("/")[2] if word.startswith("/etc/redis-") else word

    def test_its_probe_reaches_it_and_plain_text_does_not(self):
        (_, *words) = self.container["readinessProbe"]["exec"]["command"]
        probe = ["redis-cli", "-p", str(self.port), *map(self.here, words)]
        said = {"REDISCLI_AUTH": "for-a-test", "PATH": "/usr/bin:/bin:/usr/local/bin"}
        until(lambda: subprocess.run(probe, env=said, capture_output=True, text=True).stdout.strip() == "PONG")
        with hello(self.port, self.folder) as client:
            client.sendall(b"AUTH for-a-test\r\n")
            self.assertEqual(client.recv(64), b"+OK\r\n")
        with socket.create_connection(("127.0.0.1", self.port)) as plain, self.assertRaises(ConnectionResetError):
            plain.sendall(b"PING\r\n")
            self.assertEqual(plain.recv(64), b"")
            raise ConnectionResetError("closed in peace, and unanswered")


class RenewedEdge(unittest.TestCase):
    """The command of the pod, with the paths and ports of this machine, as a certificate is renewed."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        certificate(self.folder)
        self.plain, self.tls = free_port(), free_port()
        (self.folder / "servers.cfg").write_text("backend api\n    server api-1 127.0.0.1:1\n")
        shutil.copy(ROOT / "deploy/haproxy/haproxy.cfg", self.folder)
        told = {"TAGFLEET_EDGE": f"127.0.0.1:{self.plain}", "TAGFLEET_EDGE_STATS": f"127.0.0.1:{free_port()}", "TAGFLEET_EDGE_TLS": f"127.0.0.1:{self.tls}",
                "TAGFLEET_EDGE_CERT": str(self.folder / "tls.crt"), "EDGE_LOOKS_S": "1", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        self.log = self.folder / "log"
        with self.log.open("w") as log:
            command = [word.replace("/etc/haproxy", str(self.folder)) for word in container("bare", "tagfleet-edge")["args"]]
            self.edge = subprocess.Popen(command, env=told, stdout=log, stderr=log, start_new_session=True)
        self.addCleanup(self.stop)
        until(lambda: listens(self.tls))

    def stop(self):
        """As a kubelet does: the first process is told, and whatever is left when that has ended is killed. `hard-stop-after` ends it at
        the latest."""
        self.edge.send_signal(signal.SIGUSR1)
        self.edge.wait(90)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.edge.pid, signal.SIGKILL)

    def shown(self):
        return ssl.get_server_certificate(("127.0.0.1", self.tls))

    def test_a_new_certificate_is_shown_soon_and_no_request_is_lost(self):
        before = self.shown()
        with hello(self.tls, self.folder) as kept:
            certificate(self.folder)
            until(lambda: self.shown() != before)
            self.assertEqual(self.shown().strip(), (self.folder / "tls.crt").read_text().strip())
            # A connection that was there before has its answer still.
            kept.sendall(b"GET /edge/healthz HTTP/1.1\r\nHost: tagfleet-redis\r\nConnection: close\r\n\r\n")
            self.assertTrue(kept.recv(1024).startswith(b"HTTP/1.1 200"))

    def test_a_certificate_that_does_not_fit_its_key_changes_nothing(self):
        before = self.shown()
        (self.folder / "tls.key").write_text("no key\n")
        until(lambda: "tls.crt" in self.log.read_text() or "tls.key" in self.log.read_text())
        self.assertEqual(self.shown(), before)
        self.assertIsNone(self.edge.poll())

    def test_every_edge_that_ends_tls_is_watched(self):
        for overlay in FLEETS:
            edge = container(overlay, "tagfleet-edge")
            with self.subTest(overlay=overlay):
                self.assertEqual("TAGFLEET_EDGE_CERT" in environment(edge), "kill -USR2" in edge["args"][-1])


class Edge(unittest.TestCase):
    def test_it_ends_tls_with_the_certificate_as_it_is_mounted(self):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            certificate(folder)
            plain, tls, stats = free_port(), free_port(), free_port()
            (folder / "servers.cfg").write_text("backend api\n    server api-1 127.0.0.1:1\n")
            told = {"TAGFLEET_EDGE": f"127.0.0.1:{plain}", "TAGFLEET_EDGE_STATS": f"127.0.0.1:{stats}", "TAGFLEET_EDGE_TLS": f"127.0.0.1:{tls}",
                    "TAGFLEET_EDGE_CERT": str(folder / "tls.crt"), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
            files = ["-f", ROOT / "deploy/haproxy/haproxy.cfg", "-f", folder / "servers.cfg"]
            edge = subprocess.Popen(["haproxy", "-db", *files], env=told, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                until(lambda: listens(tls))
                with hello(tls, folder) as client:
                    client.sendall(b"GET /edge/healthz HTTP/1.1\r\nHost: tagfleet-redis\r\nConnection: close\r\n\r\n")
                    self.assertTrue(client.recv(1024).startswith(b"HTTP/1.1 200"))
                # Nobody's certificate but this name's.
                self.assertRaises(ssl.SSLCertVerificationError, hello, tls, folder, "another.example")
            finally:
                edge.terminate()
                edge.wait(30)
