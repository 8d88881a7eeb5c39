"""Pages, receipts and screenshots, drawn. Each is another, and the same seed draws the same."""

import glob
import random

from PIL import Image, ImageDraw, ImageFilter, ImageFont

FONTS = sorted(glob.glob("/usr/share/fonts/truetype/**/*.ttf", recursive=True))
WORDS = (
    "the of and to in is you that it he was for on are as with his they at be this have from or one had by word but not what all were"
    " we when your can said there use an each which she do how their if will up other about out many then them these so some her"
    " would make like him into time has look two more write go see number no way could people my than first water been call who oil"
).split()


def draw(seed):
    """A picture, and what it is."""
    chance = random.Random(seed)
    kind = (page, receipt, screenshot)[seed % 3]
    return kind.__name__, kind(chance)


def font(chance, size_px):
    return ImageFont.truetype(chance.choice(FONTS), size_px) if FONTS else ImageFont.load_default(size_px)


def line(chance, words):
    return " ".join(chance.choice(WORDS) for _ in range(words))


def colour(chance, darkest=40, lightest=220):
    return tuple(chance.randint(darkest, lightest) for _ in range(3))


def photographed(chance, picture):
    """Some lie a little askew, and some are out of focus."""
    if chance.random() < 0.5:
        picture = picture.rotate(chance.uniform(-3, 3), fillcolor=colour(chance, 60, 200), resample=Image.Resampling.BICUBIC)
    if chance.random() < 0.4:
        picture = picture.filter(ImageFilter.GaussianBlur(chance.uniform(0.3, 1.2)))
    return picture


def page(chance):
    width, height = 1240, 1754
    paper = chance.choice([(255, 255, 255), (250, 248, 240), (235, 230, 215), (220, 220, 220)])
    picture = Image.new("RGB", (width, height), paper)
    pen = ImageDraw.Draw(picture)
    size_px = chance.choice([18, 22, 26, 30, 36])
    columns = chance.choice([1, 1, 2])
    each = (width - 200) // columns
    letters = font(chance, size_px)
    pen.text((100, 50), line(chance, 4).title(), fill=(20, 20, 20), font=font(chance, 2 * size_px))
    for column in range(columns):
        for top in range(160, height - 120, int(1.45 * size_px)):
            # Paragraphs end.
            if chance.random() > 0.08:
                words = max(2, int(each / (2.6 * size_px)))
                pen.text((100 + column * (each + 10), top), line(chance, words), fill=(30, 30, 30), font=letters)
    return photographed(chance, picture)


def receipt(chance):
    width, height = 600, chance.randint(900, 1600)
    picture = Image.new("RGB", (width, height), (245, 245, 240))
    pen = ImageDraw.Draw(picture)
    letters = font(chance, 24)
    pen.text((150, 40), line(chance, 2).upper(), fill=(40, 40, 40), font=font(chance, 40))
    for top in range(120, height - 60, 36):
        pen.text((40, top), line(chance, 2), fill=(50, 50, 50), font=letters)
        pen.text((470, top), f"{chance.uniform(1, 90):.2f}", fill=(50, 50, 50), font=letters)
    if chance.random() < 0.6:
        table = Image.new("RGB", (900, int(1.2 * height)), colour(chance, 40, 160))
        table.paste(picture, (150, height // 10))
        picture = table
    return photographed(chance, picture)


def screenshot(chance):
    width, height = chance.choice([(1080, 2340), (1920, 1080), (1170, 2532), (1366, 768)])
    ground, ink = chance.choice([((250, 250, 252), (30, 30, 35)), ((24, 26, 30), (220, 220, 225))])
    faint = tuple((a + b) // 2 for a, b in zip(ground, ink, strict=True))
    picture = Image.new("RGB", (width, height), ground)
    pen = ImageDraw.Draw(picture)
    size_px = max(18, width // (55 if width > height else 28))
    letters = font(chance, size_px)
    pen.rectangle((0, 0, width, 4 * size_px), fill=colour(chance))
    pen.text((size_px, size_px), line(chance, 3).title(), fill="white", font=font(chance, int(1.4 * size_px)))
    top = 5 * size_px
    while top < height - 3 * size_px:
        if chance.random() < 0.5:
            pen.ellipse((size_px, top, 4 * size_px, top + 3 * size_px), fill=colour(chance))
            pen.text((5 * size_px, top), line(chance, 4), fill=ink, font=letters)
            pen.text((5 * size_px, top + int(1.5 * size_px)), line(chance, 6), fill=faint, font=letters)
            top += 4 * size_px
        else:
            pen.text((size_px, top), line(chance, 9), fill=ink, font=letters)
            top += int(1.6 * size_px)
    return picture
