"""The tile as Pillow's users make it. Driven line by line, as vips.c says:

    FILE COUNT      makes the tile COUNT times from the file's bytes in memory; answers NANOSECONDS_TOTAL OUTPUT_BYTES
    tile FILE OUT   writes the tile to OUT; answers OUTPUT_BYTES

A line that fails is answered with `error …`, and the next one is read. Pillow uses one thread.
"""

import io
import pathlib
import sys
import time

from PIL import Image, ImageOps
from pillow_heif import register_heif_opener

TILE = 224
CENTRE = 224 / 256
QUALITY = 95
# How many times the tile's size a cheap reduction may leave before the resize proper: what Image.thumbnail has.
REDUCING_GAP = 2.0
register_heif_opener()
# The photos are known; the limit is for those from outside.
Image.MAX_IMAGE_PIXELS = None


def make_tile(photo):
    with Image.open(io.BytesIO(photo)) as image:
        draft(image)
        tile = over_white(resized(image))
    # Turned last: it then moves a tile's pixels, not a photo's.
    ImageOps.exif_transpose(tile, in_place=True)
    jpeg = io.BytesIO()
    tile.save(jpeg, "JPEG", quality=QUALITY, subsampling=0)
    return jpeg.getvalue()


def draft(image):
    """A JPEG's decoder then scales by 1/2, 1/4 or 1/8, as far as nothing has to be enlarged again. Other formats: nothing."""
    side = min(image.size)
    enough = TILE / CENTRE
    image.draft("RGB", tuple(int(length * enough / side) for length in image.size))


def resized(image):
    """Bicubic, as in Image.thumbnail; it weighs every pixel that it covers when it shrinks."""
    image = image if image.mode in ("RGB", "RGBA") else image.convert("RGBA" if image.has_transparency_data else "RGB")
    side = min(image.size) * CENTRE
    left, top = ((length - side) / 2 for length in image.size)
    box = (left, top, left + side, top + side)
    return image.resize((TILE, TILE), Image.Resampling.BICUBIC, box, REDUCING_GAP)


def over_white(tile):
    if tile.mode != "RGBA":
        return tile
    white = Image.new("RGBA", tile.size, "white")
    white.alpha_composite(tile)
    white.info = tile.info
    return white.convert("RGB")


def measure(photo, count):
    start = time.perf_counter_ns()
    for _ in range(count):
        jpeg = make_tile(photo)
    return f"{time.perf_counter_ns() - start} {len(jpeg)}"


def answer(line):
    """The last word is COUNT or OUT; a path to read may hold spaces."""
    if line.startswith("tile "):
        photo, out = line.removeprefix("tile ").rsplit(" ", 1)
        return pathlib.Path(out).write_bytes(make_tile(pathlib.Path(photo).read_bytes()))
    photo, count = line.rsplit(" ", 1)
    if int(count) < 1:
        raise ValueError(f"{count} times")
    # Reading the file is not part of what is measured.
    return measure(pathlib.Path(photo).read_bytes(), int(count))


def main():
    for line in sys.stdin:
        try:
            print(answer(line.strip()), flush=True)
        except Exception as error:  # whatever it is, the next line may do better
            print("error", " ".join(str(error).split()), flush=True)


main()
