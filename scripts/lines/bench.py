"""bench.py TAGFLEET SAMPLES LINES PORT ORIGIN_PORT: a long list of which one line in a hundred is broken in each of nine ways.

The engine is fake, and the good lines name a few photos again and again, by a URL of their own each in a hundred: what is
measured is the list's way through, not the tagger. It judges that each row ends once, and that each error names its row.
"""

import collections
import http.server
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

# These lines of each hundred are broken; the code is what each ends with.
BROKEN = {
    11: ("not JSON", "invalid_row"),
    22: ("no URL", "invalid_row"),
    33: ("a URL that is a number", "invalid_url"),
    44: ("a name with a fraction", "invalid_row"),
    55: ("a name that is too long", "invalid_row"),
    66: ("bytes that are no UTF-8", "invalid_row"),
    77: ("another scheme", "invalid_url"),
    88: ("a private address", "source_unreachable"),
    99: ("nothing there", "source_http_error"),
}


def line(row, origin):
    name = f"row-{row}"
    good = {"custom_id": name, "url": f"{origin}/cat.png?{row % 100}"}
    match row % 100:
        case 11:
            return b'{"custom_id": "%s", "url": ' % name.encode()
        case 22:
            return json.dumps({"custom_id": name}).encode()
        case 33:
            return json.dumps({"custom_id": name, "url": row}).encode()
        case 44:
            return json.dumps({**good, "custom_id": row + 0.5}).encode()
        case 55:
            return json.dumps({**good, "custom_id": "x" * 300}).encode()
        case 66:
            return b'{"custom_id": "row \xff\xfe", "url": "http://x.example/"}'
        case 77:
            return json.dumps({**good, "url": "ftp://photos.example/a.jpg"}).encode()
        case 88:
            return json.dumps({**good, "url": "http://10.0.0.1/a.jpg"}).encode()
        case 99:
            return json.dumps({**good, "url": f"{origin}/nothing-{row % 1000}.jpg"}).encode()
        case _:
            return json.dumps(good).encode()


class Origin(http.server.BaseHTTPRequestHandler):
    photo = b""

    def do_GET(self):
        is_there = not self.path.startswith("/nothing")
        body = self.photo if is_there else b""
        self.send_response(200 if is_there else 404)
        self.send_header("content-length", str(len(body)))
        self.send_header("cache-control", "max-age=3600")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def call(url, body=None, kind="application/json", method=None):
    request = urllib.request.Request(url, data=body, method=method, headers={"content-type": kind})
    try:
        with urllib.request.urlopen(request, timeout=600) as answer:
            return answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{url}: {error.code} {error.read().decode()}") from error


def await_end(base, batch, lines):
    shown = 0
    while True:
        told = json.loads(call(f"{base}/v1/batches/{batch}")[0])
        counts = told["request_counts"]
        done = counts["completed"] + counts["failed"]
        if told["status"] not in ("validating", "in_progress", "finalizing"):
            return told
        if done * 10 // lines > shown:
            shown = done * 10 // lines
            print(f"  {done} of {lines}, {told.get('rate_per_s', 0)} a second", flush=True)
        time.sleep(1)


def pages(base, batch, what):
    after = ""
    while True:
        body, headers = call(f"{base}/v1/batches/{batch}/{what}?limit=10000{after}")
        yield from map(json.loads, body.splitlines())
        if not headers.get("x-next-cursor") or not body:
            return
        after = f"&after={headers['x-next-cursor']}"


def judge(base, batch, lines):
    """How many rows are there, which are there twice, and which errors are not those of their rows."""
    seen = bytearray(lines + 1)
    codes = collections.Counter()
    wrong = []
    for what in ("results", "errors"):
        for entry in pages(base, batch, what):
            row = entry["line"]
            seen[row] += 1
            code = (entry.get("error") or {}).get("code")
            expected = BROKEN.get(row % 100, (None, None))[1]
            codes[code] += code is not None
            if code != expected and len(wrong) < 5:
                wrong.append((row, code, expected))
    return sum(seen[1:]), sum(count > 1 for count in seen), codes, wrong


def memory_mib(process):
    status = pathlib.Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main(tagfleet, samples, lines, port, origin_port):
    lines, base = int(lines), f"http://127.0.0.1:{port}"
    Origin.photo = pathlib.Path(samples, "cat.png").read_bytes()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(origin_port)), Origin)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    origin = f"http://127.0.0.1:{origin_port}"
    with tempfile.TemporaryDirectory() as folder:
        options = ["--listen", f"127.0.0.1:{port}", "--store-url", f"file://{folder}", "--engine", "fake:service_ms=0.1"]
        options += ["--captioner", "off", "--cache", "on", "--fetch-allow-origin", origin]
        # Each shard's last tries take 42 s, however few there are.
        options += ["--batch-shard-items", "50000"]
        service = subprocess.Popen([tagfleet, "serve", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while not is_ready(base):
                time.sleep(0.1)
            listed = b"".join(line(row, origin) + b"\n" for row in range(1, lines + 1))
            begun = time.monotonic()
            told = json.loads(call(f"{base}/v1/batches?features=tags", listed, "application/x-ndjson")[0])
            print(f"{len(listed) / 1e6:.0f} MB are taken after {time.monotonic() - begun:.1f} s", flush=True)
            told = await_end(base, told["id"], lines)
            took = time.monotonic() - begun
            there, twice, codes, wrong = judge(base, told["id"], lines)
            peak = memory_mib(service.pid)
        finally:
            service.terminate()
            service.wait()
    counts = told["request_counts"]
    for code, count in codes.most_common():
        print(f"  {code}: {count}")
    print(f"wrong: {wrong or 'none'}")
    ended = counts["completed"] + counts["failed"]
    print(
        f"RESULT lines={lines} completed={counts['completed']} failed={counts['failed']} ended_over_lines={ended / lines:.6f} rows_told={there} "
        f"twice={twice} wrong={len(wrong)} seconds={took:.0f} lines_per_s={lines / took:.0f} peak_mib={peak:.0f}"
    )
    sys.exit(bool(wrong or twice or there != lines or ended != lines))


def is_ready(base):
    try:
        urllib.request.urlopen(f"{base}/readyz", timeout=1)
        return True
    except OSError:
        return False


if __name__ == "__main__":
    main(*sys.argv[1:])
