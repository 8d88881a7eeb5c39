"""Pictures that show none of the classes: pages of text, noise and patterns, drawn by seed. A certain tag for one is wrong."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

PAGES, DARK_PAGES, NOISES = 200, 20, 10
PAGE_PX = 600
EVEN = [(0, 0, 0), (255, 255, 255), (128, 128, 128), (200, 30, 30), (30, 200, 30), (30, 30, 200), (240, 220, 40), (250, 200, 180)]
STRIPES_PX = (4, 8, 16, 32, 56)


def pictures(side_px):
    """Kind → tiles."""
    families = {"pages of text": pages(), "noise": noise(side_px), "even, gradients, stripes, checks": patterns(side_px)}
    return {kind: np.stack([_fitted(picture, side_px) for picture in family]) for kind, family in families.items()}


def _fitted(picture, side_px):
    return np.asarray(Image.fromarray(picture).resize((side_px, side_px), Image.Resampling.BICUBIC))


def pages():
    return [page(seed, (0, 80), (180, 256)) for seed in range(PAGES)] + [page(PAGES + seed, (200, 256), (0, 60)) for seed in range(DARK_PAGES)]


def page(seed, inks, papers):
    """Lines of words from edge to edge, in one size and two greys for each page."""
    random = np.random.default_rng(seed)
    ink, paper = (int(random.integers(*greys)) for greys in (inks, papers))
    picture = Image.new("L", (PAGE_PX, PAGE_PX), paper)
    draw, size_px = ImageDraw.Draw(picture), int(random.integers(12, 40))
    font = ImageFont.load_default(size_px)
    for top in range(10, PAGE_PX, round(size_px * 1.35)):
        draw.text((12, top), " ".join(_words(random, PAGE_PX // size_px)), fill=ink, font=font)
    margin = PAGE_PX // 16
    return np.asarray(picture.convert("RGB"))[margin:-margin, margin:-margin]


def _words(random, count):
    return ["".join(map(chr, random.integers(ord("a"), ord("z") + 1, random.integers(2, 10)))) for _ in range(count)]


def noise(side_px):
    random = np.random.default_rng(1)
    fine = [random.integers(0, 256, (side_px, side_px, 3), dtype=np.uint8) for _ in range(NOISES)]
    grey = [np.repeat(random.integers(0, 256, (side_px, side_px, 1), dtype=np.uint8), 3, axis=2) for _ in range(NOISES)]
    coarse = [random.integers(0, 256, (28, 28, 3), dtype=np.uint8) for _ in range(NOISES)]
    soft = [np.clip(128 + 40 * random.standard_normal((side_px, side_px, 3)), 0, 255).astype(np.uint8) for _ in range(NOISES)]
    return fine + grey + coarse + soft


def patterns(side_px):
    even = [np.full((side_px, side_px, 3), colour, np.uint8) for colour in EVEN]
    ramp = np.tile(np.linspace(0, 255, side_px).astype(np.uint8), (side_px, 1))
    planes = [ramp, ramp.T]
    for width_px in STRIPES_PX:
        rows, columns = np.indices((side_px, side_px)) // width_px
        planes += [(cells % 2 * 255).astype(np.uint8) for cells in (rows + columns, rows, columns)]
    return even + [np.repeat(plane[:, :, None], 3, axis=2) for plane in planes]
