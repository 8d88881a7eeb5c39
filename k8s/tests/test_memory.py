"""A container that decodes strangers' images has room for the worst that may be in it at once, by the code's own numbers.

Kubernetes kills all of a container's processes when its memory is over, so a file too many would cost a server, not itself."""

import re
import unittest

import yaml
from rendered import OVERLAYS, ROOT, cores, name, pod, workloads

MIB = 1 << 20
# The server itself, its connections, and decoders that stand by.
SERVER_BYTES = 256 * MIB
UNITS = {"Ki": 1 << 10, "Mi": MIB, "Gi": 1 << 30, "m": MIB, "g": 1 << 30}
DECODES = {"tagfleet-api", "tagfleet-migrator"}


def number(path, pattern):
    return int(re.search(pattern, (ROOT / path).read_text())[1].replace("_", ""))


def of_bytes(quantity):
    found = re.fullmatch(r"(\d+)([A-Za-z]+)", quantity)
    return int(found[1]) * UNITS[found[2]]


def decoders(processes):
    """Files with a turn, and those that are slow, aside of them."""
    pool = (ROOT / "crates/prepare/src/pool/mod.rs").read_text()
    for rule in ("aside: Semaphore::new(2 * config.slow_places()),", "turns: Arc::new(Semaphore::new(config.processes)),", "(self.processes / 4).max(2)"):
        assert rule in pool, f"the pool has other rules than this test: {rule}"
    return processes + 2 * max(processes // 4, 2)


def decoder_bytes():
    rule = "config.limits.max_decoded_bytes + 2 * config.max_file_bytes as u64"
    assert rule in (ROOT / "crates/prepare/src/pool/decoder.rs").read_text(), "a decoder's memory is another than this test's"
    decoded = number("crates/prepare/src/limits.rs", r"max_decoded_bytes: (\d+) << 20") * MIB
    fetched = number("crates/fetch/src/config.rs", r'TAGFLEET_FETCH_MAX_BYTES", default_value_t = ([0-9_]+)')
    sent = number("api-server/src/config/mod.rs", r'TAGFLEET_MAX_BODY_BYTES", default_value_t = ([0-9_]+)')
    return decoded + 2 * max(fetched, sent)


def list_readers():
    """A migrator reads so many lists at once; those in Parquet each in a process."""
    return number("migrator/src/tasks.rs", r"const AT_ONCE: usize = (\d+);") * number("crates/manifest/src/apart/reader.rs", r"memory_bytes: (\d+) << 20,") * MIB


def worst_bytes(role, processes):
    in_flight = number("crates/resources/src/config.rs", r'TAGFLEET_MAX_BYTES_IN_FLIGHT",\s+default_value_t = ([0-9_]+)')
    return decoders(processes) * decoder_bytes() + in_flight + SERVER_BYTES + (list_readers() if role == "migrator" else 0)


class Memory(unittest.TestCase):
    def test_a_pod_holds_the_worst(self):
        for overlay in OVERLAYS:
            for workload in [w for w in workloads(overlay) if name(w) in DECODES]:
                resources = pod(workload)["containers"][0]["resources"]
                worst = worst_bytes(pod(workload)["containers"][0]["args"][0], int(cores(resources["limits"]["cpu"])))
                with self.subTest(overlay=overlay, workload=name(workload), mib=worst // MIB):
                    self.assertGreaterEqual(of_bytes(resources["limits"]["memory"]), worst)
                    # What is asked for is what a node keeps free; the rest is lent by its neighbours.
                    self.assertGreaterEqual(of_bytes(resources["requests"]["memory"]) * 1.5, of_bytes(resources["limits"]["memory"]))

    def test_a_container_of_compose_holds_the_worst(self):
        services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
        for its_name, service in services.items():
            if service.get("command", [""])[0] in ("api", "migrator"):
                with self.subTest(service=its_name):
                    processes = int(re.search(r":-(\d+)\}", service["cpus"])[1])
                    limit = of_bytes(re.search(r":-(\w+)\}", service["mem_limit"])[1])
                    self.assertGreaterEqual(limit, worst_bytes(service["command"][0], processes))
