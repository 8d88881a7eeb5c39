"""Fetches packages by name with pip, apt-get and npm, and takes files out of them."""

import os
import shutil
import subprocess
import tarfile
import zipfile

from . import BuildError
from .lock import refuse_unless


def fetch(package, folder, sandbox):
    """Downloads a package into `folder` unless it is there; its path, once its hash is right."""
    if not _present(package, folder):
        folder.mkdir(parents=True, exist_ok=True)
        {"pypi": _from_pypi, "debian": _from_debian, "npm": _from_npm}[package.source](package, folder, sandbox)
    release = _present(package, folder)
    if not release:
        found = ", ".join(sorted(p.name for p in folder.iterdir())) or "nothing"
        raise BuildError(f"{package.name} {package.version} came as {found}, not as {package.file}")
    path = folder / release.file
    try:
        refuse_unless(path, release.sha256, f"{package.source} package {package.name} {release.version}")
    except BuildError:
        path.unlink()  # so that the next build fetches it anew
        raise
    return path


def _present(package, folder):
    return next((release for release in package.releases() if (folder / release.file).exists()), None)


def _from_pypi(package, folder, sandbox):
    tags = [part for key, value in package.tags.items() for part in (f"--{key}", value)]
    # Never a source package: pip would run its code to learn its name.
    options = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--progress-bar=off", "--quiet"]
    _run([sandbox.python, "-m", "pip", "download", *options, *tags, "--dest", folder, f"{package.name}=={package.version}"], folder)


# Both bounds: npm refuses a longest pause that is shorter than its own shortest one, which is 10 s.
NPM_PATIENCE = ["--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"]


def _from_npm(package, folder, sandbox):
    """A package's files and nothing else: no script of it is run."""
    npm = [shutil.which("npm")] if shutil.which("npm") else sandbox.npm()
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    _run([*npm, "pack", *options, *NPM_PATIENCE, "--pack-destination", folder, f"{package.name}@{package.version}"], folder)


def _from_debian(package, folder, _sandbox):
    for tool in ("apt-get", "dpkg-deb"):
        if not shutil.which(tool):
            raise BuildError(f"{package.name} is a Debian package and {tool} is not here: build on Debian or Ubuntu, or in a container of it")
    root = ["-o", "APT::Sandbox::User=root"] if os.geteuid() == 0 else []
    if _apt_download(package, folder, root):
        return
    # No package lists on this machine, or old ones: fetch fresh ones aside, which needs no root.
    lists = folder / "apt-lists"
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    aside = [*root, "-o", f"Dir::State::lists={lists}", "-o", f"Dir::Cache={folder / 'apt-cache'}"]
    _run(["apt-get", "-qq", *aside, "update"], folder)
    if not _apt_download(package, folder, aside):
        versions = " nor ".join(release.version for release in package.releases())
        raise BuildError(f"apt-get finds no {package.name} {versions} for this system")


def _apt_download(package, folder, options):
    """Whether one of the package's releases could be had."""
    for release in package.releases():
        try:
            _run(["apt-get", "-qq", *options, "download", f"{package.name}={release.version}"], folder)
            return True
        except BuildError:
            continue
    return False


def _run(command, folder):
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        words = " ".join(map(str, command))
        raise BuildError(f"this command failed ({done.returncode}): {words}\n{(done.stderr or done.stdout).strip()[-2000:]}")


def take(package, archive, folder):
    """Writes the members that the lock names below `folder`: files, and from a Debian package folders too."""
    unpack = {".deb": _deb_members, ".tgz": _tar_members}.get(archive.suffix, _wheel_members)
    with unpack(archive, folder / "unpacked") as copy:
        for name, target in package.take.items():
            path = folder / target
            path.parent.mkdir(parents=True, exist_ok=True)
            copy(name, path)


class _wheel_members:
    def __init__(self, archive, _scratch):
        self.zip = zipfile.ZipFile(archive)

    def __enter__(self):
        return self._copy

    def _copy(self, name, path):
        with self.zip.open(name) as source, open(path, "wb") as sink:
            shutil.copyfileobj(source, sink)

    def __exit__(self, *_):
        self.zip.close()


class _tar_members:
    def __init__(self, archive, _scratch):
        self.tar = tarfile.open(archive)

    def __enter__(self):
        return self._copy

    def _copy(self, name, path):
        with self.tar.extractfile(name) as source, open(path, "wb") as sink:
            shutil.copyfileobj(source, sink)

    def __exit__(self, *_):
        self.tar.close()


class _deb_members:
    def __init__(self, archive, scratch):
        self.archive, self.scratch = archive, scratch

    def __enter__(self):
        self.scratch.mkdir(parents=True)
        _run(["dpkg-deb", "-x", self.archive, self.scratch], self.scratch)
        return lambda name, path: (self.scratch / name).rename(path)

    def __exit__(self, *_):
        shutil.rmtree(self.scratch)
