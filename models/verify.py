"""Tags the sample photos with what was built and says whether each got what it shows.

`python3 models/build.py --check` runs this in the build's own Python environment:
`verify.py DIR [MODEL]`.
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
# The usual evaluation crop: the photo is a little larger than what the model sees of it.
CROP_SHARE = 0.875


def crop(path, side_px):
    """The centre of the photo, `side_px` square, as the `crop` fit does it."""
    photo = Image.open(path).convert("RGB")
    scale = side_px / CROP_SHARE / min(photo.size)
    photo = photo.resize([round(length * scale) for length in photo.size], Image.Resampling.BICUBIC)
    left, top = ((length - side_px) // 2 for length in photo.size)
    return np.asarray(photo.crop((left, top, left + side_px, top + side_px)))


def main(directory, model="efficientnet-lite0"):
    folder = pathlib.Path(directory) / model
    manifest = tomllib.loads((folder / "manifest.toml").read_text())
    classes = json.loads((folder / "labels.json").read_text("utf-8"))["classes"]
    session = onnxruntime.InferenceSession(folder / manifest["files"]["graph"]["path"])
    photos = sorted((pathlib.Path(directory) / "samples").glob("*.[jp][pn]g"))
    batch = np.stack([crop(photo, manifest["input"]["width"]) for photo in photos])
    scores = session.run([manifest["input"]["output"]], {manifest["input"]["name"]: batch})[0]
    failed = [photo.name for photo, row in zip(photos, scores) if not report(photo, row, classes)]
    if failed:
        raise SystemExit(f"not recognised: {', '.join(failed)}")


def report(photo, scores, classes):
    """Prints the five best classes of a photo; whether one of them was expected."""
    best = [classes[index] for index in np.argsort(-scores)[:5]]
    print(f"{photo.name:16}", ", ".join(f"{c['name']} {scores[c['index']]:.3f}" for c in best))
    seen = {name for c in best for name in (c["name"], *c["parents"])}
    return bool(seen & EXPECTED.get(photo.stem, seen))


if __name__ == "__main__":
    main(*sys.argv[1:])
