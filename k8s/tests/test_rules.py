"""The rules are ones that Prometheus takes, and each alert fires when it should and at no other time."""

import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import yaml

from observed import FOLDER, alerts, generate, metrics_of, rules
from rendered import ROOT, metrics

CASES = yaml.safe_load((FOLDER / "rule_tests.yaml").read_text())
RULES = ROOT / "deploy/prometheus/rules.yml"
# What promtool makes of a rate, and what a histogram has.
ENDINGS = re.compile(r"_(bucket|sum|count)$")


def promtool(*arguments):
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(done.stdout + done.stderr)


def try_out(alerts, every, groups):
    """What each alert does under its series. Rules of other groups are left out: promtool works out all of them each time."""
    run([one for alert in alerts for one in cases(alert)], every, groups)


def run(made, every, groups):
    kept = [group for group in yaml.safe_load(RULES.read_text())["groups"] if group["name"] in groups]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "rules.yml").write_text(yaml.safe_dump({"groups": kept}))
        file = Path(folder) / "tests.yml"
        file.write_text(yaml.safe_dump({"rule_files": ["rules.yml"], "evaluation_interval": every, "tests": made}))
        promtool("test", "rules", str(file))


def case(alert, at, series, is_fired):
    samples = [{"labels": "{}", "value": 1}] if is_fired else []
    firing = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})'
    return {
        "name": f"{alert} {'fires' if is_fired else 'is silent'}",
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [{"expr": firing, "eval_time": at, "exp_samples": samples}],
    }


def cases(alert):
    told = CASES[alert]
    yield case(alert, told["at"], told["fires"], True)
    yield case(alert, told["at"], told["fires"] | told["silent"], False)
    if "without" in told:
        yield case(alert, told["at"], {series: values for series, values in told["fires"].items() if series not in told["without"]}, True)


class Rules(unittest.TestCase):
    def test_prometheus_takes_them(self):
        promtool("check", "config", str(RULES.parent / "prometheus.yml"))

    def test_every_alert_has_a_test(self):
        self.assertEqual(set(CASES), {rule["alert"] for rule in alerts()})

    def test_each_alert_fires_when_it_should(self):
        for group in generate.groups():
            here = {rule["alert"] for rule in group["rules"] if "alert" in rule}
            # Not every minute of a day is looked at, which would take one.
            slow = {alert for alert in here if CASES[alert]["at"].endswith("h")}
            with self.subTest(group=group["name"]):
                try_out(here - slow, "1m", {"tagfleet-recorded", group["name"]})
                try_out(slow, "10m", {"tagfleet-recorded", group["name"]})

    def test_a_test_that_expects_the_wrong_is_refused(self):
        """promtool compares: were a query of alerts always empty, half of the tests would hold of anything."""
        told = CASES["TagfleetNoWorkers"]
        wrong = case("TagfleetNoWorkers", told["at"], told["fires"], False)
        self.assertRaises(AssertionError, run, [wrong], "1m", {"tagfleet-stuck"})

    def test_every_metric_is_one_that_somebody_tells(self):
        """Ours are in the code; whether the others are there, a running fleet says (scripts/dashboards.sh)."""
        recorded = {rule["record"] for rule in rules() if "record" in rule}
        for rule in rules():
            with self.subTest(rule=rule.get("alert") or rule["record"]):
                named = metrics_of(rule["expr"])
                ours = {ENDINGS.sub("", name) for name in named if name.startswith("tagfleet_")}
                self.assertLessEqual(ours, metrics())
                self.assertLessEqual({name for name in named if name.startswith("tagfleet:")}, recorded)
                self.assertTrue(named or rule["expr"].startswith("vector("))

    def test_the_objective_counts_every_fault_of_ours(self):
        table = (ROOT / "common/src/fault.rs").read_text()
        codes = re.findall(r'= "([a-z_]+)", (\d+), (?:true|false), ', table)
        ours = {name for name, status in codes if int(status) >= 500} | {"overloaded"}
        counted = re.search(r'code=~"([a-z_|]+)"', generate.settings()["objectives"]["realtime"]["errors"])[1]
        self.assertEqual(set(counted.split("|")), ours | {"ok"})

    def test_the_objectives_time_is_counted_exactly(self):
        bounds = re.search(r"const SECONDS: &\[f64\] = &\[(.*?)\];", (ROOT / "common/src/telemetry/metrics.rs").read_text(), re.DOTALL)[1]
        limit = re.search(r'le="([\d.]+)"', generate.settings()["objectives"]["realtime"]["errors"])[1]
        self.assertIn(limit, [bound.strip() for bound in bounds.split(",")])


def headings():
    """The page of each heading that is an alert's."""
    return {found: page.name for page in sorted((ROOT / "docs/runbook").glob("*.md")) for found in re.findall(r"^### (\w+)$", page.read_text(), re.MULTILINE)}


class Runbook(unittest.TestCase):
    def test_every_alert_has_its_heading_and_no_heading_is_without(self):
        self.assertEqual(sorted(headings()), sorted(rule["alert"] for rule in alerts()))

    def test_every_alert_leads_there(self):
        for rule in alerts():
            with self.subTest(alert=rule["alert"]):
                page = headings()[rule["alert"]]
                self.assertTrue(rule["annotations"]["runbook_url"].endswith(f"/runbook/{page}#{rule['alert'].lower()}"))
                self.assertIn(rule["labels"]["severity"], {"page", "ticket"})
