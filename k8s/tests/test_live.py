"""What a running fleet is asked, tells by name what is missing: tried with a Prometheus that has nothing."""

import importlib
import unittest
from types import SimpleNamespace

from observed import metrics_of, panels, rules

live = importlib.import_module("live")


class Nothing:
    """A Prometheus in which one rule is broken and one alert fires."""

    def names(self):
        return {"up"}

    def numbers(self, _):
        return []

    def rules(self):
        alert = {"type": "alerting", "health": "ok", "state": "firing"}
        return [{"name": "broken", "type": "recording", "health": "err"}, alert | {"name": "TagfleetA"}, alert | {"name": "TagfleetABudget"}]

    def targets(self):
        return [{"labels": {"job": "api"}, "health": "down", "lastError": "refused"}]


class Complaints(unittest.TestCase):
    def test_every_panel_and_every_metric_is_named(self):
        told = list(live.empty_panels(Nothing())) + list(live.missing_metrics(Nothing()))
        for name, panel in panels():
            if "unseen" not in panel:
                with self.subTest(dashboard=name, panel=panel["title"]):
                    self.assertTrue([line for line in told if line.startswith(f"{name}: {panel['title']}") and line.endswith("no data")])
        wanted = {metric for rule in rules() for metric in metrics_of(rule["expr"]) if not metric.startswith("tagfleet:")} - {"up", "ALERTS"}
        self.assertGreater(len(wanted), 20)
        self.assertLessEqual(wanted, {line.rpartition(" ")[2] for line in told})

    def test_rules_that_break_or_fire_are_named(self):
        told = "\n".join(live.broken_rules(Nothing()))
        self.assertIn("broken is err", told)
        self.assertIn("TagfleetA fires", told)
        # A slow machine is no fault of a rule.
        self.assertNotIn("TagfleetABudget", told)

    def test_what_is_down_or_was_answered_otherwise_is_named(self):
        load = SimpleNamespace(failed=["a photo was refused"])
        self.assertEqual(load.failed + list(live.silent_targets(Nothing())), ["a photo was refused", "api is down: refused"])


class Queries(unittest.TestCase):
    def test_names_are_found_among_labels_and_functions(self):
        query = 'sum by (queue, up) (rate(tagfleet_jobs_total{queue="redis_x",code!="ok"}[5m])) / on (instance) up or tagfleet:a:b_5m > redis_up'
        self.assertEqual(metrics_of(query), {"tagfleet_jobs_total", "up", "tagfleet:a:b_5m", "redis_up"})
