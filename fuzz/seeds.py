#!/usr/bin/env python3
"""Makes fuzz/seeds: one tiny picture of every kind that the decoders have code for, and URLs of every kind.

They are committed, so this is run only to add one: needs Pillow 11 or newer (`pip install pillow pillow-heif`).
"""

import io
import pathlib
import struct
import zlib

import pillow_heif
from PIL import Image, ImageCms

pillow_heif.register_heif_opener()

SEEDS = pathlib.Path(__file__).parent / "seeds"

RGB = Image.radial_gradient("L").resize((19, 13)).convert("RGB")
RGBA = RGB.copy()
RGBA.putalpha(RGB.convert("L"))
FRAMES = [RGB.rotate(90 * n) for n in range(3)]
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

URLS = [
    "https://example.com/a/b.jpg?width=1&height=%20#top",
    "HTTP://EXAMPLE.com.:80/../ü.png",
    "https://bücher.example:443/",
    "http://xn--bcher-kva.example/%00%2e%2e",
    "http://user:pass@example.com/",
    "http://2130706433/",
    "http://0x7f.1/",
    "http://0177.0.0.1./",
    "http://１２７。０。０。１/",
    "http://[::1]/",
    "http://[::ffff:10.0.0.1]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[2002:7f00:1::]/",
    "http://[2606:4700::200:5efe:a00:1]/",
    "http://example.com:22/",
    "//example.com/b.jpg",
    "?page=2",
    "file:///etc/hostname",
    "http:\\\\example.com\\@other/",
]


def exif(orientation):
    tags = Image.Exif()
    tags[0x112] = orientation
    return tags


def save(name, picture=RGB, **options):
    buffer = io.BytesIO()
    picture.save(buffer, name.rsplit(".")[-1].replace("jpg", "jpeg").replace("tif", "tiff"), **options)
    write(name, buffer.getvalue())


def write(name, file):
    (SEEDS / ("jpegs" if name.endswith("jpg") else "images") / name).write_bytes(file)


def jpegs():
    save("baseline.jpg", quality=20)
    save("grey.jpg", RGB.convert("L"), quality=20)
    save("progressive.jpg", quality=20, progressive=True, subsampling="4:2:0")
    save("optimised.jpg", quality=90, optimize=True, subsampling="4:4:4")
    save("restarts.jpg", quality=20, restart_marker_blocks=1)
    save("cmyk.jpg", RGB.convert("CMYK"), quality=20)
    save("turned.jpg", quality=20, exif=exif(6))
    save("profile.jpg", quality=20, icc_profile=PROFILE)


def pngs():
    for mode in ["1", "L", "LA", "P", "RGB", "RGBA"]:
        save(f"{mode.lower()}.png", RGBA.convert(mode))
    save("16-bit.png", RGB.convert("I").convert("I;16"))
    save("profile.png", icc_profile=PROFILE)
    save("animated.png", FRAMES[0], save_all=True, append_images=FRAMES[1:], duration=50)
    write("interlaced.png", interlaced())


def interlaced():
    """Adam7, which Pillow does not write. Of its seven passes, a picture of 3 × 3 has the first and the last four."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 3, 3, 8, 0, 0, 0, 1)
    rows = b"\0\1" + b"\0\2" + b"\0\3\4" + b"\0\5" + b"\0\6" + b"\0\7\x08\x09"
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def others():
    save("lossy.webp", quality=10)
    save("lossless.webp", RGBA, lossless=True)
    save("transparent.webp", RGBA, quality=10)
    save("turned.webp", quality=10, exif=exif(8))
    save("animated.webp", FRAMES[0], save_all=True, append_images=FRAMES[1:], quality=10, duration=50)
    save("still.gif", RGB.quantize(8))
    gif = [frame.quantize(8) for frame in FRAMES]
    save("animated.gif", gif[0], save_all=True, append_images=gif[1:], duration=50, loop=0)
    for mode in ["1", "L", "RGB", "RGBA"]:
        save(f"{mode.lower()}.bmp", RGBA.convert(mode))
    for compression in ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"]:
        save(f"{compression}.tif", compression=compression)
    save("cmyk.tif", RGB.convert("CMYK"), compression="tiff_lzw")


def heifs():
    for name, form in [("heic", "HEIF"), ("avif", "AVIF")]:
        for kind, picture, options in [("rgb", RGB, {}), ("rgba", RGBA, {}), ("turned", RGB, {"exif": exif(6)})]:
            buffer = io.BytesIO()
            picture.save(buffer, form, **options)
            (SEEDS / "heifs" / f"{kind}.{name}").write_bytes(buffer.getvalue())


def exifs():
    """A directory with the orientation alone, in every type of whole number and both byte orders."""
    for kind, code in [(1, "B3x"), (3, "H2x"), (4, "I"), (9, "i")]:
        for name, order, head in [("le", "<", b"II*\0"), ("be", ">", b"MM\0*")]:
            body = struct.pack(f"{order}IHHHI{code}I", 8, 1, 0x112, kind, 1, 6, 0)
            (SEEDS / "exifs" / f"{kind}{name}").write_bytes(head + body)


def urls():
    for number, url in enumerate(URLS):
        (SEEDS / "urls" / f"{number:02}").write_text(url, encoding="utf-8")


for folder in ["jpegs", "images", "heifs", "exifs", "urls"]:
    (SEEDS / folder).mkdir(parents=True, exist_ok=True)
jpegs()
pngs()
others()
heifs()
exifs()
urls()
