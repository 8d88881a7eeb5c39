"""The tables of deploy/observability, and what is made of them."""

import functools
import importlib
import sys

from rendered import ROOT

FOLDER = ROOT / "deploy/observability"
sys.path.insert(0, str(FOLDER))
generate = importlib.import_module("generate")
dashboards = importlib.import_module("dashboards")
metrics_of = importlib.import_module("queries").metrics_of


@functools.cache
def rules():
    return [rule for group in generate.groups() for rule in group["rules"]]


def alerts():
    return [rule for rule in rules() if "alert" in rule]


@functools.cache
def panels():
    """Pairs of a dashboard's name and a panel."""
    return [(name, panel) for name, source in generate.sources().items() for panel in dashboards.panels(source)]
