"""Tags every photo below a folder, writes a table, and plots what there is most of.

    python3 folder.py ~/Pictures --table tags.csv --plot tags.png    # the plot wants `pip install 'tagfleet[plot]'`

Runs from top to bottom like a notebook: `# %%` begins a cell in editors that know cells.
"""

# %% What is asked for
from __future__ import annotations

import argparse
import csv
from collections import Counter
from pathlib import Path

from tagfleet import Outcome, Progress, Tagfleet

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("folder", type=Path)
parser.add_argument("--table", type=Path, help="CSV: a row for each tag of each photo")
parser.add_argument("--plot", type=Path, help="PNG or SVG")
parser.add_argument("--concurrency", type=int, default=16)
asked = parser.parse_args()

# %% The photos
ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".avif"}
photos = sorted(path for path in asked.folder.rglob("*") if path.suffix.lower() in ENDINGS)


# %% Their tags, each photo as soon as it is there
def tell(progress: Progress) -> None:
    print(f"\r{progress.tagged + progress.failed} of {len(photos)}, {progress.failed} failed", end="", flush=True)


with Tagfleet() as client:
    listed = client.tag_many(photos, concurrency=asked.concurrency, progress=tell, features=["tags"])
    outcomes: list[Outcome[Path]] = sorted(listed, key=lambda outcome: outcome.index)
print()
for outcome in outcomes:
    if outcome.error is not None:
        print(f"{outcome.image}: {outcome.error}")

# %% A table
rows = [
    (outcome.image.relative_to(asked.folder), tag.name, tag.category, tag.confidence)
    for outcome in outcomes
    if outcome.answer is not None
    for tag in outcome.answer.tags
]
if asked.table:
    with asked.table.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("photo", "tag", "category", "confidence"))
        table.writerows(rows)

# %% What there is most of
frequent = Counter(tag for _, tag, _, confidence in rows if confidence >= 0.5).most_common(20)
for name, count in frequent:
    print(f"{count:5} {name}")

# %% The same as a picture
if asked.plot:
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError:
        parser.error("--plot wants matplotlib: pip install 'tagfleet[plot]'")
    figure = Figure(figsize=(8, 1 + 0.3 * len(frequent)), layout="constrained")
    axes = figure.subplots()
    names = [name for name, _ in reversed(frequent)]
    axes.barh(names, [count for _, count in reversed(frequent)])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(f"{len(photos)} photos of {asked.folder.name}")
    axes.set_xlabel("photos, tags of 0.5 and more")
    figure.savefig(asked.plot)
    print(f"plotted in {asked.plot}")
