"""Puts finished folders in place, and remembers what is there so that a second build does nothing."""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil

from . import BuildError
from .lock import sha256


@contextlib.contextmanager
def one_build_at_a_time(scratch):
    """Two builds of one folder take turns (`make demo` beside `tagfleet models`)."""
    scratch.mkdir(parents=True, exist_ok=True)
    with open(scratch / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def recipe_digest(*ingredients):
    """One hash over all that decides an item's bytes: committed files, and lock entries as text."""
    digest = hashlib.sha256()
    for ingredient in ingredients:
        data = ingredient.read_bytes() if hasattr(ingredient, "read_bytes") else repr(ingredient).encode()
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


class Placed:
    """The finished folders below `root`, each with a stamp in `root/.build/stamps`."""

    def __init__(self, root):
        self.root = root
        self.scratch = root / ".build"

    def _stamp(self, name):
        return self.scratch / "stamps" / f"{name}.json"

    def is_current(self, name, recipe, verify=False):
        """Made by this recipe and still there: by size, or with `verify` by hash."""
        try:
            stamp = json.loads(self._stamp(name).read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return False
        if stamp["recipe"] != recipe:
            return False
        return all(self._is_whole(name, file, was, verify) for file, was in stamp["files"].items())

    def _is_whole(self, name, file, was, verify):
        path = self.root / name / file
        if not path.is_file() or path.stat().st_size != was["bytes"]:
            return False
        if verify and (actual := sha256(path)) != was["sha256"]:
            raise BuildError(f"{path} was changed after it was built: delete it and build again\n  expected {was['sha256']}\n  actual   {actual}")
        return True

    def place(self, name, made, recipe):
        """Moves the folder `made` to `root/name`; readers see the old one or the new one, whole."""
        target, old = self.root / name, self.scratch / "old"
        files = {str(p.relative_to(made)): {"bytes": p.stat().st_size, "sha256": sha256(p)} for p in sorted(made.rglob("*")) if p.is_file()}
        shutil.rmtree(old, ignore_errors=True)
        if target.exists():
            target.rename(old)
        made.rename(target)
        shutil.rmtree(old, ignore_errors=True)
        self._write_stamp(name, {"recipe": recipe, "files": files})

    def _write_stamp(self, name, stamp):
        path = self._stamp(name)
        path.parent.mkdir(exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(stamp, indent=1))
        os.replace(fresh, path)
