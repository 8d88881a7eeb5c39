#!/usr/bin/env python3
"""scripts/cargo.py ARGUMENTS…: runs `cargo ARGUMENTS`, a build or `test --no-run`, and says in one line how far it is.

With PROGRAMS=FILE it writes the test programs there, a line each: `FOLDER:NAME:PATH`, as scripts/suites.py takes them.
"""

import json
import os
import pathlib
import subprocess
import sys
import time

# On a screen the line is drawn anew, elsewhere one more is written, each time so much is done.
STEP_SCREEN, STEP_LOG = 1, 50


def packages():
    """How many packages the workspace is built from, its own among them."""
    command = ["cargo", "tree", "--locked", "--workspace", "--edges", "normal,build,dev", "--prefix", "none", "--format", "{p}"]
    tree = subprocess.run(command, capture_output=True, text=True)
    return len({line.split(" (")[0] for line in tree.stdout.splitlines() if line})


class Progress:
    def __init__(self, total):
        self.total = total
        self.begun = time.monotonic()
        self.seen = set()
        self.built = 0
        self.programs = []
        self.on_screen = sys.stdout.isatty()

    def artifact(self, message):
        self.seen.add(message["package_id"])
        if message["executable"] and message["profile"]["test"]:
            self.programs.append(self.program(message))
        if not message["fresh"]:
            self.built += 1
            self.say(message["target"]["name"])

    @staticmethod
    def program(message):
        folder = os.path.dirname(message["manifest_path"])
        target = message["target"]
        return f"{folder}:{os.path.basename(folder)}/{target['name']} ({target['kind'][0]}):{message['executable']}"

    def say(self, name):
        if self.built % (STEP_SCREEN if self.on_screen else STEP_LOG):
            return
        line = f"  compiling: {len(self.seen)} of about {self.total} packages, {time.monotonic() - self.begun:.0f} s, last {name}"
        print(f"\r{line[:100]:100}" if self.on_screen else line, end="" if self.on_screen else "\n", flush=True)

    def end(self):
        seconds = time.monotonic() - self.begun
        end = "\r" if self.on_screen else ""
        print(f"{end}{f'  compiled {self.built} programs and libraries in {seconds:.0f} s' if self.built else '  nothing to compile':100}".rstrip(), flush=True)


def main():
    progress = Progress(packages())
    command = ["cargo", *sys.argv[1:], "--quiet", "--message-format", "json-render-diagnostics"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as cargo:
        for line in cargo.stdout:
            message = json.loads(line)
            if message["reason"] == "compiler-artifact":
                progress.artifact(message)
    progress.end()
    if programs := os.environ.get("PROGRAMS"):
        pathlib.Path(programs).write_text("".join(f"{program}\n" for program in progress.programs))
    sys.exit(cargo.returncode)


if __name__ == "__main__":
    main()
