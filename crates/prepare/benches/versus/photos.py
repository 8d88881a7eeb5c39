"""photos.py FOLDER: the photos that `make bench-prepare` measures with, in a folder for each group, and a list of them.

We found no free package with a photo of 24 megapixels, and wallpapers are smoothed and packed tighter than what cameras write. So
the 12 and 24 megapixels are made camera-like, see GROUPS, and some photos stay as they were published. None is ever committed.
"""

import hashlib
import pathlib
import shutil
import statistics
import sys
import tempfile
from typing import NamedTuple

sys.dont_write_bytecode = True  # the source tree stays as it was cloned

from PIL import Image, ImageChops, ImageOps
from pillow_heif import register_heif_opener

import sources

register_heif_opener()
Image.MAX_IMAGE_PIXELS = None  # these photos are known


class Group(NamedTuple):
    photos: tuple[str, ...]
    suffix: str = "jpg"
    # None: the file as it was published.
    size: tuple[int, int] | None = None
    save: dict | None = None
    # Standard deviation of what is added to each channel, of 255.
    noise: float = 0


DETAILED = ("bird", "leaves", "mountains")
LARGEST = ("bird", "dandelion", "leaves")  # 20, 16 and 13 megapixels
WEB = {"format": "JPEG", "quality": 90, "subsampling": "4:2:0"}
# With the noise of a sensor this makes 2.5 to 3 bits a pixel, as phones and cameras write them.
CAMERA = {"format": "JPEG", "quality": 96, "subsampling": "4:2:0"}

GROUPS = {
    "jpeg-0.3mp": Group(DETAILED, size=(640, 480), save=WEB),
    "jpeg-0.8mp": Group(DETAILED, size=(1024, 768), save=WEB),
    "jpeg-12mp": Group(LARGEST, size=(4000, 3000), save=CAMERA, noise=3),
    # Enlarged: the noise is the one thing that is new at the finest scale.
    "jpeg-24mp": Group(LARGEST, size=(6000, 4000), save=CAMERA, noise=3),
    "jpeg-published": Group(("bird",)),
    # All scans have to come before the first pixel.
    "jpeg-published-progressive": Group(("dandelion", "leaves", "mountains")),
    "png-1.2mp": Group(DETAILED, "png", (1280, 960), {"format": "PNG"}),
    "jpeg-200mp": Group(("bird",), size=(16384, 12288), save=WEB),
    "heic-12mp": Group(DETAILED, "heic", (4032, 3024), {"format": "HEIF", "quality": 80}),
    "avif-12mp": Group(DETAILED, "avif", (4032, 3024), {"format": "AVIF", "quality": 75}),
    "webp-12mp": Group(DETAILED, "webp", (4032, 3024), {"format": "WEBP", "quality": 80}),
    "webp-1.2mp": Group(DETAILED, "webp", (1280, 960), {"format": "WEBP", "quality": 80}),
}
LIST = "photos.txt"
MARK = "made-by"


def make(folder):
    with tempfile.TemporaryDirectory(prefix="tagfleet-photos-") as name:
        work = pathlib.Path(name)
        sources.fetch(work)
        rows = [make_one(work, folder, group, photo) for group, recipe in GROUPS.items() for photo in recipe.photos]
    (folder / LIST).write_text("\n".join([*rows, "", *credits()]) + "\n")


def make_one(work, folder, group, photo):
    """Its row in the list."""
    recipe, source = GROUPS[group], work / f"{photo}.jpg"
    out = folder / group / f"{photo}.{recipe.suffix}"
    out.parent.mkdir(exist_ok=True)
    how = derive(source, recipe, out) if recipe.size else published(source, out)
    with Image.open(out) as image:
        width, height = image.size
    size = out.stat().st_size
    name = f"{group}/{out.name}"
    return f"{name:41} {width:4} x {height:4} {size:9,} bytes {size * 8 / width / height:5.2f} bits/pixel  {how}"


def published(source, out):
    shutil.copyfile(source, out)
    return "as published"


def derive(source, recipe, out):
    """What was done, in words."""
    with Image.open(source) as image:
        scale = max(new / old for new, old in zip(recipe.size, image.size))
        made = ImageOps.fit(image.convert("RGB"), recipe.size, Image.Resampling.LANCZOS)
    if recipe.noise:
        made = ImageChops.add(made, noise(recipe.size, recipe.noise, source.stem), offset=-128)
    made.save(out, **recipe.save)
    return f"sides x {scale:.2f}" + (f", noise of {recipe.noise} added" if recipe.noise else "")


def noise(size, deviation, seed):
    """Normally distributed around 128, and the same on every machine."""
    uniform = hashlib.shake_256(seed.encode()).digest(size[0] * size[1] * 3)
    normal = statistics.NormalDist(128, deviation)
    table = [round(normal.inv_cdf((value + 0.5) / 256)) for value in range(256)]
    return Image.frombytes("RGB", size, uniform).point(table * 3)


def credits():
    yield "Credits. All but the published ones are cropped and scaled."
    for name, source in sources.SOURCES.items():
        yield f"  {name:9}  {source.title}, by {source.author}. {source.licence}. From Debian's package {source.package}."


def fingerprint():
    """Of all that decides about the photos' bytes."""
    here = pathlib.Path(__file__).parent
    return hashlib.sha256(b"".join((here / name).read_bytes() for name in ("photos.py", "sources.py", "requirements.txt"))).hexdigest()


def main(folder):
    mark = folder / MARK
    if not mark.exists() and folder.exists() and any(folder.iterdir()):
        sys.exit(f"photos.py: {folder} holds something else")
    if not mark.exists() or mark.read_text() != fingerprint():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        mark.write_text("unfinished\n")
        make(folder)
        mark.write_text(fingerprint())
    print((folder / LIST).read_text(), end="")


if len(sys.argv) != 2:
    sys.exit(__doc__)
try:
    main(pathlib.Path(sys.argv[1]))
except sources.MissingSource as error:
    sys.exit(f"photos.py: {error}")
