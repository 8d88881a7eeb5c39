"""reference.py PHOTO OUT.png [TILE…]: the tile as well as it can be made, for telling how much a faster way loses. For each TILE
follows a line `PSNR_DB DX DY TILE`.

All pixels are decoded and turned upright; a colour profile is followed to sRGB; then the centre's 7/8, Lanczos, no loss after it.

A program that crops at whole pixels of a picture of 341 x 256 is off by a fraction of a pixel. That costs 10 dB and harms nobody,
so a tile is held against the reference as shifted by DX and DY, up to one pixel, where it fits best.
"""

import io
import itertools
import math
import sys

from PIL import Image, ImageChops, ImageCms, ImageOps, ImageStat
from pillow_heif import register_heif_opener

TILE = 224
CENTRE = 224 / 256
FINER = 4
SHIFTS = [quarter / 4 for quarter in range(-4, 5)]
register_heif_opener()
Image.MAX_IMAGE_PIXELS = None  # the photos are known


def upright(path):
    with Image.open(path) as image:
        # Turned first: later steps forget what the file said.
        return to_srgb(over_white(ImageOps.exif_transpose(image)))


def over_white(image):
    if not image.has_transparency_data:
        return image
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image.convert("RGBA"))
    white.info = image.info
    return white.convert("RGB")


def to_srgb(image):
    profile = image.info.get("icc_profile")
    if not profile or image.mode == "P":
        return image.convert("RGB")
    return ImageCms.profileToProfile(image, io.BytesIO(profile), ImageCms.createProfile("sRGB"), outputMode="RGB")


def centre(photo, side, margin=0):
    """In `side` pixels, with a margin around it in the tile's pixels."""
    kept = min(photo.size) * CENTRE * (1 + 2 * margin / TILE)
    left, top = ((length - kept) / 2 for length in photo.size)
    return photo.resize((side, side), Image.Resampling.LANCZOS, (left, top, left + kept, top + kept))


def shifted(finer, x, y):
    left, top = (1 + x) * FINER, (1 + y) * FINER
    return finer.resize((TILE, TILE), Image.Resampling.LANCZOS, (left, top, left + TILE * FINER, top + TILE * FINER))


def best_fit(path, finer):
    with Image.open(path) as image:
        tile = image.convert("RGB")
    return max((psnr_db(tile, shifted(finer, x, y)), x, y) for x, y in itertools.product(SHIFTS, SHIFTS))


def psnr_db(tile, other):
    squares = ImageStat.Stat(ImageChops.difference(tile, other)).sum2
    mean = sum(squares) / (3 * TILE * TILE)
    return 10 * math.log10(255**2 / mean) if mean else math.inf


def main(path, out, *tiles):
    photo = upright(path)
    centre(photo, TILE).save(out)
    finer = centre(photo, (TILE + 2) * FINER, margin=1)
    for tile in tiles:
        print("{:.2f} {:.2f} {:.2f}".format(*best_fit(tile, finer)), tile)


if len(sys.argv) < 3:
    sys.exit(__doc__)
main(*sys.argv[1:])
