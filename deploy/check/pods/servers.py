"""Broker, results, and an origin of images, for the containers beside them in a network of their own."""

import http.server
import os
import pathlib
import socket
import struct
import subprocess
import threading
import time
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[3]
BEHIND = pathlib.Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def until(holds, within_s, words):
    """Seconds until it holds."""
    since = time.monotonic()
    while not holds():
        if time.monotonic() - since > within_s:
            raise SystemExit(f"not within {within_s} s: {words}")
        time.sleep(0.05)
    return time.monotonic() - since


class Servers:
    """RabbitMQ and Redis on their usual ports, with a user and a password as the operator's and ours."""

    def __init__(self, folder):
        self.folder, self.processes = folder, []

    def start(self):
        self.run(["redis-server", ROOT / "deploy/redis/redis.conf", "--requirepass", "for-pods", "--dir", self.folder], "redis")
        (self.folder / "rabbitmq.conf").write_text("default_user = pods\ndefault_pass = for-pods\ndisk_free_limit.absolute = 50MB\nloopback_users = none\n")
        (self.folder / "plugins").write_text("[].\n")
        told = {
            "HOME": str(self.folder), "RABBITMQ_NODENAME": "pods@localhost", "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"), "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder), "RABBITMQ_CONF_ENV_FILE": str(self.folder / "none"), "RABBITMQ_PID_FILE": str(self.folder / "pid"),
        }
        self.run(["epmd"], "epmd")
        until(lambda: listens(4369), 10, "Erlang's port mapper")
        self.run([BEHIND if BEHIND.exists() else "rabbitmq-server"], "rabbitmq", told)
        until(lambda: listens(6379), 10, "Redis")
        until(lambda: listens(5672), 120, "RabbitMQ")

    def run(self, command, name, told=None):
        with (self.folder / f"{name}.log").open("w") as log:
            self.processes.append(subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **(told or {})}))

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            process.wait(60)


class Origin(http.server.BaseHTTPRequestHandler):
    picture = b""

    def do_GET(self):
        self.send_response(200)
        self.send_header("content-type", "image/png")
        self.send_header("content-length", str(len(self.picture)))
        self.end_headers()
        self.wfile.write(self.picture)

    def log_message(self, *_):
        pass


def serve(picture, port):
    Origin.picture = picture
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Origin)
    threading.Thread(target=server.serve_forever, daemon=True).start()


# Where each of the seven passes of an interlaced PNG begins, and its steps: x, y.
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def slow_png(side=9_000):
    """Nearly all that one image may take when it is decoded, 243 of 256 MB, in a file of some hundred KB. It is interlaced, since others go by in rows."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(6)
    data = b""
    for x, y, step_x, step_y in PASSES:
        width, height = -((x - side) // step_x), -((y - side) // step_y)
        row = b"\0" + (bytes(range(250)) * (3 * width // 250 + 1))[: 3 * width]
        data += b"".join(packer.compress(row) for _ in range(height))
    data += packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
