"""No scaler asks for more than is needed, whatever it meets, and none for less; each gets there in bounded steps."""

import math
import re
import unittest

from autoscaler import allowance, bounds, minute_by_minute, rules, target
from promql import Query
from rendered import FLEETS, ROOT, name, of_kind
from situations import Jobs, PREFETCH, QUEUES, SITUATIONS, bills, capacity, elsewhere, lines, mistake, outcomes, scalers
from test_rules import run

DOCS = ROOT / "docs/scaling.md"
ELSEWHERE = ROOT / "docs/scaling-overlays.md"


def every_scaler():
    return [(overlay, its_name, scaler) for overlay in FLEETS for its_name, scaler in scalers(overlay).items()]


class Situations(unittest.TestCase):
    def each(self, check):
        for overlay in FLEETS:
            for bounded in (True, False):
                for scaler, words, at_once, settles, needed in outcomes(overlay, bounded):
                    with self.subTest(overlay=overlay, scaler=scaler, situation=words, bounded=bounded):
                        check(scaler, at_once, settles, needed)

    def test_every_scaler_meets_some(self):
        self.assertEqual({its_name for _, its_name, _ in every_scaler()}, set(SITUATIONS))

    def test_none_asks_for_a_fifth_more_than_is_needed(self):
        """Nor ends there, when the situation stays as it is: a ratio would multiply what it made itself."""

        def check(_, at_once, settles, needed):
            self.assertLessEqual(at_once, math.ceil(1.2 * needed))
            self.assertLessEqual(settles, math.ceil(1.2 * needed))

        self.each(check)

    def test_none_ends_below_what_is_needed(self):
        self.each(lambda _, __, settles, needed: self.assertGreaterEqual(settles, needed))

    def test_metrics_that_do_not_come_change_nothing(self):
        """KEDA takes an empty answer for zero unless it is told otherwise, and goes down to the floor."""
        for _, _, scaler in every_scaler():
            self.assertEqual(scaler["spec"]["fallback"]["behavior"], "currentReplicasIfHigher")
            self.assertEqual(scaler["spec"]["fallback"]["replicas"], bounds(scaler)[0])
            for trigger in scaler["spec"]["triggers"]:
                if trigger["type"] == "prometheus":
                    self.assertEqual(trigger["metadata"]["ignoreNullValues"], "false")
                    self.assertIsNone(Query(trigger["metadata"]["query"], {}).value())


    def test_a_fleet_of_batches_alone_scales_as_one_that_had_requests(self):
        """A series comes with its first event, and a sum of nothing is nothing: the whole query would be."""
        for overlay, its_name, scaler in every_scaler():
            if its_name in PREFETCH:
                with self.subTest(overlay=overlay, scaler=its_name):
                    query = scaler["spec"]["triggers"][0]["metadata"]["query"]
                    found = [Query(query, Jobs(bulk=20000, never=never).world(its_name, 1)["series"]).value() for never in ((), ("realtime",))]
                    self.assertEqual(found[0], found[1])
                    # A broker that nobody sees is no quiet one.
                    world = Jobs(500, bulk=20000).world(its_name, 1)["series"]
                    del world["rabbitmq_detailed_queue_messages_ready"]
                    self.assertIsNone(Query(query, world).value())


class Steps(unittest.TestCase):
    def test_a_minute_brings_a_few_nodes_at_the_most(self):
        for overlay, its_name, scaler in every_scaler():
            most_a_minute = 16 if its_name == "tagfleet-api" else 4
            with self.subTest(overlay=overlay, scaler=its_name):
                for current in bounds(scaler):
                    self.assertLessEqual(allowance(scaler, "scaleUp", current), most_a_minute)

    def test_a_single_sighting_buys_no_node(self):
        """What is seen once between two looks is over before a node could come."""
        for _, its_name, scaler in every_scaler():
            if its_name != "tagfleet-api":
                self.assertGreaterEqual(rules(scaler, "scaleUp")["stabilizationWindowSeconds"], 30)

    def test_the_maximum_is_there_within_ten_minutes(self):
        for overlay, its_name, scaler in every_scaler():
            least, most = bounds(scaler)
            with self.subTest(overlay=overlay, scaler=its_name):
                self.assertEqual(minute_by_minute(scaler, [most] * 10, least)[-1], most)

    def test_a_mistake_of_ten_minutes_costs_little(self):
        for its_name, scaler in scalers().items():
            with self.subTest(scaler=its_name):
                self.assertLess(mistake(scaler)[0], 2)


class Figures(unittest.TestCase):
    def test_a_target_is_what_one_does_less_a_sixth(self):
        for overlay, its_name, scaler in every_scaler():
            trigger = scaler["spec"]["triggers"][0]
            with self.subTest(overlay=overlay, scaler=its_name):
                self.assertLessEqual(target(trigger), capacity(overlay, its_name))
                self.assertGreaterEqual(target(trigger) * 1.2, capacity(overlay, its_name))

    def test_no_maximum_is_above_what_was_measured(self):
        """Of the message plane, by the page that has its figures; a GPU that nobody may start is no maximum either."""
        measured = max(map(float, re.findall(r"^RESULT rps=([0-9.]+)", (ROOT / "docs/benchmarks/plane.md").read_text(), re.MULTILINE)))
        for overlay in FLEETS:
            for its_name in ("tagfleet-api", "tagfleet-worker-tag"):
                scaler = scalers(overlay)[its_name]
                with self.subTest(overlay=overlay, scaler=its_name):
                    self.assertLessEqual(bounds(scaler)[1] * target(scaler["spec"]["triggers"][0]), measured)
            for pool in [pool for pool in of_kind(overlay, "NodePool") if name(pool) == "tagfleet-gpu"]:
                self.assertGreater(int(pool["spec"]["limits"]["nvidia.com/gpu"]), bounds(scalers(overlay)["tagfleet-worker-tag"])[1])

    def test_the_prefetch_is_the_programs(self):
        """Two batches of 32 for each of three engine threads; captions: eight at once and sixteen that wait."""
        values = (ROOT / "ai-worker/src/config/values.rs").read_text()
        self.assertIn("let tagging = 2 * self.engine_threads() * self.max_batch();", values)
        tests = (ROOT / "ai-worker/src/config/tests.rs").read_text()
        self.assertRegex(tests, rf"\(gpu\.max_batch\(\), gpu\.engine_threads\(\), gpu\.prefetch\(\)\.get\(\)\),\s+\(32, 3, {PREFETCH['tagfleet-worker-tag']}\)")
        settings = (ROOT / "ai-worker/src/config/mod.rs").read_text()
        width, waiting = (int(re.search(rf'env = "TAGFLEET_CAPTION_{name}", default_value_t = (\d+)', settings)[1]) for name in ("WIDTH", "QUEUE"))
        self.assertEqual(width + waiting, PREFETCH["tagfleet-worker-caption"])

    def test_the_documented_table_is_todays(self):
        documented = DOCS.read_text()
        for line in (*lines(), *bills()):
            self.assertIn(line, documented, "print them with `k8s/tests/situations.py`")
        documented = ELSEWHERE.read_text()
        for line in elsewhere():
            self.assertIn(line, documented, "print them with `k8s/tests/situations.py`")


class TheReaderItself(unittest.TestCase):
    """That it reads a query as Prometheus does."""

    SERIES = {"a": [({"q": "x"}, 1), ({"q": "y"}, 3)], "none": [({}, 0)]}

    def value(self, text):
        return Query(text, self.SERIES).value()

    def test_sums_select_by_label_and_rates_are_what_is_given(self):
        self.assertEqual(self.value("sum(rate(a[1m]))"), 4)
        self.assertEqual(self.value('sum(a{q="y"})'), 3)

    def test_products_come_before_sums_and_or_comes_last(self):
        self.assertEqual(self.value("1 + 2 * 3"), 7)
        self.assertEqual(self.value("sum(missing) + 1 or vector(9)"), 9)

    def test_a_sum_of_nothing_is_nothing(self):
        self.assertIsNone(self.value("1 + sum(missing)"))

    def test_a_filter_keeps_a_division_by_zero_out(self):
        self.assertEqual(self.value("sum(a) / (sum(none) > 0) or vector(1)"), 1)
        self.assertRaises(AssertionError, self.value, "sum(none) / sum(none)")

    def test_what_it_does_not_know_it_refuses(self):
        self.assertRaises((AssertionError, KeyError), self.value, "histogram_quantile(0.9, a)")
        self.assertRaises(AssertionError, self.value, "sum(a) by (q)")


class Promtool(unittest.TestCase):
    """What Prometheus itself makes of the queries, where series are missing. A point each 15 s."""

    def series(self, scaler):
        kind, _, bulk = QUEUES[scaler]
        of_bulk = f'{{namespace="tagfleet",queue="{kind}",priority="bulk",instance="a"}}'
        return {
            # 60 images a second.
            "realtime": {f'tagfleet_queue_bundle_size_sum{{namespace="tagfleet",queue="{kind}",priority="realtime",instance="a"}}': "0+900x80"},
            # Eight a message.
            "bulk": {f"tagfleet_queue_bundle_size_sum{of_bulk}": "0+960x80", f"tagfleet_queue_bundle_size_count{of_bulk}": "0+120x80"},
            "broker": {f'rabbitmq_detailed_queue_messages_ready{{namespace="tagfleet",queue="{bulk}"}}': "9000x80"},
        }

    def assert_is(self, query, series, value):
        samples = [] if value is None else [{"labels": "{}", "value": value}]
        told = [{"series": name, "values": values} for name, values in series.items()]
        run([{"interval": "15s", "input_series": told, "promql_expr_test": [{"expr": query, "eval_time": "15m", "exp_samples": samples}]}], "15s", set())

    def test_a_series_that_never_began_is_none_and_a_broker_unseen_is_an_error(self):
        cases = [(("realtime", "bulk", "broker"), 140), (("bulk", "broker"), 80), (("realtime", "broker"), 70), (("broker",), 10), (("realtime", "bulk"), None), ((), None)]
        for its_name in PREFETCH:
            query = scalers()[its_name]["spec"]["triggers"][0]["metadata"]["query"]
            for there, value in cases:
                with self.subTest(scaler=its_name, there=there):
                    parts = self.series(its_name)
                    self.assert_is(query, {name: values for part in there for name, values in parts[part].items()}, value)


if __name__ == "__main__":
    unittest.main()
