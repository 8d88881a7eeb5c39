"""What may be fetched: the packages of `lock.toml`, each with the hash it must have."""

import hashlib
import platform
import tomllib
from dataclasses import dataclass, field
from typing import NamedTuple

from . import BuildError


class Release(NamedTuple):
    version: str
    file: str
    sha256: str


@dataclass(frozen=True)
class Package:
    name: str
    version: str
    source: str  # pypi | debian | npm
    file: str
    sha256: str
    licence: str
    take: dict
    tags: dict = field(default_factory=dict)
    credits: dict = field(default_factory=dict)
    also: list = field(default_factory=list)

    def releases(self):
        """Each is as good as the others: the pinned one, then those that other systems carry."""
        return [Release(self.version, self.file, self.sha256), *(Release(**entry) for entry in self.also)]


def read_lock(path, machine=None):
    """Package name → package, of those for this machine."""
    machine = machine or platform.machine()
    entries = tomllib.loads(path.read_text())["package"]
    here = [entry for entry in entries if entry.pop("machine", machine) == machine]
    return {entry["name"]: Package(**entry) for entry in here}


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def refuse_unless(path, expected, origin):
    """Raises unless the file's hash is the expected one."""
    actual = sha256(path)
    if actual != expected:
        raise BuildError(f"{path.name} ({origin}) is refused: its SHA-256 is not the pinned one\n  expected {expected}\n  actual   {actual}")
