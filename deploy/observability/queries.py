"""Which metrics a query names."""

import re

# Who tells metrics that are asked for here: the name of a metric begins with one of them.
EXPORTERS = ("tagfleet", "process", "rabbitmq", "redis", "haproxy", "DCGM", "up", "ALERTS")
NAME = re.compile(rf"(?<![\w:])(?:{'|'.join(EXPORTERS)})(?:[_:][\w:]+)?(?![\w(:])")
LABELS = re.compile(r"\b(?:by|on|group_left|without|ignoring) *\([^)]*\)|\{[^}]*\}")


def metrics_of(query):
    """Without what stands in braces and in lists of labels."""
    return set(NAME.findall(LABELS.sub("", query)))
