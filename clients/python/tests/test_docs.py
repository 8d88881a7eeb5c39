"""The examples of the README and of the code, on the sample photos, with the real tagger."""

import contextlib
import csv
import doctest
import functools
import http.server
import importlib
import os
import pkgutil
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path
from unittest import mock

import tagfleet
from service import Service, models

README = Path(__file__).parent.parent / "README.md"
MODULES = [tagfleet.__name__, *(module.name for module in pkgutil.walk_packages(tagfleet.__path__, "tagfleet."))]


class Samples(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


class Documents(unittest.TestCase):
    def setUp(self) -> None:
        photos = models() / "samples"
        handler = functools.partial(Samples, directory=str(photos))
        samples = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=samples.serve_forever, daemon=True).start()
        self.addCleanup(samples.server_close)
        self.addCleanup(samples.shutdown)
        self.origin = f"http://127.0.0.1:{samples.server_port}"
        options = ("--model", "efficientnet-lite0,use-multilingual", "--captioner", "template")
        service = self.enterContext(Service(*options, TAGFLEET_FETCH_ALLOW_ORIGINS=self.origin))
        self.enterContext(mock.patch.dict(os.environ, {"TAGFLEET_API": service.url}))
        self.enterContext(contextlib.chdir(photos))

    def test_every_example_is_true(self) -> None:
        readme = doctest.DocTestParser().get_doctest(README.read_text(), {"origin": self.origin}, "README.md", str(README), 0)
        modules = [importlib.import_module(name) for name in MODULES]
        found = [each for module in modules for each in doctest.DocTestFinder().find(module) if each.examples]
        runner = doctest.DocTestRunner()
        for each in (readme, *found):
            self.assertEqual(runner.run(each).failed, 0, each.name)
        self.assertGreater(runner.tries, 20)

    def test_the_folder_example_makes_a_table(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            table = Path(folder) / "tags.csv"
            command = [sys.executable, str(README.parent / "examples/folder.py"), ".", "--table", str(table)]
            path = {**os.environ, "PYTHONPATH": str(README.parent / "src")}
            done = subprocess.run(command, env=path, capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            with table.open() as file:
                rows = list(csv.DictReader(file))
        self.assertIn(("cat.png", "cat"), {(row["photo"], row["tag"]) for row in rows})
        self.assertLessEqual({path.name for path in Path().glob("*.[jp][pn]g")}, {row["photo"] for row in rows})
