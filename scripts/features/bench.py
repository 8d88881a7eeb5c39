"""bench.py TAGFLEET SAMPLES PORT ROUNDS REQUESTS: one service, asked for tags alone and for more, in turn.

Processor time is the whole service's, decoders included; the generator is not. Every photo is sent as the request's body.
"""

import concurrent.futures
import os
import pathlib
import statistics
import subprocess
import sys
import time
import urllib.request

AT_ONCE = 4
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
MODELS = "efficientnet-lite0,coco-ssd,blazeface,ppocr-text,open-nsfw"
ASKED = {
    "tags": "tags",
    "people": "tags,people",
    "text": "tags,text",
    "safety": "tags,safety",
    "pixels": "tags,colors,quality,exif",
    "all": "tags,people,text,safety,colors,quality,exif",
}


def processor_s(process):
    """Of a process and all below it, ended ones too."""
    parents = {}
    times = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue  # it has ended meanwhile
        pid = int(folder.name)
        parents[pid] = int(fields[1])
        times[pid] = sum(map(int, fields[11:15])) * TICK_S
    below = {process}
    while more := {pid for pid, parent in parents.items() if parent in below} - below:
        below |= more
    return sum(times.get(pid, 0) for pid in below)


def ask(base, features, photo):
    url = f"{base}/v1/tags?features={features}"
    request = urllib.request.Request(url, data=photo, headers={"content-type": "application/octet-stream"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        answer.read()


def round_of(base, process, features, photos, requests):
    """Processor milliseconds and wall milliseconds an image."""
    before, begun = processor_s(process), time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as askers:
        for done in [askers.submit(ask, base, features, photos[n % len(photos)]) for n in range(requests)]:
            done.result()
    wall = time.monotonic() - begun
    return (processor_s(process) - before) / requests * 1e3, wall / requests * 1e3


def await_ready(base):
    while True:
        try:
            urllib.request.urlopen(f"{base}/readyz", timeout=1)
            return
        except OSError:
            time.sleep(0.1)


def main(tagfleet, samples, port, rounds, requests):
    base = f"http://127.0.0.1:{port}"
    photos = [path.read_bytes() for path in sorted(pathlib.Path(samples).glob("*.*")) if path.suffix in (".png", ".jpg")]
    options = ["--listen", f"127.0.0.1:{port}", "--store-url", "memory:", "--cache", "off", "--captioner", "off"]
    service = subprocess.Popen([tagfleet, "serve", *options, "--model", MODELS], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        await_ready(base)
        told = {name: [] for name in ASKED}
        for features in ASKED.values():
            round_of(base, service.pid, features, photos, 24)
        for number in range(int(rounds)):
            for name, features in ASKED.items():
                processor, wall = round_of(base, service.pid, features, photos, int(requests))
                told[name].append((processor, wall))
                print(f"round {number + 1}, {name}: {processor:.1f} ms of processor, {wall:.1f} ms an image")
        middle = {name: [statistics.median(column) for column in zip(*rows)] for name, rows in told.items()}
        tags = middle.pop("tags")
        over = " ".join(f"{name}_over_tags_cpu={row[0] / tags[0]:.2f}" for name, row in middle.items())
        wall = middle["all"][1] / tags[1]
        print(f"RESULT {over} all_over_tags_wall={wall:.2f} tags_cpu_ms={tags[0]:.1f} rounds={rounds} requests={requests}")
    finally:
        service.terminate()
        service.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
