#!/usr/bin/env python3
"""scripts/suites.py [-j N] [--threads N] [--slowest N] [--also NAME COMMAND]… PROGRAM…: runs suites side by side, the slowest first.

A program is `FOLDER:NAME:PATH`: the crate's folder, which it runs in, what it is called, and the program. A command runs in
the current folder: it ends with what Python's unittest says, or counts as one test. What a suite that failed has printed is
shown whole. The last line counts all tests: `tests: 5 passed, 0 failed, 0 skipped`.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

RESULT = re.compile(r"^test result: .*?(\d+) passed; (\d+) failed; (\d+) ignored; \d+ measured; (\d+) filtered out", re.M)
RAN = re.compile(r"^Ran (\d+) tests? in", re.M)
NOT_PASSED = re.compile(r"^(?:FAILED|OK) \((.*)\)$", re.M)
TIMED = re.compile(r"^test (\S+) .*<([\d.]+)s>$", re.M)
REPORT_TIME = ["-Zunstable-options", "--report-time"]
# Each of their tests loads real models, which takes a processor seconds: more of them at once only wait for each other.
FEW_AT_ONCE = {"tagfleet/fleet (test)": 3, "ai-worker/worker (test)": 2, "tagfleet/faults (test)": 3}
# Programs of which a part is run here, by what the names of its tests hold, and who runs the rest.
PARTS = {"tagfleet/faults (test)": ("quick::", "make test-faults")}
# Seconds that suites took the last time, so that the longest begin first.
TIMES = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", "target")) / ".suites"


class Suite:
    """What every suite has: a name, numbers, and what it printed."""

    def __init__(self, name):
        self.name = name
        self.passed = self.failed = self.skipped = self.left = 0
        self.rest = ""
        self.seconds = self.processor_seconds = 0.0
        self.output = ""

    def run(self, threads, timed):
        begun = time.monotonic()
        with tempfile.TemporaryFile("w+", errors="replace") as log:
            command, where = self.command_line(threads, timed)
            running = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, **where)
            _, status, used = os.wait4(running.pid, 0)
            code = running.returncode = os.waitstatus_to_exitcode(status)
            log.seek(0)
            self.output = log.read()
        self.seconds = time.monotonic() - begun
        self.processor_seconds = used.ru_utime + used.ru_stime
        self.count(code)
        # One that ended before it could count has failed as a whole.
        if code != 0 and not self.failed:
            self.failed = 1
        return self


class Program(Suite):
    """A test program of Rust's."""

    def __init__(self, words):
        self.folder, name, self.program = words.split(":", 2)
        super().__init__(name)
        self.part, self.rest = PARTS.get(name, ("", ""))

    def command_line(self, threads, timed):
        environment = os.environ | {"CARGO_MANIFEST_DIR": self.folder}
        # libtest tells times to nightly compilers alone, unless it is told to take itself for one.
        environment |= {"RUSTC_BOOTSTRAP": "1"}
        timed = timed and b"--report-time" in subprocess.run([self.program, "--help"], stdout=subprocess.PIPE).stdout
        threads = min(threads, FEW_AT_ONCE.get(self.name, threads))
        command = [self.program, f"--test-threads={threads}", *(REPORT_TIME if timed else []), *([self.part] if self.part else [])]
        return command, {"cwd": self.folder, "env": environment}

    def count(self, code):
        for passed, failed, ignored, filtered in RESULT.findall(self.output):
            self.passed += int(passed)
            self.failed += int(failed)
            self.skipped += int(ignored)
            if self.part:
                self.left += int(filtered)
            else:
                self.skipped += int(filtered)


class Command(Suite):
    """Python's tests, or one test that is a command."""

    def __init__(self, name, command):
        super().__init__(name)
        self.command = command

    def command_line(self, threads, timed):
        return ["bash", "-c", self.command], {}

    def count(self, code):
        ran = RAN.findall(self.output)
        numbers = dict(re.findall(r"(\w+)=(\d+)", " ".join(NOT_PASSED.findall(self.output))))
        self.failed = sum(int(numbers.get(key, 0)) for key in ("failures", "errors"))
        self.skipped = int(numbers.get("skipped", 0))
        self.passed = sum(map(int, ran)) - self.failed - self.skipped if ran else int(code == 0)
        if ran and self.passed + self.failed == 0:
            self.failed = 1


def remembered():
    try:
        return {name: float(seconds) for name, seconds in (line.rsplit(" ", 1) for line in TIMES.read_text().splitlines())}
    except (OSError, ValueError):
        return {}


def remember(suites):
    TIMES.parent.mkdir(exist_ok=True)
    TIMES.write_text("".join(f"{suite.name} {suite.seconds:.1f}\n" for suite in suites))


def report(suite, ended, count, begun):
    verdict = "FAILED" if suite.failed else "ok"
    numbers = f"{suite.passed:4} passed" + (f", {suite.failed} failed" if suite.failed else "") + (f", {suite.left} left to `{suite.rest}`" if suite.left else "")
    print(f"  [{ended:2}/{count}, {time.monotonic() - begun:4.0f} s] {suite.name:40} {numbers} in {suite.seconds:5.1f} s, {suite.processor_seconds:5.1f} of the processor  {verdict}", flush=True)
    if suite.failed:
        print(suite.output, flush=True)


def say_slowest(suites, count):
    tests = [(float(seconds), suite.name, test) for suite in suites for test, seconds in TIMED.findall(suite.output)]
    for seconds, suite, test in sorted(tests, reverse=True)[:count]:
        print(f"  {seconds:6.1f} s  {suite} {test}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-j", type=int, default=4, help="programs side by side [%(default)s]")
    parser.add_argument("--threads", type=int, default=6, help="tests of one program side by side [%(default)s]")
    parser.add_argument("--slowest", type=int, default=0, metavar="N", help="say which N tests took longest")
    parser.add_argument("--also", nargs=2, action="append", default=[], metavar=("NAME", "COMMAND"), help="a suite that is a command")
    parser.add_argument("programs", nargs="*", type=Program)
    arguments = parser.parse_args()
    times = remembered()
    # One that is new may be long.
    suites = sorted([*arguments.programs, *(Command(*words) for words in arguments.also)], key=lambda suite: -times.get(suite.name, 60.0))
    begun = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(arguments.j) as pool:
        running = [pool.submit(suite.run, arguments.threads, arguments.slowest > 0) for suite in suites]
        for ended, done in enumerate(concurrent.futures.as_completed(running), 1):
            report(done.result(), ended, len(suites), begun)
    remember(suites)
    say_slowest(suites, arguments.slowest)
    passed, failed, skipped = (sum(getattr(suite, key) for suite in suites) for key in ("passed", "failed", "skipped"))
    print(f"tests: {passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
