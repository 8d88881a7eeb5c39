#!/usr/bin/env python3
"""scripts/gallery/gallery.py TAGFLEET SAMPLES [--timings]: some 250 files of every kind, decoded as the service does, beside what
Pillow makes of them: size, orientation, mean colours of the tile's parts. Says by kind how many agree, and each that does not."""

import collections
import io
import pathlib
import sys

from decoder import Decoder, timed
from files import all_files, encoded
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

# How far the mean of a part may be off, of 255: encoders differ, and so do filters.
TOLERANCE = 12
# Shorter than this, in pixels.
TINY = 16
# Parts of the tile, across and down.
PARTS = 4
SIDE = 224


def seen_by_pillow(file):
    picture = ImageOps.exif_transpose(Image.open(io.BytesIO(file)))
    return on_white(picture)


def in_srgb(picture, profile):
    """As the profile says, which Pillow leaves to whoever shows the picture."""
    if not profile or picture.mode != "RGB":
        return picture
    try:
        return ImageCms.profileToProfile(picture, io.BytesIO(profile), ImageCms.createProfile("sRGB"))
    except ImageCms.PyCMSError:
        return picture


def on_white(picture):
    profile = picture.info.get("icc_profile")
    if picture.mode in ("I", "I;16"):
        picture = picture.convert("I").point(lambda value: value / 257).convert("L")
    if picture.mode == "P" and "transparency" in picture.info or picture.mode in ("LA", "PA", "RGBA"):
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return in_srgb(picture.convert("RGB"), profile)


def cropped(picture):
    """The centre 7/8, as the tile shows it."""
    width, height = picture.size
    if (width, height) == (SIDE, SIDE):
        return picture
    side = min(width, height) * 7 / 8
    left, top = (width - side) / 2, (height - side) / 2
    return picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC, (left, top, left + side, top + side), reducing_gap=3.0)


def parts(tile):
    return tile.resize((PARTS, PARTS), Image.Resampling.BOX).tobytes()


def judge(file, picture, fault):
    """None where all is well, or what is not."""
    if file.expected == "refused":
        return None if fault and fault["code"] != "panicked" else "it was not refused"
    if file.expected not in ("same", "warned"):
        code = fault["code"] if fault else "200"
        return None if code == file.expected else f"{code} instead of {file.expected}"
    if fault:
        return f"{fault['code']}: {fault['detail']}"
    if bool(picture["warnings"]) != (file.expected == "warned"):
        return f"warnings: {picture['warnings']}"
    try:
        meant = file.meant or seen_by_pillow(file.data)
    except (UnidentifiedImageError, OSError) as error:
        return f"Pillow does not read it: {error}"
    if (picture["width"], picture["height"]) != meant.size:
        return f"{picture['width']} × {picture['height']} instead of {meant.size}"
    tile = Image.frombytes("RGB", (SIDE, SIDE), picture["rgb"])
    off = max(abs(ours - theirs) for ours, theirs in zip(parts(tile), parts(cropped(on_white(meant)))))
    # Codecs keep one colour for four pixels, and spread it in their own way: in a tiny picture that is seen.
    is_tiny = min(meant.size) < TINY
    most = TOLERANCE if file.expected == "same" and not is_tiny else 2 * TOLERANCE
    return None if off <= most else f"the mean of a part is off by {off}"


def run(program, photos):
    decoder = Decoder(program)
    counts = collections.defaultdict(lambda: [0, 0])
    faults = []
    for file in all_files(photos):
        picture, fault = decoder.ask(file.data)
        wrong = judge(file, picture, fault)
        counts[file.kind][wrong is not None] += 1
        if wrong:
            faults.append(f"{file.kind} / {file.name}: {wrong}")
    decoder.close()
    return counts, faults


def tell(counts, faults):
    print(f"{'kind':24} {'files':>6} {'agree':>6}")
    for kind, (good, bad) in counts.items():
        print(f"{kind:24} {good + bad:6} {good:6}")
    total, good = (sum(column) for column in zip(*((good + bad, good) for good, bad in counts.values())))
    for fault in faults:
        print(f"FAULT {fault}")
    print(f"RESULT gallery files={total} agree={good}")


# A photo of 12 megapixels in each format, and what else people have of full size.
PHOTO = (4_032, 3_024)
FULL_SIZE = (
    (PHOTO, "JPEG", {"quality": 85}),
    (PHOTO, "JPEG", {"quality": 85, "progressive": True}),
    (PHOTO, "PNG", {"compress_level": 1}),
    (PHOTO, "WEBP", {"quality": 80}),
    (PHOTO, "HEIF", {"quality": 55}),
    (PHOTO, "AVIF", {"quality": 55, "speed": 9}),
    ((6_000, 4_000), "PNG", {"compress_level": 1}),
    ((6_240, 4_160), "JPEG", {"quality": 85, "progressive": True}),
    ((8_064, 6_048), "HEIF", {"quality": 55}),
    ((8_256, 5_504), "JPEG", {"quality": 85}),
    ((8_256, 5_504), "JPEG", {"quality": 85, "progressive": True}),
    ((8_256, 5_504), "WEBP", {"quality": 80}),
    ((8_660, 5_774), "PNG", {"compress_level": 1}),
    ((16_384, 12_288), "JPEG", {"quality": 80}),
    ((1_080, 16_000), "WEBP", {"quality": 80}),
    ((1_080, 60_000), "JPEG", {"quality": 80}),
    ((1_080, 60_000), "PNG", {"compress_level": 6}),
)


def grainy(photo):
    """The grain of a sensor, which an enlarged photo lacks."""
    photo = photo.resize(PHOTO, Image.Resampling.BICUBIC)
    return Image.blend(photo, Image.effect_noise(PHOTO, 18).convert("RGB"), 0.12)


def laid_out(photo, size):
    """The photo side by side and below itself, as often as it takes."""
    if photo.size == size:
        return photo
    sheet = Image.new("RGB", size)
    for top in range(0, size[1], photo.height):
        for left in range(0, size[0], photo.width):
            sheet.paste(photo, (left, top))
    return sheet


def tell_timings(program, photos):
    """Time of the processor for each, and memory at the most."""
    photo = grainy(photos[0])
    for size, form, options in FULL_SIZE:
        file = encoded(laid_out(photo, size), form, **options)
        about = f"{size[0]} × {size[1]} {form} {options}: {len(file) / 1e6:.1f} MB"
        try:
            taken, peak, _ = timed(program, file)
            print(f"{about}, {taken:.0f} ms, {peak:.0f} MiB at the most", flush=True)
        except RuntimeError as fault:
            print(f"{about}, refused: {fault}", flush=True)


def main():
    program = sys.argv[1]
    folder = pathlib.Path(sys.argv[2])
    samples = sorted([*folder.glob("*.jpg"), *folder.glob("*.png")])
    photos = [Image.open(sample).convert("RGB") for sample in samples]
    if "--timings" in sys.argv:
        return tell_timings(program, photos)
    counts, faults = run(program, photos)
    tell(counts, faults)
    sys.exit(bool(faults))


main()
