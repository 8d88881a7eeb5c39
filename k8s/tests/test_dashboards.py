"""Dashboards and rules are as they would be written, and ask for what there is."""

import itertools
import json
import unittest

from observed import dashboards, generate, metrics_of, panels, rules
from rendered import ROOT, metrics
from test_rules import ENDINGS

BOARDS = {path.stem: json.loads(path.read_text()) for path in sorted(generate.GRAFANA.glob("*.json"))}


def overlap(one, other):
    apart = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
    return not apart and not (one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"])


class Generated(unittest.TestCase):
    def test_everything_is_as_it_would_be_written(self):
        self.assertEqual(generate.stale(generate.files()), [], "`make dashboards` writes them anew")

    def test_a_key_that_nobody_reads_is_refused(self):
        source = {"rows": [{"panels": [{"title": "a", "kind": "stat", "qeury": "up"}]}]}
        with self.assertRaises(SystemExit):
            dashboards.check("a.yaml", source)


class EveryDashboard(unittest.TestCase):
    def test_has_a_name_of_its_own(self):
        self.assertEqual(len({board["uid"] for board in BOARDS.values()}), len(BOARDS))
        self.assertTrue(all(board["uid"].startswith("tagfleet-") for board in BOARDS.values()))

    def test_has_panels_side_by_side_with_numbers_of_their_own(self):
        for name, board in BOARDS.items():
            with self.subTest(dashboard=name):
                self.assertEqual(len({panel["id"] for panel in board["panels"]}), len(board["panels"]))
                for one, other in itertools.combinations(board["panels"], 2):
                    self.assertFalse(overlap(one["gridPos"], other["gridPos"]), (one["title"], other["title"]))
                    self.assertLessEqual(one["gridPos"]["x"] + one["gridPos"]["w"], 24)

    def test_asks_the_data_source_that_was_picked(self):
        for name, board in BOARDS.items():
            self.assertEqual([variable["name"] for variable in board["templating"]["list"]], ["datasource"])
            for panel in board["panels"]:
                if panel["type"] != "row":
                    with self.subTest(dashboard=name, panel=panel["title"]):
                        self.assertEqual(panel["datasource"]["uid"], "${datasource}")
                        self.assertTrue(panel["targets"])

    def test_asks_for_metrics_that_are_there(self):
        recorded = {rule["record"] for rule in rules() if "record" in rule}
        for name, panel in panels():
            for _, query in dashboards.queries(panel):
                with self.subTest(dashboard=name, panel=panel["title"]):
                    named = metrics_of(query)
                    self.assertTrue(named)
                    self.assertLessEqual({ENDINGS.sub("", name) for name in named if name.startswith("tagfleet_")}, metrics())
                    self.assertLessEqual({name for name in named if name.startswith("tagfleet:")}, recorded)

    def test_only_what_wants_other_hardware_goes_unseen(self):
        unseen = {metric for _, panel in panels() if "unseen" in panel for _, query in dashboards.queries(panel) for metric in metrics_of(query)}
        self.assertTrue(all(metric.startswith("DCGM_") for metric in unseen), unseen)
