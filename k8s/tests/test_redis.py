"""What deploy/redis/redis.conf promises, seen at the real server."""

import socket
import subprocess
import tempfile
import time
import unittest

from edge import free_port
from rendered import ROOT

SETTINGS = ROOT / "deploy/redis/redis.conf"
RESULT = b"r" * 4_000
RESULTS = 1_000


class Client:
    """As much of the protocol as is wanted here."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.file = self.socket.makefile("rb")

    def send(self, *words):
        parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))

    def ask(self, *words):
        self.send(*words)
        line = self.file.readline()
        if line.startswith(b"$"):
            return self.file.read(int(line[1:]) + 2)[:-2].decode()
        return line[1:-2].decode()

    def told(self, section, name):
        (line,) = [line for line in self.ask("INFO", section).splitlines() if line.startswith(f"{name}:")]
        return int(line.partition(":")[2])

    def close(self):
        self.file.close()
        self.socket.close()


class Server(unittest.TestCase):
    """A server of the test's own."""

    OPTIONS = []

    def setUp(self):
        self.port = free_port()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", folder.name, *self.OPTIONS]
        self.server = subprocess.Popen(["redis-server", SETTINGS, *options], stdout=subprocess.DEVNULL)
        self.addCleanup(self.server.wait, 30)
        self.addCleanup(self.server.terminate)
        self.client = self.connect()

    def connect(self):
        for _ in range(200):
            try:
                client = Client(self.port)
            except OSError:
                time.sleep(0.05)
                continue
            self.addCleanup(client.close)
            return client
        raise AssertionError("redis-server does not start")


class Memory(Server):
    # Small, so that little has to be sent.
    OPTIONS = ["--maxmemory", "40mb"]

    def test_subscribers_that_stall_cost_no_result(self):
        """What waits for them counts as memory. API servers that stall are cut off, before results and signs of life are evicted."""
        for number in range(RESULTS):
            self.assertEqual(self.client.ask("SET", f"result:{number}", RESULT, "EX", 600), "OK")
        stalled = [self.connect() for _ in range(4)]
        for subscriber in stalled:
            subscriber.send("SUBSCRIBE", "inbox")
        # Four times 20 MB, of which each socket takes some; more than all memory there is.
        for _ in range(5_000):
            self.client.ask("PUBLISH", "inbox", RESULT)
        self.assertEqual(self.client.told("stats", "evicted_keys"), 0)
        self.assertEqual(self.client.ask("DBSIZE"), str(RESULTS))
        self.assertGreater(self.client.told("stats", "evicted_clients"), 0)


class Exporter(Server):
    OPTIONS = ["--include", str(ROOT / "deploy/redis/users.conf")]

    def test_prometheus_learns_how_redis_is_and_nothing_else(self):
        self.assertEqual(self.client.ask("AUTH", "exporter", "PASSWORD_EXPORTER"), "OK")
        self.assertEqual(self.client.told("memory", "maxmemory"), 2**30)
        for command in (("GET", "tagfleet:result:1"), ("KEYS", "*"), ("CONFIG", "GET", "requirepass"), ("FLUSHALL",)):
            with self.subTest(command=command):
                self.assertTrue(self.client.ask(*command).startswith("NOPERM"))
