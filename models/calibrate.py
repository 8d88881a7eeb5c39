"""How certain may a tag be? Temperature and certainty rule of the built taggers, on labelled photos (README.md).

`python3 models/build.py --calibrate` fetches the photos and runs this in the build's own Python environment:
`calibrate.py DIR PHOTOS MODEL…`. The first model is the one that the others' top classes are compared with.
"""

import json
import pathlib
import sys
import tomllib

import numpy as np
import onnxruntime
from photos import blank
from photos.certainty import best_temperature, calibrated, calibration_error, is_right, losses, warmed
from photos.labelled import Labelled
from verify import graphs

CERTAIN = 0.5  # a tag so certain is shown as a fact
BATCH = 8


def line(words, scores, truths):
    """The loss is of the photos that have a truth: on the others there is none to miss."""
    known = [bool(truth) for truth in truths]
    loss = losses(scores[known], [truth for truth in truths if truth]).mean()
    figures = f"calibration error {calibration_error(scores, truths):.3f}  certainty {scores.max(1).mean():.3f}  right {is_right(scores, truths).mean():.3f}"
    print(f"  {words:40} loss {loss:.3f}  {figures}")


def certain(scores):
    return f"{(scores.max(1) >= CERTAIN).sum()} of {len(scores)}"


class Tagger:
    """A model with one of its graphs."""

    def __init__(self, folder, graph="graph"):
        self.manifest = tomllib.loads((folder / "manifest.toml").read_text())
        self.name = f"{self.manifest['name']}, {graph}"
        self.names = [c["name"] for c in json.loads((folder / "labels.json").read_text("utf-8"))["classes"]]
        self.session = onnxruntime.InferenceSession(folder / self.manifest["files"][graph]["path"])

    def scores(self, tiles):
        spec = self.manifest["input"]
        parts = [tiles[start : start + BATCH] for start in range(0, len(tiles), BATCH)]
        outputs = [self.session.run([spec["output"]], {spec["name"]: part})[0] for part in parts]
        return np.concatenate(outputs)[:, : len(self.names)]


def report(tagger, photos, first):
    """Prints a model's figures; the best class of each photo."""
    scores = tagger.scores(photos.tiles(tagger.manifest["input"]["width"]))
    known = np.array([bool(truth) for truth in photos.truths])
    print(f"{tagger.name}: {known.sum()} photos that show a class, {(~known).sum()} that show none")
    ruled = calibrated(scores, tagger.manifest, tagger.names)
    report_calibration(tagger.manifest["temperature"], scores, ruled, photos.truths, known)
    report_certain(tagger, scores, photos.truths, known)
    best = scores.argmax(1)
    if first is not None:
        same = best == first
        print(f"  best class as the first model's: {same.sum()} of {len(same)}, of those that show a class {same[known].sum()} of {known.sum()}")
    return best


def report_calibration(temperature, scores, ruled, truths, known):
    shown = [truth for truth in truths if truth]
    best, low, high = best_temperature(scores[known], shown)
    print(f"  temperature of least loss {best} (95 %: {low:.2f} to {high:.2f}); the manifest says {temperature}")
    tables = {
        "as the graph gives them": scores,
        f"at {best}": warmed(scores, best),
        "at the manifest's temperature alone": warmed(scores, temperature),
        "by the manifest's whole rule": ruled,
    }
    for words, table in tables.items():
        line(words, table[known], shown)
        line("  with the photos that show none", table, truths)


def report_certain(tagger, scores, truths, known):
    """How often a class gets `CERTAIN`: photos' true classes should, all else should not."""
    right = is_right(scores, truths)
    groups = {"rightly tagged photos": right, "wrongly tagged photos": known & ~right, "photos that show none": ~known}
    tables = {words: scores[chosen] for words, chosen in groups.items()}
    tables |= {kind: tagger.scores(tiles) for kind, tiles in blank.pictures(tagger.manifest["input"]["width"]).items()}
    for words, table in tables.items():
        warm, ruled = warmed(table, tagger.manifest["temperature"]), calibrated(table, tagger.manifest, tagger.names)
        print(f"  certain of a class: {words:34} {certain(table)}, by temperature alone {certain(warm)}, by the whole rule {certain(ruled)}")


def main(directory, photos_folder, *models):
    folders = [pathlib.Path(directory) / model for model in models]
    taggers = [Tagger(folder, graph) for folder in folders for graph in graphs(Tagger(folder).manifest)]
    photos = Labelled(pathlib.Path(photos_folder), taggers[0].names)
    first = None
    for tagger in taggers:
        best = report(tagger, photos, first)
        first = best if first is None else first


if __name__ == "__main__":
    main(*sys.argv[1:])
