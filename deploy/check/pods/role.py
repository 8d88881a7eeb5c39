"""A role of an overlay as its pod will run: what is mounted, what it is told, its limits, and that it is confined."""

import pathlib
import re
import time
import urllib.request

from limits import Limits, of_bytes
from rendered import cores, environment, name, of_kind, pod
from sandbox import Container, make_root
from servers import until

OVERLAY, ORIGIN = "dev", 18_000
# Beside the manifests: images of this machine.
BESIDE = {"TAGFLEET_FETCH_ALLOW_ORIGINS": f"http://127.0.0.1:{ORIGIN}"}
# What a volume holds that the check fills.
FOLDERS = {"connections": "secrets", "authority": "authority", "store": "batches"}
wrong = []


def expect(holds, words):
    if not holds:
        print(f"  WRONG  {words}")
        wrong.append(words)


def answers(probe, container):
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    url = f"http://127.0.0.1:{ports[probe['httpGet']['port']]}{probe['httpGet']['path']}"
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


class Role:
    def __init__(self, workload, folder, binary, models, called=None, beside=()):
        self.name, self.spec = called or name(workload).removeprefix("tagfleet-"), pod(workload)
        self.beside = {**BESIDE, **dict(beside)}
        (self.container,) = self.spec["containers"]
        self.grace_s, self.folder, self.models = self.spec["terminationGracePeriodSeconds"], folder, models
        self.limit_bytes = of_bytes(self.container["resources"]["limits"]["memory"])
        self.root = folder / self.name
        make_root(self.root, binary, models)

    def mounts(self):
        """Of the volumes in the pod: models as the init container leaves them, URLs, batches, and what is empty."""
        kinds = {volume["name"]: volume for volume in self.spec.get("volumes", [])}
        found = {}
        for mount in self.container.get("volumeMounts", []):
            volume, read_only = kinds[mount["name"]], mount.get("readOnly", False)
            if mount["name"] == "models":
                what = self.models
            elif "emptyDir" in volume:
                what = of_bytes(volume["emptyDir"]["sizeLimit"])
            else:
                what = self.folder / FOLDERS[mount["name"]]
            found[mount["mountPath"]] = (what, read_only)
            # As a runtime does it before the root is read-only.
            (self.root / mount["mountPath"].lstrip("/")).mkdir(parents=True, exist_ok=True)
        return found

    def start(self):
        (settings,) = [m["data"] for m in of_kind(OVERLAY, "ConfigMap") if "TAGFLEET_QUEUE_PREFIX" in m["data"]]
        told = {key: value if value is not None else f"{self.name}-0" for key, value in environment(self.container).items()}
        limits = Limits(self.name, self.limit_bytes, cores(self.container["resources"]["limits"]["cpu"]))
        log = self.folder / f"{self.name}.log"
        self.runs = Container(self.name, self.root, self.container["args"], {**settings, **told, **self.beside}, self.mounts(), limits, log).start()
        return self

    def ready(self):
        def holds():
            if not self.runs.runs():
                raise SystemExit(f"{self.name} ended with {self.runs.ended}:\n" + (self.folder / f"{self.name}.log").read_text()[-3000:])
            return answers(self.container["readinessProbe"], self.container)

        until(holds, self.container["startupProbe"]["periodSeconds"] * self.container["startupProbe"]["failureThreshold"], f"{self.name} ready")
        self.ready_s = time.monotonic() - self.runs.started
        self.check_confined()
        return self

    def check_confined(self):
        status = self.runs.status()
        wanted = {"Uid": ["65532"] * 4, "CapEff": ["0000000000000000"], "CapBnd": ["0000000000000000"], "NoNewPrivs": ["1"]}
        for key, value in wanted.items():
            expect(status[key] == value, f"{self.name}: {key} is {status[key]}, not {value}")
        mounted = pathlib.Path(f"/proc/{self.runs.pid}/mountinfo").read_text()
        expect(re.search(r"(?m)^\S+ \S+ \S+ \S+ / ro", mounted), f"{self.name}: the root is not read-only")

    def stop(self):
        code, seconds = self.runs.stop(self.grace_s)
        peak, kills = self.runs.limits.peak_bytes(), self.runs.limits.kills()
        self.runs.limits.remove()
        mib = 1 << 20
        print(f"  {self.name:<12} ready after {self.ready_s:5.1f} s  peak {peak // mib:>5} of {self.limit_bytes // mib:>5} MiB  exit {code} after {seconds:4.1f} of {self.grace_s} s", flush=True)
        expect(code == 0, f"{self.name} ended with {code} (log: {self.folder}/{self.name}.log)")
        expect(kills == 0, f"{self.name}: {kills} processes were killed for memory")
        return {"ready_s": round(self.ready_s, 1), "peak_mib": peak // mib, "limit_mib": self.limit_bytes // mib, "stopped_s": round(seconds, 1), "exit": code}
