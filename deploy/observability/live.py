#!/usr/bin/env python3
"""live.py: loads a running fleet and asks its Prometheus what rules and panels ask. Fails, by name, for each metric that is not there,
each panel without data, each rule that cannot be worked out, and each alert that fires although all is well."""

import argparse
import json
import math
import sys
import time
import urllib.parse
import urllib.request

import dashboards
import generate
from load import Load
from queries import metrics_of

# Longest time for all panels to have data; on two idle cores a fifth of it.
LIMIT_S = 120
# Grafana puts four of Prometheus' pauses in the place of this. Here it is the whole run: a sentence that was written is remembered, and
# the language model rests from then on.
RATE_INTERVAL = "5m"


class Prometheus:
    def __init__(self, address):
        self.address = address

    def get(self, path, **parameters):
        with urllib.request.urlopen(f"{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}", timeout=20) as answer:
            return json.load(answer)["data"]

    def numbers(self, query):
        """What a panel would show now, without what is no number."""
        found = self.get("query", query=query.replace("$__rate_interval", RATE_INTERVAL))
        values = [found["result"]] if found["resultType"] == "scalar" else [series["value"] for series in found["result"]]
        return [float(value) for _, value in values if math.isfinite(float(value))]

    def names(self):
        return set(self.get("label/__name__/values"))

    def rules(self):
        return [rule for group in self.get("rules")["groups"] for rule in group["rules"]]

    def targets(self):
        return self.get("targets", state="active")["activeTargets"]


def asked():
    """Triples of where it is asked, the query, and why it may be without an answer."""
    for group in generate.groups():
        for rule in group["rules"]:
            yield rule.get("alert") or rule["record"], rule["expr"], ""
    for name, source in generate.sources().items():
        for panel in dashboards.panels(source):
            for legend, query in dashboards.queries(panel):
                yield f"{name}: {panel['title']} {legend}".strip(), query, panel.get("unseen", "")


def missing_metrics(prometheus):
    there = prometheus.names()
    for where, query, unseen in asked():
        for metric in sorted(metrics_of(query) - there - {"ALERTS"}):
            if not unseen and not metric.startswith("tagfleet:"):
                yield f"{where}: there is no metric {metric}"


def empty_panels(prometheus):
    for where, query, unseen in asked():
        if ": " in where and not unseen and not prometheus.numbers(query):
            yield f"{where}: no data"


def broken_rules(prometheus):
    for rule in prometheus.rules():
        if rule["health"] != "ok":
            yield f"{rule['name']} is {rule['health']}: {rule.get('lastError', 'not worked out yet')}"
        # How quick this machine is does not matter, so the budgets of slow requests are left out.
        if rule["type"] == "alerting" and rule["state"] == "firing" and "Budget" not in rule["name"]:
            yield f"{rule['name']} fires although all is well"


def silent_targets(prometheus):
    for target in prometheus.targets():
        if target["health"] != "up":
            yield f"{target['labels']['job']} is {target['health']}: {target['lastError']}"


def without_help(prometheus):
    """Families of ours that do not say what they are."""
    for target in prometheus.targets():
        with urllib.request.urlopen(target["scrapeUrl"], timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        typed = {line.split()[2] for line in lines if line.startswith("# TYPE ")}
        told = {line.split()[2] for line in lines if line.startswith("# HELP ")}
        for name in sorted(typed - told):
            if name.startswith(("tagfleet_", "process_")):
                yield f"{target['labels']['job']}: {name} has no help"


def complaints(prometheus, load):
    checks = (silent_targets, missing_metrics, empty_panels, broken_rules, without_help)
    return load.failed + [complaint for check in checks for complaint in check(prometheus)]


def watch(prometheus, load):
    """What is still wrong when all is well or the time is over."""
    begun = time.monotonic()
    while left := complaints(prometheus, load):
        if load.failed or time.monotonic() - begun > LIMIT_S:
            break
        # As long as Prometheus takes to look again.
        time.sleep(1)
    print(f"  {load.answered} requests in {time.monotonic() - begun:.0f} s")
    return left


def summarise():
    seen = [(where, query) for where, query, why in asked() if not why]
    panels = [where for where, _ in seen if ": " in where]
    metrics = {metric for _, query in seen for metric in metrics_of(query) if not metric.startswith("tagfleet:")}
    print(f"  {len(seen) - len(panels)} rules, {len(panels)} queries of panels, {len(metrics)} metrics: all there")
    for where, _, why in asked():
        if why:
            print(f"  not seen: {where} ({why})")


def parsed():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("tagfleet", "api", "samples", "folder", "prometheus"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--with", dest="told", required=True)
    return parser.parse_args()


def main():
    options = parsed()
    prometheus = Prometheus(options.prometheus)
    with Load(options) as load:
        left = watch(prometheus, load)
    if left:
        sys.exit("\n".join(f"  {complaint}" for complaint in left))
    summarise()


if __name__ == "__main__":
    main()
