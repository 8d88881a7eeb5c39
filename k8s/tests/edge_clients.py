"""How many connections one client may have open at the edge.

Private addresses are not counted, so this is run in a network of its own, which has others: `test_edge` does that.
"""

import asyncio
import contextlib
import subprocess
import sys
import unittest

from edge import Edge

MOST = 400
# Nobody has these addresses: they are for documentation.
EDGE, EDGE_V6 = "192.0.2.1", "2001:db8::1"
ADDRESSES = [EDGE, "192.0.2.2", "192.0.2.3", EDGE_V6, *(f"2001:db8:0:{net}::{host}" for net in (1, 2) for host in range(1, 6))]


def in_a_network_with_those():
    """This file's tests, in a process of its own. Returns how it ended, and what it said."""
    lines = ["ip link set lo up", *(f"ip addr add {address} dev lo nodad" if ":" in address else f"ip addr add {address} dev lo" for address in ADDRESSES)]
    command = ["unshare", "--map-root-user", "--net", "sh", "-ec", "; ".join([*lines, 'exec "$@"']), "sh", sys.executable, "-B", __file__]
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return ended.returncode, ended.stdout


class Clients(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        # A busy machine is no fault.
        asyncio.get_running_loop().slow_callback_duration = 60
        self.edge = Edge(addresses=["127.0.0.1", EDGE, EDGE_V6])
        self.addCleanup(self.edge.stop)
        await self.edge.until("/edge/healthz", 200)

    async def open(self, source):
        """A connection that has had an answer and is kept; nothing where the edge has closed it."""
        to = EDGE_V6 if ":" in source else "127.0.0.1" if source == "127.0.0.1" else EDGE
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            reader, writer = await asyncio.open_connection(to, self.edge.port, local_addr=(source, 0))
            self.addCleanup(writer.close)
            writer.write(b"GET /edge/healthz HTTP/1.1\r\nhost: edge\r\n\r\n")
            self.assertIn(b" 200 ", await reader.readuntil(b"\r\n\r\n"))
            return writer

    async def open_all(self, sources):
        """The connections of those that were served, which all must be."""
        kept = [await self.open(source) for source in sources]
        self.assertEqual(sum(writer is not None for writer in kept), len(kept))
        return kept

    async def is_served(self, source):
        return await self.open(source) is not None

    async def until_served(self, source):
        for _ in range(600):
            if await self.is_served(source):
                return
            await asyncio.sleep(0.05)
        self.fail(f"{source} is never served")

    async def test_an_address_has_so_many_and_no_more(self):
        kept = await self.open_all(["192.0.2.2"] * MOST)
        self.assertFalse(await self.is_served("192.0.2.2"))
        self.assertTrue(await self.is_served("192.0.2.3"), "another client")
        kept.pop().close()
        await self.until_served("192.0.2.2")
        self.assertFalse(await self.is_served("192.0.2.2"), "one place came back")

    async def test_addresses_of_one_network_of_ipv6_are_one_client(self):
        await self.open_all(f"2001:db8:0:1::{1 + n % 4}" for n in range(MOST))
        self.assertFalse(await self.is_served("2001:db8:0:1::5"), "it has none open")
        self.assertTrue(await self.is_served("2001:db8:0:2::1"), "another network")

    async def test_a_private_address_may_be_many_clients(self):
        await self.open_all(["127.0.0.1"] * (MOST + 20))


if __name__ == "__main__":
    unittest.main()
