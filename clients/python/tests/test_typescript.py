"""The helper of the TypeScript client, by a node that runs TypeScript as it is."""

import os
import shutil
import subprocess
import unittest
from pathlib import Path

TESTS = Path(__file__).parent.parent.parent / "typescript/test"


class TypeScript(unittest.TestCase):
    def test_webhooks_are_verified(self) -> None:
        node = os.environ.get("TAGFLEET_NODE") or shutil.which("node")
        self.assertIsNotNone(node, "scripts/clients.sh test finds one")
        command = [str(node), "--test", "--test-reporter=tap", *map(str, sorted(TESTS.glob("*.test.ts")))]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"(?m)^# pass [1-9]")
