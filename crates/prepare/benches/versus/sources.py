"""The photographs that the benchmark's photos are made of, and where they come from: two Debian packages, in whatever version
is to be had. What counts is each file's SHA-256."""

import hashlib
import os
import subprocess
from typing import NamedTuple


class MissingSource(Exception):
    """In words for the person at the terminal."""


class Source(NamedTuple):
    package: str
    file: str
    sha256: str
    title: str
    author: str
    licence: str


SOURCES = {
    "bird": Source(
        "lomiri-wallpapers-20.04",
        "Kleiber_by_Lukas_Baubkus.jpg",
        "6572410c09f4492c74ccadde133565a14c0161617d5917d4c820c66d65a44ba7",
        "Kleiber (nuthatch)",
        "Lukas Baubkus",
        "CC-BY-SA-3.0",
    ),
    "dandelion": Source(
        "lomiri-wallpapers-16.04",
        "seeding_by_Clements_Engelhardt.jpg",
        "a5634d1ab5e41a3568e92d4a894a500c92b891f9ff734e50bd224d6e185a605f",
        "seeding",
        "Clemens Engelhardt",
        "CC0-1.0",
    ),
    "leaves": Source(
        "lomiri-wallpapers-16.04",
        "Dragonfly_by_Bolly.jpg",
        "af5af17841009732def24b09bb1e669a1b09d2b4bdeee7812c371101c30d2bb3",
        "Dragonfly",
        "Bolly",
        "CC-BY-SA-4.0",
    ),
    "mountains": Source(
        "lomiri-wallpapers-16.04",
        "picosdeeuropa_by_Aitzol_Berasategi.jpg",
        "414d0072b2f6f2c555deafeaef6e45c4fed6fa9ad26eba6560ca8803959cf97a",
        "picosdeeuropa",
        "Aitzol Berasategi",
        "CC-BY-4.0",
    ),
}


def fetch(folder):
    """Each photograph as `folder/NAME.jpg`. Packages are unpacked, not installed."""
    for package in sorted({source.package for source in SOURCES.values()}):
        subprocess.run(["dpkg-deb", "-x", download(package, folder), folder], check=True)
    for name, source in SOURCES.items():
        found = next(folder.rglob(source.file), None)
        if not found or hashlib.sha256(found.read_bytes()).hexdigest() != source.sha256:
            raise MissingSource(f"{source.package} no longer holds the {source.file} that the figures were measured with")
        found.rename(folder / f"{name}.jpg")


def download(package, folder):
    # Without the option apt complains that its own user cannot write to our folder.
    words = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", package]
    done = run(words, folder)
    if done.returncode:
        # A fresh machine has no lists of packages yet.
        run([*(["sudo"] if os.geteuid() else []), "apt-get", "-qq", "update"], folder)
        done = run(words, folder)
    if done.returncode:
        raise MissingSource(f"Debian's package {package} could not be downloaded: {done.stderr.strip()}")
    return next(folder.glob(f"{package}_*.deb"))


def run(words, folder):
    try:
        return subprocess.run(words, cwd=folder, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise MissingSource(f"the photos come from Debian packages, and {error.filename} is missing") from error
