#!/usr/bin/env python3
"""scripts/documents.py: whether what is written is true as far as a program can tell.

Links in Markdown lead to files, folders and headings that are there, and paths in backticks are those of files. Pages and
sentences are short. Every metric is described where it is named and named by a page of docs/, and every metric that a page
names is there. No comment begins with Of.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# The README and each page right below docs/ have no more.
MOST_BYTES = 8_192
MOST_WORDS = 25
# What a path in backticks may name, beside folders.
ENDINGS_OF_FILES = {"c", "cfg", "conf", "css", "h", "html", "js", "json", "lock", "md", "py", "rs", "sh", "toml", "ts", "txt", "yaml", "yml"}
# What programs write, and what is another's.
FOREIGN = {
    "api.d.ts",  # written by `make clients`
    "batch.json",  # written where results go
    "repack.cpp",  # of llama.cpp
    "samples/CREDITS.txt",  # among the models
    "sgemm.cpp",  # of llama.cpp
}
# Folders that are built, made or filled.
MADE = ("dist/", "fuzz/artifacts/", "fuzz/corpus/", "llama-cpp/", "llama-cpp-cuda/", "onnxruntime/", "onnxruntime-gpu/", "samples/", "secrets/", "target/")
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
    text = without_code(page)
    return {anchor(heading) for heading in re.findall(r"^#+ (.*)$", text, re.M)}


def without_code(page):
    """A page's text. Blocks of code are left out, and lines keep their numbers."""

    def emptied(block):
        return "\n" * block[0].count("\n")

    return re.sub(r"^```.*?^```", emptied, page.read_text(), flags=re.M | re.S)


def blocks(text):
    """Paragraphs, items of lists and cells of tables, with the line in which each begins."""
    begun, block = 0, []
    for number, line in enumerate([*text.splitlines(), ""], 1):
        stripped = line.strip()
        item = re.sub(r"^(?:[-*]|\d+\.) ", "", stripped)
        is_row = stripped.startswith("|")
        if block and (is_row or item != stripped or not stripped or stripped.startswith("#")):
            yield begun, " ".join(block)
            block = []
        if is_row:
            yield from ((number, cell.strip()) for cell in stripped.strip("|").split("|"))
        elif stripped and not stripped.startswith("#"):
            begun = begun if block else number
            block.append(item)


def long_sentences():
    for page in tracked(".md"):
        for number, block in blocks(without_code(page)):
            # A piece of code is one word, and so is a link's address none.
            plain = LINK.sub(lambda link: link[0].rsplit("](", 1)[0].lstrip("["), re.sub(r"`[^`]*`", "code", block))
            for sentence in re.split(r"[.!?][\"')*]*\s+", plain):
                words = sum(bool(re.search(r"\w", word)) for word in sentence.split())
                if words > MOST_WORDS:
                    yield f"{page.relative_to(ROOT)}:{number}: {words} words, of {MOST_WORDS} at the most: {sentence[:60]} …"


def long_pages():
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        size = page.stat().st_size
        if size > MOST_BYTES:
            yield f"{page.relative_to(ROOT)} has {size} bytes, of {MOST_BYTES} at the most"


def lost_paths():
    """Paths in backticks of which there is no file. One may begin at any folder: `shard/delivery.rs` is found in migrator/src."""
    files = [file.relative_to(ROOT) for file in tracked("")]
    paths = {*files, *(folder for file in files for folder in file.parents)}
    endings = {"/".join(path.parts[start:]) for path in paths for start in range(len(path.parts))}
    roots = {path.parts[0] for path in paths if path.parts}
    for page in tracked(".md"):
        for code in re.findall(r"`([^`\n]+)`", without_code(page)):
            is_path = re.fullmatch(r"(?:\.\./)*[\w.+-]+(?:/[\w.+-]+)*/?", code)
            is_file = "." in code and code.rpartition(".")[2] in ENDINGS_OF_FILES
            # Others are no paths, such as `application/json`.
            is_ours = code.endswith("/") or ("/" in code and code.partition("/")[0] in roots)
            if not is_path or not (is_file or is_ours):
                continue
            path = re.sub(r"^(?:\.\./)+", "", code).rstrip("/")
            # NAME stands for any name.
            is_placeholder = re.search(r"\b[A-Z]+\b", path.rpartition(".")[0] or path)
            is_made = f"{path}/".startswith(MADE) or code in FOREIGN
            if not is_placeholder and not is_made and path not in endings:
                yield f"{page.relative_to(ROOT)}: there is no {code}"


def lost_pages():
    """Pages of docs/ that code, settings and scripts name in comments and messages."""
    for file in tracked(""):
        for page in set(re.findall(r"\bdocs/[\w/-]+\.md\b", file.read_text(errors="ignore"))):
            if not (ROOT / page).exists() and not (file.parent / page).exists():
                yield f"{file.relative_to(ROOT)}: there is no {page}"


def headless_comments():
    """Comments that begin with "Of" have no subject. Only the first line of one counts."""
    begun = re.compile(r"(?:^|\n)([^\n]*)\n[ \t]*(?:#|//[/!]?) Of ")
    for ending in (".rs", ".py", ".sh", ".toml", ".yaml", ".js", ".css", ".cfg", ".conf", "Dockerfile", "Makefile"):
        for file in tracked(ending):
            text = "\n" + file.read_text()
            for found in begun.finditer(text):
                if not re.match(r"[ \t]*(?:#|//)", found[1]):
                    yield f"{file.relative_to(ROOT)}:{text.count(chr(10), 0, found.end())}: a comment that begins with Of"


def broken_links():
    for page in tracked(".md"):
        text = without_code(page)
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


def untold_metrics(known):
    """Metrics that no page of docs/ names."""
    pages = "".join(page.read_text() for page in (ROOT / "docs").glob("*.md"))
    told = set(re.findall(r"\btagfleet_\w+", pages))
    yield from (f"no page of docs names {name}" for name in sorted(known) if name.startswith("tagfleet_") and name not in told)


def main():
    faults, known = metrics()
    faults += broken_links()
    faults += lost_paths()
    faults += lost_pages()
    faults += unknown_metrics(known)
    faults += untold_metrics(known)
    faults += long_pages()
    faults += long_sentences()
    faults += headless_comments()
    print("\n".join(f"FAULT {fault}" for fault in faults) or f"{len(tracked('.md'))} pages, {len(known)} metrics")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
