#!/usr/bin/env python3
"""targets.py JOB…: Prometheus' list of targets, from standard input. Fails unless each of these jobs has some and all of them are up."""

import json
import sys

wanted = set(sys.argv[1:])
found = json.loads(sys.stdin.read().partition("\r\n\r\n")[2])["data"]["activeTargets"]
targets = [target for target in found if target["labels"]["job"] in wanted]
for target in sorted(targets, key=lambda target: target["scrapeUrl"]):
    print(f"  {target['labels']['job']:<12} {target['labels']['instance']:<20} {target['health']} {target['lastError']}")
jobs = {target["labels"]["job"] for target in targets}
sys.exit(jobs != wanted or any(target["health"] != "up" for target in targets))
