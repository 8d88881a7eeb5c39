"""Types and versions: what is read of the package before it runs."""

import re
import subprocess
import sys
import tempfile
import tomllib
import unittest
import zipfile
from pathlib import Path

import tagfleet

FOLDER = Path(__file__).parent.parent


class Package(unittest.TestCase):
    def test_types_hold(self) -> None:
        done = subprocess.run([sys.executable, "-m", "mypy"], cwd=FOLDER, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_version_is_the_services(self) -> None:
        project = tomllib.loads((FOLDER / "pyproject.toml").read_text())["project"]
        workspace = tomllib.loads((FOLDER / "../../Cargo.toml").read_text())["workspace"]["package"]
        self.assertEqual({project["version"], workspace["version"]}, {tagfleet.__version__})

    def test_the_wheel_holds_all_and_is_typed(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder]
            subprocess.run([*pip, FOLDER], check=True)
            [wheel] = Path(folder).glob("*.whl")
            packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("tagfleet/")}
        source = FOLDER / "src"
        held = {str(file.relative_to(source)) for file in source.rglob("*") if file.suffix == ".py" or file.name == "py.typed"}
        self.assertEqual(packed, held)

    def test_the_caller_sees_what_is_named(self) -> None:
        self.assertEqual(sorted(tagfleet.__all__), sorted(set(tagfleet.__all__)))
        for name in tagfleet.__all__:
            self.assertTrue(hasattr(tagfleet, name), name)
        self.assertTrue(re.fullmatch(r"\d+\.\d+\.\d+", tagfleet.__version__))
