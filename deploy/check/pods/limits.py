"""Limits of memory and processor, in control groups of the first or the second version."""

import os
import pathlib
import re
import time

UNITS = {"": 1, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}
GROUPS = pathlib.Path("/sys/fs/cgroup")


def of_bytes(quantity):
    found = re.fullmatch(r"(\d+)([KMG]i)?", quantity)
    return int(found[1]) * UNITS[found[2] or ""]


class Limits:
    def __init__(self, name, memory_bytes, cores):
        self.second = (GROUPS / "cgroup.controllers").exists()
        kinds = [""] if self.second else ["memory", "cpu"]
        self.folders = [GROUPS / kind / f"tagfleet-pods-{os.getpid()}-{name}" for kind in kinds]
        for folder in self.folders:
            folder.mkdir()
        if self.second:
            self.write(0, "memory.max", memory_bytes)
            self.write(0, "memory.oom.group", 1)
            self.write(0, "cpu.max", f"{int(cores * 100_000)} 100000")
        else:
            self.write(0, "memory.limit_in_bytes", memory_bytes)
            self.write(1, "cpu.cfs_period_us", 100_000)
            self.write(1, "cpu.cfs_quota_us", int(cores * 100_000))

    def write(self, index, file, value):
        (self.folders[index] / file).write_text(str(value))

    def join(self):
        for folder in self.folders:
            (folder / "cgroup.procs").write_text("0")

    def peak_bytes(self):
        return int((self.folders[0] / ("memory.peak" if self.second else "memory.max_usage_in_bytes")).read_text())

    def resident_bytes(self):
        """Without pages of files, which the kernel gives back by itself."""
        stat = dict(line.split() for line in (self.folders[0] / "memory.stat").read_text().splitlines())
        return int(stat["anon" if self.second else "total_rss"])

    def kills(self):
        file = "memory.events" if self.second else "memory.oom_control"
        return int(re.search(r"(?m)^oom_kill (\d+)$", (self.folders[0] / file).read_text())[1])

    def remove(self):
        for folder in self.folders:
            for _ in range(100):
                try:
                    folder.rmdir()
                    break
                except OSError:
                    time.sleep(0.05)
