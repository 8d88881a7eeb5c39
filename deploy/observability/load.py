"""Load for a fleet: photos, asked for anew and asked for again, links that are wrong, and batches."""

import itertools
import json
import pathlib
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

# A name that leads nowhere, an address that nobody may ask, and a file that is no picture.
WRONG = ("http://nowhere.invalid/a.jpg", "http://10.0.0.1/a.jpg", "{samples}/CREDITS.txt")


class Load:
    """Photos, asked for anew and asked for again, and batches, one after the other, until it is told to stop."""

    def __init__(self, options):
        self.options = options
        self.stopped = threading.Event()
        self.answered, self.failed = 0, []
        samples = pathlib.Path(options.folder).glob("*.[jp][pn]g")
        self.photos = [f"{options.samples}/{photo.name}" for photo in sorted(samples)]
        self.threads = [threading.Thread(target=work) for work in (self.tag_new, self.tag_again, self.send_batches)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for thread in self.threads:
            thread.join()

    def tag(self, url, **options):
        """The status of the answer."""
        body = json.dumps({"image": {"url": url}, **options}).encode()
        request = urllib.request.Request(f"{self.options.api}/v1/tags", body, {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def expect(self, status, url, **options):
        got = self.tag(url, timeout_ms=30_000, **options)
        self.answered += 1
        if got != status:
            self.failed.append(f"{url} was answered {got}, not {status}")

    def tag_new(self):
        told = ["tags", "caption", *self.options.told.split(",")]
        with ThreadPoolExecutor(4) as pool:
            while not self.stopped.is_set():
                list(pool.map(lambda url: self.expect(200, url, cache="no-store", features=told), self.photos))

    def tag_again(self):
        for number in itertools.count():
            if self.stopped.is_set():
                return
            for photo in self.photos[:2]:
                # By its URL when it comes again, by its bytes when that has changed.
                self.expect(200, photo)
                self.expect(200, f"{photo}?{number}")
            for url in WRONG:
                self.expect(422, url.format(samples=self.options.samples))

    def send_batches(self):
        with tempfile.TemporaryDirectory() as folder:
            rows = pathlib.Path(folder) / "rows.txt"
            for number in itertools.count():
                if self.stopped.is_set():
                    return
                urls = [f"{photo}?batch={number}" for photo in self.photos] + [f"{self.options.samples}/missing.jpg", WRONG[0]]
                rows.write_text("\n".join(urls))
                done = subprocess.run(
                    [self.options.tagfleet, "batch", "submit", "--api", self.options.api, "--watch", rows], capture_output=True, text=True
                )
                if "completed" not in done.stdout:
                    self.failed.append(f"a batch did not end: {done.stdout}{done.stderr}")
                    return
