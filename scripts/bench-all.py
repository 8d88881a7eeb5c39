#!/usr/bin/env python3
"""scripts/bench-all.py [BENCH…]: runs each benchmark short, keeps its figures in docs/benchmarks/history.csv, and draws them.

Figures of different machines are not comparable, and those of short runs are rough: what counts is how a ratio moves on one
machine. A benchmark that fails is told at the end, and its figures are not kept.
"""

import argparse
import csv
import datetime
import os
import pathlib
import subprocess
import sys
from html import escape

ROOT = pathlib.Path(__file__).resolve().parent.parent
HISTORY = ROOT / "docs/benchmarks/history.csv"
PLOT = ROOT / "docs/benchmarks/history.svg"
COLUMNS = ["date", "commit", "machine", "bench", "figure", "value"]
# What makes each of them short, and the figures that are kept: ratios and times of the processor, which a busy machine moves least.
SHORT = {
    "plane": ({"PLANE_SECONDS": "5"}, ["plane_us", "over_floor"]),
    "worker": ({"BENCH_ROUNDS": "2", "BENCH_SECONDS": "5"}, ["ratio", "ratio_of_cpu", "int8_gain"]),
    "overload": ({"OVERLOAD_SECONDS": "10"}, ["goodput_2x", "goodput_5x", "goodput_10x"]),
    "cache": ({"CACHE_SECONDS": "5"}, ["hits_per_s", "miss_cost"]),
    "retag": ({"RETAG_IMAGES": "100000"}, ["migrator_us"]),
    "features": ({"FEATURES_ROUNDS": "1", "FEATURES_REQUESTS": "20"}, ["all_over_tags_cpu"]),
    "captions": ({"BENCH_CAPTIONS": "50"}, ["batch_gain", "step_gain"]),
}
WIDTH, HEIGHT, MARGIN = 320, 90, 14


def printed(*command):
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def machine():
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{os.cpu_count()} x {models[0] if models else 'unknown'}"


def measured(bench):
    """Runs a benchmark, and returns its figures; nothing where it fails."""
    settings, _ = SHORT[bench]
    figures = {}
    with subprocess.Popen(["make", f"bench-{bench}"], cwd=ROOT, env=os.environ | settings, stdout=subprocess.PIPE, text=True) as running:
        for line in running.stdout:
            print(line, end="", flush=True)
            if line.startswith("RESULT "):
                figures |= dict(pair.split("=", 1) for pair in line.split()[1:])
    return figures if running.returncode == 0 else None


def keep(bench, figures):
    about = [datetime.date.today().isoformat(), printed("git", "rev-parse", "--short", "HEAD"), machine(), bench]
    is_new = not HISTORY.exists()
    with HISTORY.open("a", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        if is_new:
            table.writerow(COLUMNS)
        table.writerows([*about, name, figures[name]] for name in SHORT[bench][1] if name in figures)


def series():
    """Each figure of each machine, in the order of its measurements."""
    found = {}
    with HISTORY.open(newline="") as file:
        for row in csv.DictReader(file):
            key = (row["bench"], row["figure"], row["machine"])
            found.setdefault(key, []).append((row["commit"], float(row["value"])))
    return found


def panel(at, key, points):
    """One figure of one machine as a line, from zero."""
    top = at * (HEIGHT + 3 * MARGIN) + 2 * MARGIN
    most = max(value for _, value in points) or 1.0
    step = WIDTH / max(len(points) - 1, 1)
    spots = [(MARGIN + step * number, top + HEIGHT * (1 - value / most), commit, value) for number, (commit, value) in enumerate(points)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _, _ in spots)
    marks = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"><title>{escape(commit)}: {value:g}</title></circle>' for x, y, commit, value in spots)
    title = escape(f"{key[0]} {key[1]}: {points[-1][1]:g} ({key[2]})")
    return f'<text x="{MARGIN}" y="{top - 5}">{title}</text><polyline points="{line}" fill="none" stroke="currentColor"/>{marks}'


def draw():
    panels = [panel(at, key, points) for at, (key, points) in enumerate(sorted(series().items()))]
    height = len(panels) * (HEIGHT + 3 * MARGIN) + MARGIN
    PLOT.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH + 20 * MARGIN}" height="{height}" font-family="sans-serif" font-size="11">\n'
        + "\n".join(panels)
        + "\n</svg>\n"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("benches", nargs="*", metavar="BENCH", help=f"some of {', '.join(SHORT)} [all]")
    wanted = parser.parse_args().benches or list(SHORT)
    if unknown := [bench for bench in wanted if bench not in SHORT]:
        parser.error(f"unknown: {', '.join(unknown)}; known are {', '.join(SHORT)}")
    failed = []
    for bench in wanted:
        if figures := measured(bench):
            keep(bench, figures)
        else:
            failed.append(bench)
    if HISTORY.exists():
        draw()
        print(f"kept in {HISTORY.relative_to(ROOT)}, drawn in {PLOT.relative_to(ROOT)}")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
