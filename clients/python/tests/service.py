"""A running service of the tests' own, on a free port, and an origin of pictures for it."""

import contextlib
import http.server
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

from pictures import picture

FAKE = ("--engine", "fake:service_ms=1", "--captioner", "template")
START_S = 60.0


def cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "tagfleet"


def binary() -> Path:
    return Path(os.environ.get("TAGFLEET_BINARY", cache() / "target/quick/tagfleet"))


def models() -> Path:
    return Path(os.environ.get("TAGFLEET_MODELS_DIR", cache() / "models"))


class Service:
    """`tagfleet serve`. It may be stopped and started again, on the same port and with the same store."""

    def __init__(self, *options: str, **settings: str) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="tagfleet-client-")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._options = options
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TAGFLEET_")},
            "TAGFLEET_MODELS_DIR": str(models()),
            "TAGFLEET_STORE_URL": f"file://{self.folder.name}/store",
            "TAGFLEET_LISTEN": f"127.0.0.1:{self.port}",
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", binary(), "serve", *self._options],
                env=self._environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        until = time.monotonic() + START_S
        while not self.is_ready():
            if self._process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"the service did not get ready:\n{self.log.read_text()[-2_000:]}")
            time.sleep(0.02)
        return self

    def is_ready(self) -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/readyz", timeout=1) as answer:
            return bool(answer.status == 200)
        return False

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=60)
            self._process = None

    @property
    def log(self) -> Path:
        return Path(self.folder.name) / "log"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
        self.folder.cleanup()


def running(test: type[unittest.TestCase], *options: str, **settings: str) -> Service:
    """A service for all tests of a class."""
    service = Service(*options, **settings)
    return test.enterClassContext(service)


class Origin:
    """`http://127.0.0.1:PORT/7.png` is the seventh picture. `/404/7.png` is not there, and `/slow/7.png` never comes."""

    def __init__(self) -> None:
        Pictures.ended.clear()
        self._server = Server(("127.0.0.1", 0), Pictures)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        Pictures.ended.set()
        self._server.shutdown()
        self._server.server_close()


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A service that was killed hangs up."""


class Pictures(http.server.BaseHTTPRequestHandler):
    ended = threading.Event()

    def do_GET(self) -> None:
        if self.path.startswith("/slow/"):
            self.ended.wait()
        found = re.fullmatch(r"/(\d+)\.png", self.path)
        body = picture(int(found[1])) if found else b""
        self.send_response(200 if found else 404)
        self.send_header("content-type", "image/png")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def free_port() -> int:
    """Below the range that the kernel takes for outgoing connections, so that it is free when it is used again."""
    for port in range(12_000 + os.getpid() % 5_000, 32_000):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("no port is free")
