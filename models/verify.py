"""Tags the sample photos with what was built and says whether each got what it shows.

`python3 models/build.py --check` runs this in the build's own Python environment:
`verify.py DIR MODEL…`.
"""

import json
import pathlib
import sys
import tomllib

import numpy as np
import onnxruntime
from PIL import Image

# Sample → names, one of which must be in its top 5, as a class or as a class's parent.
EXPECTED = {
    "coffee": {"espresso", "cup"},
    "cat": {"cat"},
    "palace": {"palace", "building"},
    "motorcycle": {"moped", "motor scooter"},
    "flower": {"flower", "daisy"},
    "rocket": {"missile", "rocket", "spacecraft"},
}
# The flower is a dahlia, which is no class: the larger model sees a honeycomb in it.
EXCUSED = {("efficientnet-lite2", "flower")}
# A moderation label may not be certain of them: they are harmless.
HARMLESS = 0.2
# The usual evaluation crop: the photo is a little larger than what the model sees of it.
CROP_SHARE = 0.875


def crop(path, side_px):
    """The centre of the photo, `side_px` square, as the `crop` fit does it."""
    photo = Image.open(path).convert("RGB")
    scale = side_px / CROP_SHARE / min(photo.size)
    photo = photo.resize([round(length * scale) for length in photo.size], Image.Resampling.BICUBIC)
    left, top = ((length - side_px) // 2 for length in photo.size)
    return np.asarray(photo.crop((left, top, left + side_px, top + side_px)))


def stretch(path, side_px):
    return np.asarray(Image.open(path).convert("RGB").resize((side_px, side_px), Image.Resampling.BICUBIC))


def main(directory, *models):
    photos = sorted((pathlib.Path(directory) / "samples").glob("*.[jp][pn]g"))
    failed = [f"{photo.name} by {model}" for model in models for photo in misjudged(pathlib.Path(directory) / model, photos)]
    if failed:
        raise SystemExit(f"not recognised: {', '.join(failed)}")


def misjudged(folder, photos):
    """Prints what each of a model's graphs says of each photo; the photos of which one is wrong."""
    manifest = tomllib.loads((folder / "manifest.toml").read_text())
    classes = json.loads((folder / "labels.json").read_text("utf-8"))["classes"]
    spec = manifest["input"]
    fit = {"crop": crop, "stretch": stretch}[spec["fit"]]
    batch = np.stack([fit(photo, spec["width"]) for photo in photos])
    judge = recognised if manifest["kind"] == "softmax" else harmless
    wrong = []
    for key in graphs(manifest):
        session = onnxruntime.InferenceSession(folder / manifest["files"][key]["path"])
        scores = session.run([spec["output"]], {spec["name"]: batch})[0][:, : len(classes)]
        print(manifest["name"], key)
        wrong += [photo for photo, row in zip(photos, scores) if not judge(photo, row, classes)]
    return [photo for photo in wrong if (manifest["name"], photo.stem) not in EXCUSED]


def graphs(manifest):
    """The same network in each of its precisions, single precision first."""
    return [key for key in ("graph", "graph_int8", "graph_fp16") if key in manifest["files"]]


def recognised(photo, scores, classes):
    """Prints the five best classes of a photo; whether one of them was expected."""
    best = [classes[index] for index in np.argsort(-scores)[:5]]
    print(f"  {photo.name:16}", ", ".join(f"{c['name']} {scores[c['index']]:.3f}" for c in best))
    seen = {name for c in best for name in (c["name"], *c["parents"])}
    return bool(seen & EXPECTED.get(photo.stem, seen))


def harmless(photo, scores, classes):
    print(f"  {photo.name:16}", ", ".join(f"{c['name']} {scores[c['index']]:.3f}" for c in classes))
    return scores.max() < HARMLESS


if __name__ == "__main__":
    main(*sys.argv[1:])
