"""deploy/rollout.sh against a cluster that is played: what it applies, in which order, and when it stops."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import yaml
from rendered import BROKER, FAST, FLEETS, OVERLAYS, ROOT, folder, name, render, text

# `kustomize` is the real one's, asked once; what else is asked is written down, with what was to be applied. It fails where it is told to. As KEDA's
# webhook it refuses a scaler whose Deployment was not there when the call began: that looks into a cache.
PLAYED = """#!/bin/sh
[ "$1" = kustomize ] && exec cat "$PLAYED_FOLDER/rendered"
echo "$*" >>"$PLAYED_FOLDER/asked"
for last; do :; done
case "$*" in *" -f "*)
    touch "$PLAYED_FOLDER/there"
    for wanted in $(awk '/^kind: / { kind = $2 } /^  scaleTargetRef:/ { within = 1 } within && /^    name: / { if (kind == "ScaledObject") print $2; within = 0 }' "$last"); do
        grep -qx "$wanted" "$PLAYED_FOLDER/there" || { echo "admission webhook denied the request: no Deployment $wanted" >&2 && exit 1; }
    done
    awk '/^[a-z]/ { block = $1 } /^kind: / { kind = $2 } /^  name: / && block == "metadata:" && kind == "Deployment" { print $2 }' "$last" >>"$PLAYED_FOLDER/there"
    cat "$last" >>"$PLAYED_FOLDER/applied" && echo --- >>"$PLAYED_FOLDER/applied"
    ;;
esac
case "$*" in *"$FAILS_AT"*) exit 1 ;; esac
"""


class Rollout(unittest.TestCase):
    def run_it(self, *arguments, overlay="aws-t4", fails_at="never"):
        with tempfile.TemporaryDirectory() as scratch:
            scratch = pathlib.Path(scratch)
            (scratch / "rendered").write_text(text(overlay))
            (scratch / "kubectl").write_text(PLAYED)
            (scratch / "kubectl").chmod(0o755)
            told = {"KUBECTL": str(scratch / "kubectl"), "PLAYED_FOLDER": str(scratch), "FAILS_AT": fails_at}
            done = subprocess.run([ROOT / "deploy/rollout.sh", *arguments, folder(overlay)], env={**os.environ, **told}, capture_output=True, text=True)
            kept = {file: (scratch / file).read_text() if (scratch / file).exists() else "" for file in ("asked", "applied")}
        return done, kept["asked"].splitlines(), [thing for thing in yaml.load_all(kept["applied"], Loader=FAST) if thing]

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
        # One after the other, never two applied before the first was waited for. A scaler comes behind its Deployment.
        steps = ["apply" if " -f " in line else "wait" for line in asked]
        scaled = {"worker-tag", "worker-caption", "migrator", "api"}
        self.assertEqual(steps, ["apply", "wait"] + [step for role in order for step in ("apply", "wait", *(["apply"] if role in scaled else []))])

    def test_a_scaler_comes_right_behind_its_deployment(self):
        """On a new cluster KEDA refuses it before: that has to see which processor time is asked for."""
        for overlay in FLEETS:
            for way in ([], ["--back"]):
                with self.subTest(overlay=overlay, way=way):
                    done, _, applied = self.run_it(*way, overlay=overlay)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    kinds = ("Deployment", "ScaledObject", "PodDisruptionBudget")
                    of_roles = [(thing["kind"], name(thing)) for thing in applied if thing["kind"] in kinds and name(thing) != BROKER]
                    last = None
                    for kind, its_name in of_roles:
                        last = its_name if kind == "Deployment" else last
                        self.assertEqual(its_name, last)

    def test_a_scaler_by_itself_is_refused(self):
        """Were the played cluster to take anything, the tests before would hold of any order."""
        with tempfile.TemporaryDirectory() as scratch:
            command = pathlib.Path(scratch) / "kubectl"
            command.write_text(PLAYED)
            command.chmod(0o755)
            (scaler,) = [thing for thing in render("aws-t4") if thing["kind"] == "ScaledObject" and name(thing) == "tagfleet-api"]
            (pathlib.Path(scratch) / "one.yaml").write_text(yaml.safe_dump(scaler))
            told = {**os.environ, "PLAYED_FOLDER": scratch, "FAILS_AT": "never"}
            self.assertNotEqual(subprocess.run([command, "apply", "-f", f"{scratch}/one.yaml"], env=told, capture_output=True).returncode, 0)

    def test_back_is_the_other_way_round(self):
        _, _, applied = self.run_it("--back")
        self.assertEqual(self.order(applied), ["edge", "api", "migrator", "worker-caption", "worker-floor", "worker-tag", "redis"])

    def test_what_does_not_become_ready_stops_it(self):
        done, _, applied = self.run_it(fails_at="rollout status deployment/tagfleet-worker-tag")
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(self.order(applied), ["redis", "worker-tag"])

    def test_one_role_alone(self):
        _, asked, applied = self.run_it("--only", "api")
        self.assertEqual([(thing["kind"], name(thing)) for thing in applied], [(kind, "tagfleet-api") for kind in ("Deployment", "PodDisruptionBudget", "ScaledObject")])
        self.assertEqual(len(asked), 3)

    def test_a_dry_run_asks_nothing_and_says_all(self):
        done, asked, applied = self.run_it("--dry-run")
        self.assertEqual((done.returncode, asked, applied), (0, [], []))
        for role in ("worker-tag", "migrator", "api", "edge"):
            self.assertIn(f"rollout status deployment/tagfleet-{role} ", done.stdout)

    def test_every_role_of_every_overlay_is_known_to_it(self):
        script = (ROOT / "deploy/rollout.sh").read_text()
        for overlay in OVERLAYS:
            for thing in render(overlay):
                if thing["kind"] == "Deployment":
                    self.assertRegex(script, rf"(?m)^forwards=\(.*\b{name(thing).removeprefix('tagfleet-')}\b.*\)$")
