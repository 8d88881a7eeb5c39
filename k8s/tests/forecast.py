"""A scaler with and without the component `forecast`, over a day that is like others and over days that are not. Run, it prints the table of
docs/forecast.md. Pods come as autoscaler.py has it; each serves after its node came and its models are warm."""

import math
import os
import random
import subprocess
import tempfile
from pathlib import Path

import yaml

from autoscaler import bounds, minute_by_minute, target
from rendered import ROOT, name
from situations import CAPACITY

SCALER = "tagfleet-worker-tag"
DAY = 24 * 60
# Minutes until a pod on a new GPU node serves: assumed (k8s/aws/README.md).
COMES_AFTER = 6
# Minutes ahead, and whole days back, as deploy/observability/rules.py has them.
AHEAD, DAYS_BACK = 30, (1, 7, 14)


def scaler():
    """Of aws-t4, with the component."""
    with tempfile.TemporaryDirectory(dir=ROOT / "k8s/components") as folder:
        (Path(folder) / "kustomization.yaml").write_text("resources: [../../overlays/aws-t4]\ncomponents: [../forecast]\n")
        kubectl = os.environ.get("TAGFLEET_KUBECTL", "kubectl")
        done = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, check=True)
    return {name(thing): thing for thing in yaml.safe_load_all(done.stdout) if thing["kind"] == "ScaledObject"}


def usual_day(weekday, chance):
    """Images a second by minute: quiet nights, full days, and from nine o'clock ten times as much for two hours, come within five minutes."""
    part = 0.5 if weekday >= 5 else 1.0
    size = part * chance.uniform(0.9, 1.1)
    begins = 9 * 60 + chance.randint(-5, 5)
    for minute in range(DAY):
        base = 100 + 80 * math.sin((minute / DAY - 0.25) * 2 * math.pi)
        peak = min(1, max(0, (minute - begins) / 5)) if minute < begins + 120 else 0
        yield size * (base + 9 * base * peak * 1.0)


def past_and_today(odd_yesterday=False, quiet_today=False, seed=1):
    """Fifteen days by minute; the last one, a Monday, is what is looked at."""
    chance = random.Random(seed)
    days = [list(usual_day(day % 7, chance)) for day in range(15)]
    if odd_yesterday:
        # A Sunday on which somebody sent five hours of a list at full speed.
        days[-2] = [max(rate, 2000 if 13 * 60 <= minute < 18 * 60 else 0) for minute, rate in enumerate(days[-2])]
    if quiet_today:
        days[-1] = [min(rate, 180) for rate in days[-1]]
    return [rate for day in days for rate in day]


def foretold(rates, now):
    """What the rule records: the middle one of the most of each past day's half-hour."""
    most = sorted(max(rates[now - back * DAY + 1 : now - back * DAY + AHEAD + 1]) for back in DAYS_BACK if now >= back * DAY)
    if not most:
        return None
    middle = len(most) // 2
    return most[middle] if len(most) % 2 else (most[middle - 1] + most[middle]) / 2


def wishes(spec, rates, with_forecast):
    least, most = bounds(spec)
    one = target(spec["spec"]["triggers"][0])
    for now in range(len(rates) - DAY, len(rates)):
        asked = max(rates[now], (foretold(rates, now) or 0) if with_forecast else 0)
        yield min(most, max(least, math.ceil(asked / one)))


def serving(there):
    """Of those that are there, the ones that have been for long enough: a pod that goes is the newest."""
    return [min(there[max(0, minute - COMES_AFTER) : minute + 1]) for minute in range(len(there))]


def outcome(spec, rates, with_forecast):
    """Seconds in which too few served, and pod hours of the day."""
    least, most = bounds(spec)
    there = minute_by_minute(spec, list(wishes(spec, rates, with_forecast)), least)
    needed = [min(most, max(least, math.ceil(rate / CAPACITY[SCALER]))) for rate in rates[-DAY:]]
    short = sum(60 for pods, wanted in zip(serving(there), needed) if pods < wanted)
    return short, sum(there) / 60


DAYS = {
    "a Monday like others": {},
    "the same, and yesterday was odd": {"odd_yesterday": True},
    "a holiday: today is quiet": {"quiet_today": True},
}


def outcomes():
    spec = scaler()[SCALER]
    for words, told in DAYS.items():
        rates = past_and_today(**told)
        yield words, outcome(spec, rates, False), outcome(spec, rates, True)


def lines():
    yield "| day | too few, without | too few, with | pod hours, without | with |"
    yield "|---|---|---|---|---|"
    for words, (short, hours), (short_with, hours_with) in outcomes():
        yield f"| {words} | {short} s | {short_with} s | {hours:.0f} | {hours_with:.0f} |"


if __name__ == "__main__":
    print("\n".join(lines()))
