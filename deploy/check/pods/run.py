#!/usr/bin/env python3
"""deploy/check/pods/run.py BINARY MODELS: each role of overlays/dev as its pod will run, on this machine, by root: starts, becomes
ready, tags, decodes six slow images at once, works off a batch, and stops. In a network of its own, so all ports are the manifests'."""

import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[2] / "k8s/tests")]

from rendered import name, pod, workloads
from role import ORIGIN, OVERLAY, Role, expect, wrong
from servers import Servers, listens, serve, slow_png, until

API = "http://127.0.0.1:8080"
SLOW = 6
# The longest that a request may take.
LONGEST_MS = 60_000


def ask(path, body=None, kind="application/octet-stream"):
    request = urllib.request.Request(API + path, body, {"content-type": kind} if body else {})
    try:
        with urllib.request.urlopen(request, timeout=90) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"null")
    except OSError:
        return None, None


def stops_while_it_waits(role):
    """The first process of a container hears no signal that it did not ask for."""
    role.start()
    until(lambda: listens(8080), 30, "the API server's port")
    time.sleep(1)
    code, seconds = role.runs.stop(role.grace_s)
    role.runs.limits.remove()
    print(f"  {role.name:<12} without a broker: exit {code}, {seconds:.1f} s after SIGTERM")
    expect(code == 0 and seconds < 10, "an API server that waits for a broker does not stop")


def refuses_without_gpu(folder, binary, models):
    """The tagger of aws-t4, where there is no GPU, ends for want of that. A folder that it cannot write to would end it everywhere."""
    (worker,) = [w for w in workloads("aws-t4") if name(w) == "tagfleet-worker-tag"]
    # ONNX Runtime for processors stands in for that for CUDA, which may not be among the models.
    role = Role(worker, folder, binary, models, "worker-gpu", {"ORT_DYLIB_PATH": "/models/onnxruntime/libonnxruntime.so"}).start()
    until(lambda: not role.runs.runs(), 60, "the worker for GPUs ends")
    role.runs.limits.remove()
    said = (folder / "worker-gpu.log").read_text()
    print(f"  worker-gpu   without one: exit {role.runs.ended}")
    expect("cannot be loaded on cuda" in said and "os error" not in said, f"the worker for GPUs ends for another reason: {said[-500:]}")


def tags(photo):
    status, answer = ask("/v1/tags", photo.read_bytes())
    expect(status == 200 and answer["tags"], f"{photo.name} was answered {status}: {answer}")


def decode_slow_ones(api, picture):
    """As many as may be decoded at once, and all that each may take."""
    with concurrent.futures.ThreadPoolExecutor(SLOW) as pool:
        said = list(pool.map(lambda _: ask(f"/v1/tags?timeout_ms={LONGEST_MS}", picture), range(SLOW)))
    codes = sorted(str((answer or {}).get("code", status)) for status, answer in said)
    print(f"  {SLOW} slow images at once: {', '.join(codes)}")
    for refused in {answer["detail"] for status, answer in said if status != 200 and answer}:
        print(f"    {refused}")
    expect(all(status in (200, 422, 429, 503, 504) for status, _ in said), f"a slow image was answered otherwise: {codes}")
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
    # Overlays with TLS name an authority; any that can be read will do, since these URLs are plain.
    (folder / "authority").mkdir()
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", folder / "authority/ca.crt")
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
        refuses_without_gpu(folder, binary, models)
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
