"""The component `forecast` has pods there before the crowd, asks for nothing that past days had not, and what Prometheus records is what is
computed here."""

import random
import subprocess
import tempfile
import unittest
from pathlib import Path

import yaml

from autoscaler import asked, bounds
from forecast import DAY, DAYS_BACK, foretold, lines, outcomes, scaler
from observed import rules
from rendered import ROOT
from situations import SITUATIONS, scalers
from test_rules import RULES
from test_schemas import validate

STEP = 5


class Backtest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.days = {words: (without, with_it) for words, without, with_it in outcomes()}

    def test_a_crowd_that_comes_every_day_finds_its_pods(self):
        for words in ("a Monday like others", "the same, and yesterday was odd"):
            (short, hours), (short_with, hours_with) = self.days[words]
            with self.subTest(day=words):
                self.assertGreater(short, 0, "or the day shows nothing")
                self.assertLessEqual(short_with, 0.1 * short)
                self.assertLessEqual(hours_with, 1.15 * hours)

    def test_one_odd_day_changes_nothing(self):
        usual, odd = self.days["a Monday like others"], self.days["the same, and yesterday was odd"]
        self.assertEqual(usual[1], odd[1])

    def test_a_day_that_is_quieter_than_foretold_costs_little(self):
        (_, hours), (_, hours_with) = self.days["a holiday: today is quiet"]
        self.assertLessEqual(hours_with, 1.15 * hours)

    def test_the_documented_table_is_todays(self):
        documented = (ROOT / "docs/forecast.md").read_text()
        for line in lines():
            self.assertIn(line, documented, "print it with `k8s/tests/forecast.py`")


class Component(unittest.TestCase):
    def test_it_adds_one_trigger_whose_pod_does_the_same(self):
        for its_name, spec in scaler().items():
            validate(spec)
            before = scalers()[its_name]["spec"]["triggers"]
            after = spec["spec"]["triggers"]
            with self.subTest(scaler=its_name):
                self.assertEqual(after[: len(before)], before)
                self.assertEqual(bounds(spec), bounds(scalers()[its_name]))
                for added in after[len(before) :]:
                    self.assertEqual(added["metadata"]["threshold"], before[0]["metadata"]["threshold"])
                    recorded = {rule["record"] for rule in rules() if "record" in rule}
                    self.assertIn(added["metadata"]["query"].removeprefix("sum(").split("{")[0], recorded)

    def test_without_a_past_nothing_changes(self):
        for its_name, spec in scaler().items():
            for words, situation in SITUATIONS[its_name].items():
                least = bounds(spec)[0]
                world = situation.world(its_name, least)
                with self.subTest(scaler=its_name, situation=words):
                    self.assertEqual(asked(spec, world, least), asked(scalers()[its_name], world, least))

    def test_what_is_foretold_raises_and_never_lowers(self):
        spec = scaler()["tagfleet-api"]
        world = SITUATIONS["tagfleet-api"]["burst × 10, of 100 a second"].world("tagfleet-api", 3)
        for requests, wanted in ((2000, 40), (10, 20)):
            world["series"]["tagfleet:requests:forecast"] = [({"namespace": "tagfleet"}, requests)]
            self.assertEqual(asked(spec, world, 3), wanted)


class Prometheus(unittest.TestCase):
    def records(self, rates, minutes, wanted=None):
        """Whether promtool gets at these minutes what is computed here, or what is wanted. `rates`: one for each five minutes."""
        series = {"series": 'tagfleet:requests:rate5m{namespace="tagfleet"}', "values": " ".join(map(str, rates))}
        by_minute = [rate for rate in rates for _ in range(STEP)]
        checks = [{"expr": "tagfleet:requests:forecast", "eval_time": f"{minute}m", "exp_samples": self.samples(wanted or foretold(by_minute, minute))} for minute in minutes]
        groups = [group for group in yaml.safe_load(RULES.read_text())["groups"] if group["name"] == "tagfleet-forecast"]
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "rules.yml").write_text(yaml.safe_dump({"groups": groups}))
            tests = {"rule_files": ["rules.yml"], "evaluation_interval": f"{STEP}m", "tests": [{"interval": f"{STEP}m", "input_series": [series], "promql_expr_test": checks}]}
            (Path(folder) / "tests.yml").write_text(yaml.safe_dump(tests))
            return subprocess.run(["promtool", "test", "rules", Path(folder) / "tests.yml"], capture_output=True, text=True)

    def samples(self, value):
        return [] if value is None else [{"labels": 'tagfleet:requests:forecast{namespace="tagfleet"}', "value": value}]

    def test_the_middle_of_three_days_of_two_and_of_one(self):
        chance = random.Random(7)
        rates = [chance.randrange(10_000) for _ in range(15 * DAY // STEP)]
        # Before there is a past, after a day, after a week, after two; each at a time when rules are worked out.
        minutes = [60, DAY + 65, 8 * DAY + 600, 14 * DAY + 900, 14 * DAY + 905]
        done = self.records(rates, minutes)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_another_number_is_refused(self):
        """Were nothing compared, the test before would hold of anything."""
        rates = [5] * (2 * DAY // STEP)
        self.assertEqual(self.records(rates, [DAY + 60]).returncode, 0)
        self.assertNotEqual(self.records(rates, [DAY + 60], wanted=6).returncode, 0)

    def test_days_are_those_of_the_rules(self):
        (rule,) = [rule["expr"] for rule in rules() if rule.get("record") == "tagfleet:requests:forecast"]
        for days in DAYS_BACK:
            self.assertIn(f'"days", "{days}"', rule)
