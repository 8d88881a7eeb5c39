"""The edge is reloaded under clients that keep their connections: none of their requests may fail."""

import asyncio
import contextlib
import os
import pathlib
import signal
import subprocess
import tempfile
import unittest

from edge import SETTINGS, Server, free_port

CLIENTS = 8
RELOADS = 3


class ReloadedEdge:
    """HAProxy as a service runs it: a master that starts a new worker when it is told so, and lets the old one end."""

    def __init__(self, server_port):
        self.port = free_port()
        self.folder = tempfile.TemporaryDirectory()
        servers = pathlib.Path(self.folder.name) / "servers.cfg"
        servers.write_text(f"backend api\n    server api-1 127.0.0.1:{server_port}\n")
        self.log = pathlib.Path(self.folder.name) / "log"
        settings = {"TAGFLEET_EDGE": f"127.0.0.1:{self.port}", "TAGFLEET_EDGE_STATS": f"127.0.0.1:{free_port()}"}
        with self.log.open("w") as log:
            command = ["haproxy", "-W", "-db", "-f", SETTINGS, "-f", servers]
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **settings})

    async def until_ready(self):
        for _ in range(600):
            with contextlib.suppress(OSError):
                client = Client(self.port)
                await client.ask()
                if client.statuses == {200: 1}:
                    return client.close()
                client.close()
            await asyncio.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def workers(self):
        return self.log.read_text().count("New worker")

    async def reload(self):
        before = self.workers()
        self.process.send_signal(signal.SIGUSR2)
        for _ in range(600):
            if self.workers() > before:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def stop(self):
        self.process.terminate()
        self.process.wait(90)
        self.folder.cleanup()


class Client:
    """Asks over one connection, and over another only where the answer said so."""

    def __init__(self, port):
        self.port, self.writer, self.statuses = port, None, {}

    async def ask(self):
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writer.write(b"GET /v1/models HTTP/1.1\r\nhost: edge\r\n\r\n")
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length: ")[1].split("\r\n")[0])
        await self.reader.readexactly(length)
        status = int(head.split(" ")[1])
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if "connection: close" in head:
            self.close()

    def close(self):
        if self.writer is not None:
            self.writer.close()
            self.writer = None

    async def ask_until(self, stopped):
        while not stopped.is_set():
            await self.ask()
            # Long enough that most connections are idle at any moment, and a request leaves in another.
            await asyncio.sleep(0.005)
        self.close()


class Reloads(unittest.IsolatedAsyncioTestCase):
    async def until_each_has(self, clients, asking, more):
        wanted = [client.statuses.get(200, 0) + more for client in clients]
        while any(client.statuses.get(200, 0) < count for client, count in zip(clients, wanted)):
            await asyncio.sleep(0.01)
            # One that ended has failed, and says how.
            await asyncio.gather(*[task for task in asking if task.done()])

    async def test_no_request_of_a_kept_connection_fails(self):
        server = await Server().start()
        edge = ReloadedEdge(server.port)
        try:
            await edge.until_ready()
            clients, stopped = [Client(edge.port) for _ in range(CLIENTS)], asyncio.Event()
            asking = [asyncio.create_task(client.ask_until(stopped)) for client in clients]
            # A connection without an answer yet is not kept, and may be closed.
            await self.until_each_has(clients, asking, 10)
            for _ in range(RELOADS):
                await edge.reload()
                await self.until_each_has(clients, asking, 40)
            stopped.set()
            await asyncio.gather(*asking)
            for client in clients:
                self.assertEqual(set(client.statuses), {200})
        finally:
            edge.stop()
            await server.stop()


if __name__ == "__main__":
    unittest.main()
