#!/usr/bin/env python3
"""deploy/check/pods/run.py BINARY MODELS: each role of overlays/dev as its pod will run, on this machine, by root: starts, becomes
ready, tags, decodes six slow images at once, works off a batch, and stops. In a network of its own, so all ports are the manifests'."""

import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[2] / "k8s/tests")]

from rendered import cores, environment, name, of_kind, pod, workloads
from sandbox import Container, Limits, make_root, of_bytes
from servers import Servers, listens, serve, slow_png, until

OVERLAY, API, ORIGIN = "dev", "http://127.0.0.1:8080", 18_000
BESIDE = {"TAGFLEET_FETCH_ALLOW_ORIGINS": f"http://127.0.0.1:{ORIGIN}"}
SLOW = 6


def ask(path, body=None, kind="application/octet-stream"):
    request = urllib.request.Request(API + path, body, {"content-type": kind} if body else {})
    try:
        with urllib.request.urlopen(request, timeout=90) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"null")
    except OSError:
        return None, None


def answers(probe, container):
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    url = f"http://127.0.0.1:{ports[probe['httpGet']['port']]}{probe['httpGet']['path']}"
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


class Role:
    def __init__(self, workload, folder, binary, models):
        self.name, self.spec = name(workload).removeprefix("tagfleet-"), pod(workload)
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
                what = self.folder / {"connections": "secrets", "store": "batches"}[mount["name"]]
            found[mount["mountPath"]] = (what, read_only)
        return found

    def start(self):
        (settings,) = [m["data"] for m in of_kind(OVERLAY, "ConfigMap") if "TAGFLEET_QUEUE_PREFIX" in m["data"]]
        told = {key: value if value is not None else f"{self.name}-0" for key, value in environment(self.container).items()}
        limits = Limits(self.name, self.limit_bytes, cores(self.container["resources"]["limits"]["cpu"]))
        log = self.folder / f"{self.name}.log"
        self.runs = Container(self.name, self.root, self.container["args"], {**settings, **told, **BESIDE}, self.mounts(), limits, log).start()
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


wrong = []


def expect(holds, words):
    if not holds:
        print(f"  WRONG  {words}")
        wrong.append(words)


def stops_while_it_waits(role):
    """The first process of a container hears no signal that it did not ask for."""
    role.start()
    until(lambda: listens(8080), 30, "the API server's port")
    time.sleep(1)
    code, seconds = role.runs.stop(role.grace_s)
    role.runs.limits.remove()
    print(f"  {role.name:<12} without a broker: exit {code}, {seconds:.1f} s after SIGTERM")
    expect(code == 0 and seconds < 10, "an API server that waits for a broker does not stop")


def tags(photo):
    status, answer = ask("/v1/tags", photo.read_bytes())
    expect(status == 200 and answer["tags"], f"{photo.name} was answered {status}: {answer}")


def decode_slow_ones(api, picture):
    """As many as may be decoded at once, and all that each may take."""
    with concurrent.futures.ThreadPoolExecutor(SLOW) as pool:
        said = list(pool.map(lambda _: ask("/v1/tags", picture), range(SLOW)))
    codes = sorted(str((answer or {}).get("code", status)) for status, answer in said)
    print(f"  {SLOW} slow images at once: {', '.join(codes)}")
    expect(all(status in (200, 422, 429, 503) for status, _ in said), f"a slow image was answered otherwise: {codes}")
    expect(api.runs.runs(), "the API server is gone")


def work_off_a_batch(folder, binary):
    names = folder / "list.txt"
    names.write_text("".join(f"http://127.0.0.1:{ORIGIN}/{number}.png\n" for number in range(SLOW)))
    done = subprocess.run([binary, "batch", "submit", "--api", API, "--no-caption", "--watch", names], capture_output=True, text=True, timeout=300)
    print(f"  a batch of {SLOW}: {done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr.strip()}")
    expect("completed" in done.stdout, "the batch did not end")


def check(folder, binary, models):
    (folder / "secrets").mkdir()
    (folder / "secrets/queue-url").write_text("amqp://pods:for-pods@tagfleet-rabbitmq.tagfleet.svc:5672/\n")
    (folder / "secrets/bus-url").write_text("redis://:for-pods@tagfleet-redis:6379/0\n")
    (folder / "batches").mkdir()
    os.chown(folder / "batches", 65532, 65532)
    roles = {name(w).removeprefix("tagfleet-"): Role(w, folder, binary, models) for w in workloads(OVERLAY) if pod(w)["containers"][0]["args"][0] in ("api", "worker", "migrator")}
    picture = slow_png()
    serve(picture, ORIGIN)
    stops_while_it_waits(roles["api"])
    servers = Servers(folder / "servers")
    servers.folder.mkdir()
    try:
        servers.start()
        for role in roles.values():
            role.start()
        for its_name in ("worker-tag", "migrator", "api"):
            roles[its_name].ready()
        photos = sorted((models / "samples").glob("*.jpg"))
        for photo in photos:
            tags(photo)
        print(f"  {len(photos)} photos were tagged")
        decode_slow_ones(roles["api"], picture)
        work_off_a_batch(folder, binary)
        tags(photos[0])
        figures = {its_name: roles[its_name].stop() for its_name in ("api", "migrator", "worker-tag")}
    finally:
        for role in roles.values():
            if hasattr(role, "runs") and role.runs.runs():
                role.runs.stop(1)
                role.runs.limits.remove()
        servers.stop()
    print("RESULT " + " ".join(f"{its_name}_{key}={value}" for its_name, kept in figures.items() for key, value in kept.items()))


def main():
    binary, models = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    if os.geteuid():
        sys.exit("only root can start containers without an engine")
    if "TAGFLEET_PODS_NETWORK" not in os.environ:
        os.execvpe("unshare", ["unshare", "--net", sys.executable, "-B", *sys.argv], {**os.environ, "TAGFLEET_PODS_NETWORK": "own"})
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tagfleet-pods-"))
    folder.chmod(0o755)
    try:
        check(folder, binary, models)
    finally:
        if not wrong:
            shutil.rmtree(folder, ignore_errors=True)
    if wrong:
        sys.exit(f"{len(wrong)} wrong; logs are in {folder}")


main()
