"""The photos of `labels.toml`, as a model's input sees them."""

import io
import pathlib
import tomllib

import numpy as np
from PIL import Image
from verify import crop

from .rcc import Resources

LABELS = pathlib.Path(__file__).with_name("labels.toml")
WITHIN_GCOMPRIS = "gcompris/src/activities"
# A stamp laid on a white square, with as much white around it as the crop of a photo takes off.
STAMP_SHARE = 0.9


def packages():
    return list(tomllib.loads(LABELS.read_text()))


class Labelled:
    """`folder` holds what the packages were unpacked to; `names` are the classes in order."""

    def __init__(self, folder, names):
        labels = tomllib.loads(LABELS.read_text())
        index = {name: i for i, name in enumerate(names)}
        self.truths = [[index[name] for name in names] for package in labels.values() for names in package.values()]
        self.photos = [*_gcompris(folder, labels["gcompris-qt-data"]), *_tuxpaint(folder, labels["tuxpaint-stamps-default"])]

    def tiles(self, side_px):
        return np.stack([photo(side_px) for photo in self.photos])


def write(folder, target):
    """The photos as files, for who makes tiles of them in another way."""
    labels = tomllib.loads(LABELS.read_text())
    for number, file in enumerate(_gcompris_files(folder, labels["gcompris-qt-data"])):
        (target / f"gcompris-{number}").write_bytes(file)
    for number, name in enumerate(labels["tuxpaint-stamps-default"]):
        picture = on_white(Image.open(folder / "tuxpaint-stamps-default" / "stamps" / name))
        picture.save(target / f"tuxpaint-{number}.png")


def _gcompris_files(folder, labels):
    files = {}
    for path in sorted((folder / "gcompris-qt-data").glob("*.rcc")):
        files |= Resources(path.read_bytes()).files()
    return [files[f"{WITHIN_GCOMPRIS}/{name}"] for name in labels]


def _gcompris(folder, labels):
    return [_cropped(io.BytesIO(file)) for file in _gcompris_files(folder, labels)]


def _cropped(file):
    return lambda side_px: crop(file, side_px)


def _tuxpaint(folder, labels):
    return [_on_white(folder / "tuxpaint-stamps-default" / "stamps" / name) for name in labels]


def _on_white(path):
    return lambda side_px: stamp(Image.open(path), side_px)


def stamp(picture, side_px):
    return np.asarray(on_white(picture).resize((side_px, side_px), Image.Resampling.BICUBIC))


def on_white(picture):
    picture = picture.convert("RGBA")
    side = round(max(picture.size) / STAMP_SHARE)
    square = Image.new("RGBA", (side, side), "white")
    square.alpha_composite(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return square.convert("RGB")
