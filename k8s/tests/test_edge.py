"""What the edge does, seen at the real HAProxy with the settings that are shipped."""

import asyncio
import os
import pathlib
import unittest

import edge_clients
from edge import Edge, Server
from rendered import OVERLAYS, containers, environment, name, workloads
from test_compose import SERVICES

HANG_UPS = 500


class Behaviour(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        # A busy machine is no fault.
        asyncio.get_running_loop().slow_callback_duration = 60

    async def server(self, **settings):
        server = await Server(**settings).start()
        self.addAsyncCleanup(server.stop)
        return server

    async def before(self, server, **settings):
        edge = Edge(server.port if server else None, **settings)
        self.addCleanup(edge.stop)
        if server:
            await edge.until("/readyz", 200)
        return edge

    async def hang_up(self, edge, server, path):
        """50 ms after a server has the request: before that, nobody works on it."""
        _, writer = await asyncio.open_connection("127.0.0.1", edge.port)
        writer.write(f"GET {path} HTTP/1.1\r\nhost: edge\r\n\r\n".encode())
        await server.until(lambda: path in server.paths)
        await asyncio.sleep(0.05)
        writer.close()

    async def test_the_server_hears_of_clients_that_hang_up(self):
        """Else jobs of clients that left are done all the same, and overload feeds itself when clients try again."""
        server = await self.server(answers_after_s=20)
        edge = await self.before(server)
        for first in range(0, HANG_UPS, 50):
            await asyncio.gather(*(self.hang_up(edge, server, f"/v1/slow/{n}") for n in range(first, first + 50)))
        await server.until(lambda: server.left + server.answered == HANG_UPS)
        print(f"\n  of {HANG_UPS} clients that hung up after 50 ms, the server heard of {server.left}")
        self.assertGreaterEqual(server.left, HANG_UPS * 0.95)

    async def test_without_servers_it_is_there_and_says_so_to_clients(self):
        edge = await self.before(None)
        await edge.until("/edge/healthz", 200)
        await edge.until("/readyz", 503)
        status, answer = await edge.get("/v1/tags")
        self.assertEqual(status, 503)
        self.assertIn("retry-after: 1\r\n", answer.lower())
        self.assertIn('"code":"no_api_servers"', answer)

    async def test_metrics_are_not_for_everybody_however_they_are_spelt(self):
        """An API server takes one more slash at the end for none."""
        server = await self.server()
        edge = await self.before(server)
        for path in ("/metrics", "/metrics/", "/metrics//", "//metrics", "/metrics?x=1", "/metrics/?x=1"):
            status, answer = await edge.get(path)
            self.assertEqual(status, 404, path)
            self.assertIn('"code":"not_found"', answer)
        self.assertEqual(server.paths, set())
        self.assertEqual((await edge.get("/v1/metrics"))[0], 200)

    async def test_a_line_names_the_client_and_no_health_check_is_a_line(self):
        server = await self.server()
        edge = await self.before(server)
        for path in ("/edge/healthz", "/readyz", "/v1/tags", "/edge/healthz"):
            self.assertEqual((await edge.get(path))[0], 200)
        lines = edge.lines()
        self.assertEqual([(line["path"], line["client"], line["id"]) for line in lines], [("/v1/tags", "127.0.0.1", "req_played")])

    async def test_the_client_is_who_the_edge_saw_whatever_he_says(self):
        server = await self.server()
        edge = await self.before(server)
        await edge.get("/v1/tags", "x-forwarded-for: 8.8.8.8\r\n")
        (head,) = server.heads
        forwarded = [line for line in head.lower().split("\r\n") if line.startswith("x-forwarded-for:")]
        self.assertEqual(forwarded, ["x-forwarded-for: 127.0.0.1"])

    async def test_it_starts_as_many_threads_as_it_is_told(self):
        """By itself it starts one for each core of the machine, whatever part of them its container may use."""
        for threads in (1, 3):
            edge = await self.before(None, environment={"TAGFLEET_EDGE_THREADS": str(threads)})
            await edge.until("/edge/healthz", 200)
            started = len(os.listdir(pathlib.Path("/proc") / str(edge.process.pid) / "task"))
            self.assertEqual(started, threads)


class Clients(unittest.TestCase):
    def test_one_client_holds_a_tenth_of_the_connections_at_the_most(self):
        code, said = edge_clients.in_a_network_with_those()
        self.assertEqual(code, 0, said)
        self.assertIn("Ran 3 tests", said)


class Containers(unittest.TestCase):
    def test_threads_are_the_processors_that_it_may_use(self):
        self.assertEqual(SERVICES["edge"]["environment"]["TAGFLEET_EDGE_THREADS"], str(SERVICES["edge"]["cpus"]))
        for overlay in OVERLAYS:
            (edge,) = [w for w in workloads(overlay) if name(w) == "tagfleet-edge"]
            (container,) = containers(edge)
            self.assertEqual(environment(container)["TAGFLEET_EDGE_THREADS"], container["resources"]["limits"]["cpu"])
