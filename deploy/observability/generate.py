#!/usr/bin/env python3
"""generate.py [--check]: writes the dashboards and the rules out of the tables beside it; --check only says what would change."""

import pathlib
import sys

import yaml

import dashboards
import rules

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
GENERATED = "# Written by `make dashboards` out of deploy/observability; changes belong there.\n"
PROMETHEUS = ROOT / "deploy/prometheus/rules.yml"
GRAFANA = ROOT / "deploy/grafana/dashboards"
OPERATOR = ROOT / "k8s/components/observability/rules.yaml"


def settings():
    return yaml.safe_load((HERE / "objectives.yaml").read_text())


def groups():
    return rules.groups(settings(), yaml.safe_load((HERE / "alerts.yaml").read_text()))


def sources():
    """The table of each dashboard, by its name."""
    return {path.stem: dashboards.load(path) for path in sorted((HERE / "dashboards").glob("*.yaml"))}


def dump(thing):
    return GENERATED + yaml.safe_dump(thing, sort_keys=False, width=1_000, allow_unicode=True)


def for_operator(made):
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "tagfleet"},
        "spec": {"groups": made},
    }


def files():
    """What there is to be, by its path."""
    made = groups()
    wanted = {PROMETHEUS: dump({"groups": made}), OPERATOR: dump(for_operator(made))}
    for name, source in sources().items():
        wanted[GRAFANA / f"{name}.json"] = dashboards.build(source)
    return wanted


def stale(wanted):
    """Files that are not as they would be written, and dashboards that nothing writes any more."""
    other = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    return other + [path for path in GRAFANA.glob("*.json") if path not in wanted]


def main():
    wanted = files()
    changed = stale(wanted)
    if "--check" in sys.argv:
        # No complaint is success.
        sys.exit("\n".join(f"{path.relative_to(ROOT)} is not as `make dashboards` writes it" for path in changed) or None)
    for path in changed:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path in wanted:
            path.write_text(wanted[path])
        else:
            path.unlink()
        print(f"  {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
