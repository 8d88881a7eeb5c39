#!/usr/bin/env python3
"""here.py FILE JOB=PORT…: the settings of compose's Prometheus for processes of this machine, with a look each second."""

import pathlib
import sys

import yaml

SETTINGS = pathlib.Path(__file__).resolve().parents[1] / "prometheus/prometheus.yml"


def main():
    file, *given = sys.argv[1:]
    ports = dict(job.split("=") for job in given)
    settings = yaml.safe_load(SETTINGS.read_text())
    settings["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    jobs = [job for job in settings["scrape_configs"] if "static_configs" in job]
    missing = {job["job_name"] for job in jobs} ^ set(ports)
    if missing:
        sys.exit(f"here.py is told of other jobs than Prometheus reads: {', '.join(sorted(missing))}")
    for job in jobs:
        job["static_configs"] = [{"targets": [f"127.0.0.1:{ports[job['job_name']]}"]}]
    settings["scrape_configs"] = jobs
    pathlib.Path(file).write_text(yaml.safe_dump(settings))


if __name__ == "__main__":
    main()
