"""deploy/rollout.sh against a cluster that is played: what it applies, in which order, and when it stops."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import yaml
from rendered import OVERLAYS, ROOT, folder, name, render

# `kustomize` is the real one's; what else is asked is written down, with what was to be applied. It fails where it is told to.
PLAYED = """#!/bin/sh
[ "$1" = kustomize ] && exec "$REAL_KUBECTL" "$@"
echo "$*" >>"$PLAYED_FOLDER/asked"
for last; do :; done
case "$*" in *" -f "*) cat "$last" >>"$PLAYED_FOLDER/applied" && echo --- >>"$PLAYED_FOLDER/applied" ;; esac
case "$*" in *"$FAILS_AT"*) exit 1 ;; esac
"""


class Rollout(unittest.TestCase):
    def run_it(self, *arguments, overlay="aws-t4", fails_at="never"):
        with tempfile.TemporaryDirectory() as scratch:
            scratch = pathlib.Path(scratch)
            (scratch / "kubectl").write_text(PLAYED)
            (scratch / "kubectl").chmod(0o755)
            told = {"KUBECTL": str(scratch / "kubectl"), "REAL_KUBECTL": os.environ.get("TAGFLEET_KUBECTL", "kubectl"), "PLAYED_FOLDER": str(scratch), "FAILS_AT": fails_at}
            done = subprocess.run([ROOT / "deploy/rollout.sh", *arguments, folder(overlay)], env={**os.environ, **told}, capture_output=True, text=True)
            kept = {file: (scratch / file).read_text() if (scratch / file).exists() else "" for file in ("asked", "applied")}
        return done, kept["asked"].splitlines(), [thing for thing in yaml.safe_load_all(kept["applied"]) if thing]

    def order(self, applied):
        return [name(thing).removeprefix("tagfleet-") for thing in applied if thing["kind"] == "Deployment"]

    def test_everything_is_applied_once_and_as_it_is_rendered(self):
        for overlay in OVERLAYS:
            with self.subTest(overlay=overlay):
                done, _, applied = self.run_it(overlay=overlay)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(sorted(map(json.dumps, applied)), sorted(map(json.dumps, render(overlay))))

    def test_readers_come_before_writers_and_each_is_waited_for(self):
        _, asked, applied = self.run_it()
        order = self.order(applied)
        self.assertEqual(order, ["redis", "worker-tag", "worker-floor", "worker-caption", "migrator", "api", "edge"])
        waited = [line.split("tagfleet-")[-1].split()[0] for line in asked if " rollout status " in line]
        self.assertEqual(waited, order)
        # One after the other, never two applied before the first was waited for.
        steps = ["apply" if " -f " in line else "wait" for line in asked]
        self.assertEqual(steps, ["apply", "wait"] * (1 + len(order)))

    def test_back_is_the_other_way_round(self):
        _, _, applied = self.run_it("--back")
        self.assertEqual(self.order(applied), ["edge", "api", "migrator", "worker-caption", "worker-floor", "worker-tag", "redis"])

    def test_what_does_not_become_ready_stops_it(self):
        done, _, applied = self.run_it(fails_at="rollout status deployment/tagfleet-worker-tag")
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(self.order(applied), ["redis", "worker-tag"])

    def test_one_role_alone(self):
        _, asked, applied = self.run_it("--only", "api")
        self.assertEqual([thing["kind"] for thing in applied], ["Deployment"])
        self.assertEqual(len(asked), 2)

    def test_a_dry_run_asks_nothing_and_says_all(self):
        done, asked, applied = self.run_it("--dry-run")
        self.assertEqual((done.returncode, asked, applied), (0, [], []))
        for role in ("worker-tag", "migrator", "api", "edge"):
            self.assertIn(f"rollout status deployment/tagfleet-{role} ", done.stdout)

    def test_every_role_of_every_overlay_is_known_to_it(self):
        text = (ROOT / "deploy/rollout.sh").read_text()
        for overlay in OVERLAYS:
            for thing in render(overlay):
                if thing["kind"] == "Deployment":
                    self.assertRegex(text, rf"(?m)^forwards=\(.*\b{name(thing).removeprefix('tagfleet-')}\b.*\)$")
