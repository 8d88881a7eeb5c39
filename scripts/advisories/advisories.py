#!/usr/bin/env python3
"""scripts/advisories/advisories.py note CLONE | database FOLDER

note CLONE        prints, as CSV, which versions of which crates RustSec's advisories are about, out of a clone of its database
                  (https://github.com/rustsec/advisory-db, which is in the public domain)
database FOLDER   makes of known.csv, beside this file, a database that cargo-deny reads: for machines that cannot reach RustSec's

What an advisory says is not kept, only where to read it.
"""

import csv
import json
import pathlib
import subprocess
import sys
import tomllib

KNOWN = pathlib.Path(__file__).parent / "known.csv"
COLUMNS = ["id", "package", "date", "informational", "patched", "unaffected", "os", "arch"]
# The folder that cargo-deny looks for, which it names after the address of RustSec's database.
DATABASE = "advisory-db-3157b0e258782691"


def rows(clone):
    for page in sorted(clone.glob("crates/*/*.md")):
        front = page.read_text().split("```toml\n", 1)[1].split("\n```", 1)[0]
        told = tomllib.loads(front)
        advisory, versions, affected = told["advisory"], told["versions"], told.get("affected", {})
        if "withdrawn" in advisory:
            continue
        yield {
            **{column: advisory.get(column, "") for column in COLUMNS[:4]},
            "patched": ";".join(versions["patched"]),
            "unaffected": ";".join(versions.get("unaffected", [])),
            "os": ";".join(affected.get("os", [])),
            "arch": ";".join(affected.get("arch", [])),
        }


def note(clone):
    day = subprocess.run(["git", "-C", clone, "log", "-1", "--format=%cI"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    print(f"# RustSec's database as of {day}")
    table = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows(rows(clone))


def quoted(words):
    return json.dumps([word for word in words.split(";") if word])


def page(row):
    kind = f'informational = "{row["informational"]}"\n' if row["informational"] else ""
    return (
        f'```toml\n[advisory]\nid = "{row["id"]}"\npackage = "{row["package"]}"\ndate = "{row["date"]}"\n{kind}'
        f"[affected]\nos = {quoted(row['os'])}\narch = {quoted(row['arch'])}\n"
        f"[versions]\npatched = {quoted(row['patched'])}\nunaffected = {quoted(row['unaffected'])}\n```\n\n"
        f"# {row['id']} of {row['package']}\n\nSee https://rustsec.org/advisories/{row['id']}.html\n"
    )


def database(folder):
    """cargo-deny reads a git repository, and how old its last commit is."""
    first, *table = KNOWN.read_text().splitlines()
    day = first.rsplit(" ", 1)[1]
    root = folder / DATABASE
    for row in csv.DictReader(table):
        place = root / "crates" / row["package"]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{row['id']}.md").write_text(page(row))
    git = ["git", "-C", root, "-c", "user.name=RustSec", "-c", "user.email=advisories@localhost"]
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", f"--date={day}", "--message", first[2:]]):
        subprocess.run([*git, *command], check=True, env={"GIT_COMMITTER_DATE": day, "PATH": "/usr/bin:/bin:/usr/local/bin"})


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["note", clone]:
            note(pathlib.Path(clone))
        case ["database", folder]:
            database(pathlib.Path(folder))
        case _:
            sys.exit(__doc__)
