#!/usr/bin/env python3
"""scripts/structure.py: draws which modules use which, and fails where they use each other in a circle.

Modules that lie in one folder may use each other one way only; a module may use what its parents define. Crates may use
those of lower layers only, and docs/architecture.md says which. Also said: the lines and loose files of each crate, and
functions that are too long.
"""

import pathlib
import re
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
# A crate may use those of the lines above its own.
LAYERS = [
    ["common", "crates/vocabulary", "testing"],
    ["crates/batching", "crates/fetch", "crates/prepare", "crates/manifest", "crates/dispatch", "crates/cache", "crates/tags", "crates/scores", "crates/identity", "crates/records", "crates/connections"],
    ["crates/ledger"],
    ["crates/resources", "crates/web", "crates/admission", "crates/ending", "crates/retag"],
    ["crates/simulation", "crates/shards", "crates/lists"],
    ["api-server", "migrator", "ai-worker", "loadtest"],
    ["tagfleet"],
]
# Tests and benchmarks alone use it, so it may have the libraries of any crate.
OF_TESTS = "testing"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
MOST_LOOSE_FILES = 10
MOST_LINES = 60
# The first lines of a function, whatever stands before `fn`.
FUNCTION = re.compile(r"(\s*)(?:pub(?:\([^)]*\))? )?(?:const )?(?:async )?(?:unsafe )?(?:extern \"C\" )?fn (\w+)")
USE = re.compile(r"^\s*(?:pub(?:\([^)]*\))? )?use ([^;]+);", re.M)
PATH = re.compile(r"\b((?:crate|super)(?:::\w+)+)")


def without_tests(text):
    """The code before the module of tests, which stands at the end, and without comments."""
    text = re.split(r"^#\[cfg\(test\)\]\n(?:#\[.*\n)*mod \w+ \{", text, maxsplit=1, flags=re.M)[0]
    return re.sub(r"//.*", "", text)


def unfold(tree):
    """`a::{b, c::{d, e}}` as `a::b`, `a::c::d`, `a::c::e`."""
    tree = tree.strip()
    opening = tree.find("{")
    if opening < 0:
        return [re.sub(r"\s+as\s+\w+$", "", tree)] if tree else []
    paths, depth, start, inner = [], 0, 0, tree[opening + 1 : tree.rfind("}")]
    for at, sign in enumerate(inner + ","):
        depth += (sign == "{") - (sign == "}")
        if sign == "," and depth == 0:
            paths += [tree[:opening] + rest for rest in unfold(inner[start:at])]
            start = at + 1
    return paths


class Crate:
    def __init__(self, folder):
        self.folder, self.source = folder, ROOT / folder / "src"
        tests = self.test_modules()
        # By the module's path, as ("ledger", "page"); the crate's root is ().
        self.code = {}
        for file in self.source.rglob("*.rs"):
            parts = file.relative_to(self.source).with_suffix("").parts
            if parts[0] == "bin" or any(parts[: len(test)] == test for test in tests):
                continue
            name = parts[:-1] if parts[-1] in ("mod", "lib", "main") else parts
            text = file.read_text()
            if "@generated" not in text[:500]:
                # A crate of a library and a program has two files at its root.
                self.code[name] = self.code.get(name, "") + without_tests(text)
        self.passed_on = {name: self.find_passed_on(name, code) for name, code in self.code.items()}

    def test_modules(self):
        """Modules in files of their own that are compiled for tests alone."""
        found = []
        for file in self.source.rglob("*.rs"):
            parts = file.relative_to(self.source).with_suffix("").parts
            parent = parts[:-1] if parts[-1] in ("mod", "lib", "main") else parts
            found += [(*parent, name) for name in re.findall(r"^#\[cfg\(test\)\]\nmod (\w+);", file.read_text(), re.M)]
        return found

    def find_passed_on(self, module, code):
        """What a module passes on from its children: the name, and the path it has there."""
        passed_on = {}
        for tree in re.findall(r"^pub(?:\([^)]*\))? use ([^;]+);", code, re.M):
            for path in unfold(tree):
                segments = [s for s in path.split("::") if s != "self"]
                if module + (segments[0],) in self.code:
                    passed_on[segments[-1]] = tuple(segments)
        return passed_on

    def resolve(self, segments):
        """The module in which a path ends."""
        module, left = (), list(segments)
        while left:
            if module + (left[0],) in self.code:
                module += (left.pop(0),)
            elif left[0] in self.passed_on[module] and self.passed_on[module][left[0]] != tuple(left):
                left = [*self.passed_on[module][left[0]], *left[1:]]
            else:
                break
        return module

    def used_by(self, module):
        code = self.code[module]
        paths = [path for tree in USE.findall(code) for path in unfold(tree)] + PATH.findall(code)
        for path in paths:
            segments, start = path.replace("\n", "").replace(" ", "").split("::"), module
            if segments[0] == "crate":
                start, segments = (), segments[1:]
            elif segments[0] in ("super", "self"):
                while segments and segments[0] in ("super", "self"):
                    start = start[:-1] if segments[0] == "super" else start
                    segments = segments[1:]
            elif module + (segments[0],) not in self.code:
                continue
            yield self.resolve([*start, *segments])

    def graphs(self):
        """For each folder, which of its modules use which."""
        graphs = {}
        for module in self.code:
            for used in self.used_by(module):
                shared = 0
                while shared < min(len(module), len(used)) and module[shared] == used[shared]:
                    shared += 1
                if shared < len(module) and shared < len(used):
                    graphs.setdefault(module[:shared], {}).setdefault(module[shared], set()).add(used[shared])
        return graphs

    def loose_files(self):
        return len(list(self.source.glob("*.rs")))

    def lines(self):
        return sum(len(file.read_text().splitlines()) for file in self.source.rglob("*.rs"))


def circle(graph):
    """A path of modules that ends where it begins, if there is one."""
    done = set()

    def walk(node, path):
        if node in path:
            return [*path[path.index(node) :], node]
        if node in done:
            return None
        for used in sorted(graph.get(node, ())):
            if found := walk(used, [*path, node]):
                return found
        done.add(node)
        return None

    return next((found for node in sorted(graph) if (found := walk(node, []))), None)


def dependencies(folder):
    manifest = (ROOT / folder / "Cargo.toml").read_text().split("[dependencies]", 1)[1].split("\n[", 1)[0]
    return re.findall(r"^([\w-]+)", manifest, re.M)


def wrong_arrows():
    layer = {pathlib.PurePath(folder).name: number for number, folders in enumerate(LAYERS) for folder in folders}
    for folders in LAYERS:
        for folder in folders:
            name = pathlib.PurePath(folder).name
            for used in dependencies(folder):
                if layer.get(used, -1) >= layer[name]:
                    yield f"{name} uses {used}, which is not below it"


def missing_crates():
    known = {folder for folders in LAYERS for folder in folders}
    members = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["members"]
    for pattern in members:
        for manifest in ROOT.glob(f"{pattern}/Cargo.toml"):
            folder = str(manifest.parent.relative_to(ROOT))
            if folder not in known:
                yield f"{folder} is in no layer"


def told_crates():
    """What the page says of each crate: its folder, which crates it uses, and the libraries that it uses alone."""
    row = re.compile(r"^\| \[[^\]]+\]\(\.\./([^)]+)\) \|[^|]*\|([^|]*)\|([^|]*)\|$", re.M)
    crates = ARCHITECTURE.read_text().split("## Crates", 1)[1].split("\n## ", 1)[0]
    for folder, uses, alone in row.findall(crates):
        yield folder, set(re.findall(r"[\w-]+", uses)), set(re.findall(r"`([^`]+)`", alone))


def untrue_crates():
    ours = {pathlib.PurePath(folder).name: folder for folders in LAYERS for folder in folders}
    used = {folder: set(dependencies(folder)) for folder in ours.values()}
    told = {folder: (uses, alone) for folder, uses, alone in told_crates()}
    page = ARCHITECTURE.relative_to(ROOT)
    for folder in sorted(used.keys() | told.keys()):
        if folder not in told or folder not in used:
            yield f"{page}: {folder} is not in the table, or is no crate"
            continue
        uses = used[folder] & ours.keys()
        if uses != told[folder][0]:
            yield f"{page}: {folder} uses {', '.join(sorted(uses)) or 'nothing'}, and the table says otherwise"
    for library in sorted(set().union(*(alone for _, alone in told.values()))):
        users = {folder for folder in used if library in used[folder] and folder != OF_TESTS}
        if users != {folder for folder, (_, alone) in told.items() if library in alone}:
            yield f"{page}: {library} is used by {', '.join(sorted(users)) or 'nobody'}, and the table says otherwise"


def long_functions(crate):
    for module, code in sorted(crate.code.items()):
        lines = code.splitlines()
        for start, line in enumerate(lines):
            found = FUNCTION.match(line)
            if not found or line.endswith((";", "}")):
                continue
            end = next((at for at in range(start, len(lines)) if lines[at] == found[1] + "}"), start)
            if end - start + 1 > MOST_LINES:
                yield f"{crate.folder}: {'::'.join((*module, found[2]))} has {end - start + 1} lines, of {MOST_LINES} at the most"


def main():
    faults = [*missing_crates(), *wrong_arrows(), *untrue_crates()]
    for folder in (folder for folders in LAYERS for folder in folders):
        crate = Crate(folder)
        print(f"{folder}: {crate.lines()} lines, {crate.loose_files()} loose files")
        if crate.loose_files() > MOST_LOOSE_FILES:
            faults.append(f"{folder} has {crate.loose_files()} loose files, of {MOST_LOOSE_FILES} at the most")
        for parent, graph in sorted(crate.graphs().items()):
            if "--draw" in sys.argv:
                for module in sorted(graph):
                    print(f"  {'::'.join((*parent, module))} -> {', '.join(sorted(graph[module]))}")
            if found := circle(graph):
                faults.append(f"{folder}: modules of {'::'.join(('crate', *parent))} use each other in a circle: {' -> '.join(found)}")
        faults += long_functions(crate)
    print("\n".join(f"FAULT {fault}" for fault in faults) or "no circles")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
