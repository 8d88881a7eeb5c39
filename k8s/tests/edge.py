"""The real HAProxy on deploy/haproxy/haproxy.cfg, before a server of the tests' own that may take its time."""

import asyncio
import contextlib
import json
import os
import pathlib
import socket
import subprocess
import tempfile

from rendered import ROOT

SETTINGS = ROOT / "deploy/haproxy/haproxy.cfg"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    """An API server: ready at once, and every other answer takes as long as it is told. It notes who left before the answer."""

    def __init__(self, answers_after_s=0.0):
        self.answers_after_s = answers_after_s
        self.heads, self.paths, self.left, self.answered = [], set(), 0, 0
        self.changed = asyncio.Condition()
        self.open = {}

    async def start(self):
        self.listener = await asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=1024)
        self.port = self.listener.sockets[0].getsockname()[1]
        return self

    async def stop(self):
        self.listener.close()
        for writer in self.open.values():
            writer.transport.abort()
        await asyncio.gather(*self.open)

    async def serve(self, reader, writer):
        self.open[asyncio.current_task()] = writer
        try:
            await self.converse(reader, writer)
        finally:
            writer.close()

    async def converse(self, reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                if not head.startswith("GET /readyz "):
                    if await self.leaves(head, reader):
                        break
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-request-id: req_played\r\n\r\nok")
                await writer.drain()

    async def leaves(self, head, reader):
        """Whether the other side closes before the answer is due."""
        self.paths.add(head.split(" ")[1])
        await self.note(lambda: self.heads.append(head))
        try:
            await asyncio.wait_for(reader.read(1), self.answers_after_s)
        except asyncio.TimeoutError:
            await self.note(lambda: setattr(self, "answered", self.answered + 1))
            return False
        except ConnectionError:
            pass  # closed with a reset
        await self.note(lambda: setattr(self, "left", self.left + 1))
        return True

    async def note(self, change):
        async with self.changed:
            change()
            self.changed.notify_all()

    async def until(self, holds):
        async with self.changed:
            await asyncio.wait_for(self.changed.wait_for(holds), 30)


class Edge:
    """HAProxy before one server, which `None` leaves out."""

    def __init__(self, server_port=None, environment=None, addresses=("127.0.0.1",)):
        self.port, self.stats_port = free_port(), free_port()
        self.folder = tempfile.TemporaryDirectory()
        servers = pathlib.Path(self.folder.name) / "servers.cfg"
        address = f"127.0.0.1:{server_port or free_port()}"
        servers.write_text(f"backend api\n    server api-1 {address}\n")
        self.log = pathlib.Path(self.folder.name) / "log"
        listens = ",".join(f"{address}:{self.port}" for address in addresses)
        settings = {"TAGFLEET_EDGE": listens, "TAGFLEET_EDGE_STATS": f"127.0.0.1:{self.stats_port}", **(environment or {})}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(["haproxy", "-db", "-f", SETTINGS, "-f", servers], stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **settings})

    async def get(self, path, headers=""):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(f"GET {path} HTTP/1.1\r\nhost: edge\r\n{headers}connection: close\r\n\r\n".encode())
        answer = (await reader.read()).decode()
        writer.close()
        return int(answer.split(" ")[1]), answer

    async def until(self, path, status):
        for _ in range(600):
            with contextlib.suppress(OSError, IndexError):
                if (await self.get(path))[0] == status:
                    return
            await asyncio.sleep(0.05)
        raise AssertionError(f"{path} is never answered with {status}:\n{self.log.read_text()}")

    def lines(self):
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
        self.folder.cleanup()
