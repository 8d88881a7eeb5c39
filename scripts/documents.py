#!/usr/bin/env python3
"""scripts/documents.py: whether what is written is true as far as a program can tell.

Links in Markdown lead to files, folders and headings that are there. The README is short. Every metric is described where it
is named, and every metric that a page names is there.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
README_BYTES = 8_192
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
NAMED = re.compile(r'const (\w+): &str =\s*"(tagfleet_\w+)"')
RECORDED = re.compile(r"(?:counter|gauge|histogram)!\(\s*([^,)]+)")
DESCRIBED = re.compile(r"describe_(?:counter|gauge|histogram)!\(\s*([^,)]+)")
# What Prometheus makes of one name.
ENDINGS = ("_bucket", "_sum", "_count")


def tracked(ending):
    listed = subprocess.run(["git", "ls-files", f"*{ending}"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.splitlines() if (ROOT / name).exists()]


def anchor(heading):
    """As GitHub makes it."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def anchors(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    return {anchor(heading) for heading in re.findall(r"^#+ (.*)$", text, re.M)}


def broken_links():
    for page in tracked(".md"):
        text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
        for link in LINK.findall(text):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, heading = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            if not target.exists():
                yield f"{page.relative_to(ROOT)}: {link} leads nowhere"
            elif heading and target.suffix == ".md" and heading not in anchors(target):
                yield f"{page.relative_to(ROOT)}: {link} has no such heading"


def metrics():
    """Faults, and all names that there are."""
    names, faults = {}, []
    sources = [file for file in tracked(".rs") if "src" in file.parts and "fuzz" not in file.parts]
    texts = {file: file.read_text() for file in sources}
    for text in texts.values():
        names |= dict(NAMED.findall(text))
    described = {names.get(path.split("::")[-1].strip(), path.strip().strip('"')) for text in texts.values() for path in DESCRIBED.findall(text)}
    for file, text in texts.items():
        for path in RECORDED.findall(text):
            name = names.get(path.split("::")[-1].strip(), path.strip().strip('"'))
            if name.startswith("tagfleet_") and name not in described:
                faults.append(f"{file.relative_to(ROOT)}: nobody describes {name}")
    return faults, described


def unknown_metrics(known):
    for page in tracked(".md"):
        if "benchmarks" in page.parts or "adr" in page.parts:
            continue
        for name in set(re.findall(r"\btagfleet_\w+", page.read_text())):
            plain = next((name.removesuffix(ending) for ending in ENDINGS if name.removesuffix(ending) in known), name)
            if plain not in known and not name.endswith("_"):
                yield f"{page.relative_to(ROOT)}: there is no metric {name}"


def main():
    faults, known = metrics()
    faults += broken_links()
    faults += unknown_metrics(known)
    readme = (ROOT / "README.md").stat().st_size
    if readme > README_BYTES:
        faults.append(f"README.md has {readme} bytes, of {README_BYTES} at the most")
    print("\n".join(f"FAULT {fault}" for fault in faults) or f"{len(tracked('.md'))} pages, {len(known)} metrics")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
