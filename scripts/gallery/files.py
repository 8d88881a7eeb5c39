"""Files of every kind, made of one photo: format, depth, colours, orientation, damage."""

import io
import struct
from dataclasses import dataclass

import pillow_heif
from PIL import Image, ImageCms

pillow_heif.register_heif_opener()

# Display P3 is not among the profiles that Pillow makes.
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

# By Exif's number, what undoes it.
INVERSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@dataclass
class File:
    kind: str
    name: str
    data: bytes
    # What is expected: `same` as Pillow sees it, `warned` as well but with warnings, or an error's code.
    expected: str = "same"
    # The picture that is meant, where Pillow does not see it.
    meant: Image.Image | None = None


def encoded(picture, form, **options):
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def exif(value, kind=3, order="<"):
    """A directory with the orientation alone, as a whole number of any type."""
    widths = {1: "B3x", 3: "H2x", 4: "I", 6: "b3x", 8: "h2x", 9: "i"}
    head = b"II*\0" if order == "<" else b"MM\0*"
    entry = struct.pack(f"{order}IHHHI{widths[kind]}I", 8, 1, 0x112, kind, 1, value, 0)
    return b"Exif\0\0" + head + entry


def colours(photo):
    """The photo in every mode that a format may have."""
    clear = photo.convert("RGBA")
    clear.putalpha(photo.convert("L").point(lambda value: 255 if value > 60 else 0))
    return {
        "rgb": photo,
        "grey": photo.convert("L"),
        "palette": photo.convert("P", palette=Image.Palette.ADAPTIVE),
        "rgba": clear,
        "grey-alpha": clear.convert("LA"),
        "one-bit": photo.convert("1"),
        "cmyk": photo.convert("CMYK"),
        "grey16": photo.convert("L").convert("I").point(lambda value: value * 257).convert("I;16"),
    }


MODES = {
    "JPEG": ["rgb", "grey", "cmyk"],
    "PNG": ["rgb", "grey", "palette", "rgba", "grey-alpha", "one-bit", "grey16"],
    "WEBP": ["rgb", "rgba", "palette"],
    "GIF": ["rgb", "grey", "palette"],
    "BMP": ["rgb", "grey", "palette", "one-bit"],
    "TIFF": ["rgb", "grey", "palette", "rgba", "one-bit", "cmyk", "grey16"],
    "HEIF": ["rgb", "grey", "rgba"],
    "AVIF": ["rgb", "grey", "rgba"],
}
OPTIONS = {
    "JPEG": [{"quality": 90}, {"quality": 90, "progressive": True}, {"quality": 90, "subsampling": 0}, {"quality": 30, "subsampling": 2}],
    "PNG": [{}, {"icc_profile": SRGB}],
    "WEBP": [{"quality": 85}, {"lossless": True}],
    "GIF": [{}],
    "BMP": [{}],
    "TIFF": [{}, {"compression": "tiff_lzw"}, {"compression": "tiff_adobe_deflate"}, {"compression": "packbits"}],
    "HEIF": [{"quality": 80}, {"quality": 80, "chroma": 444}, {"quality": 95}],
    "AVIF": [{"quality": 80, "speed": 8}, {"quality": 80, "speed": 8, "subsampling": "4:4:4"}, {"quality": 90, "speed": 8}],
}


def plain(photo):
    for form, modes in MODES.items():
        for mode in modes:
            picture = colours(photo)[mode]
            for number, options in enumerate(OPTIONS[form]):
                try:
                    data = encoded(picture, form, **options)
                except (OSError, ValueError, RuntimeError, SystemError):
                    continue
                yield File(form.lower(), f"{mode}-{number}", data)


def deep(photo):
    """10 and 12 bits, which Pillow itself does not write."""
    wide = b"".join(struct.pack("<H", value * 257) for value in photo.tobytes())
    for bits in (10, 12):
        heif = pillow_heif.from_bytes("RGB;16", photo.size, wide)
        buffer = io.BytesIO()
        try:
            heif.save(buffer, quality=85, bit_depth=bits)
        except (ValueError, RuntimeError, OSError):
            continue
        yield File("heif deep", f"{bits}-bits", buffer.getvalue(), meant=photo)


def oriented(photo):
    for value, inverse in INVERSE.items():
        lying = photo.transpose(inverse)
        for form in ("JPEG", "PNG", "WEBP"):
            yield File("orientation", f"{form}-{value}", encoded(lying, form, exif=exif(value)), meant=photo)
        for form in ("HEIF", "AVIF"):
            data = encoded(lying, form, exif=exif(value))
            yield File("orientation", f"{form}-{value}", data, meant=photo)
    for kind in (1, 3, 4, 6, 8, 9):
        for order in "<>":
            lying = photo.transpose(INVERSE[6])
            data = encoded(lying, "JPEG", exif=exif(6, kind, order))
            yield File("orientation", f"type-{kind}{order}", data, meant=photo)


def sizes(photo):
    for width, height in ((1, 1), (16, 9), (225, 223), (1_080, 9_000), (6_000, 200), (3_000, 2_200), (4_200, 3_100)):
        for form in ("JPEG", "PNG", "WEBP", "AVIF"):
            # Its encoder takes seconds for each megapixel.
            if form == "AVIF" and width * height > 2_000_000:
                continue
            yield File("size", f"{form}-{width}x{height}", encoded(photo.resize((width, height)), form))
    large = photo.resize((4_200, 3_100))
    yield File("size", "progressive-13mp", encoded(large, "JPEG", progressive=True, subsampling=0))


def damaged(photo):
    for form in ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "GIF", "TIFF", "BMP"):
        data = encoded(photo, form)
        yield File("half is missing", form, data[: len(data) // 2], expected="image_truncated")
        yield File("all is missing", form, data[:12], expected="refused")
    for form in ("JPEG", "PNG"):
        data = encoded(photo, form)
        yield File("little is missing", form, data[: len(data) * 97 // 100], expected="warned", meant=photo)
    whole = encoded(photo, "JPEG")
    yield File("harmless", "no end marker", whole[:-2], meant=photo)
    yield File("harmless", "second picture behind", whole + encoded(photo.convert("L"), "JPEG"), meant=photo)
    yield File("harmless", "stray bytes in the header", whole[:20] + b"\0\0" + whole[20:], meant=photo)
    yield File("harmless", "zeros behind", whole + bytes(1_000), meant=photo)


def animated(photo):
    frames = [photo, photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    for form in ("GIF", "WEBP", "PNG", "AVIF"):
        data = encoded(frames[0], form, save_all=True, append_images=frames[1:], duration=100)
        yield File("animation", form, data, meant=photo)


def foreign():
    for name, data in (
        ("html", b"<!doctype html><title>Not found</title>"),
        ("pdf", b"%PDF-1.7"),
        ("zip", b"PK\3\4\x14\0"),
        ("json", b'{"error": 1}'),
        ("mp4", b"\0\0\0\x18ftypisom\0\0\0\0isommp42"),
        ("svg", b"<svg/>"),
        ("jpeg xl", b"\xff\x0a\xfa\x1f"),
        ("empty", b""),
    ):
        yield File("no image", name, data, expected="empty_image" if not data else "unsupported_format")


def all_files(photos):
    small = photos[0].resize((800, 600))
    for make in (plain, deep, oriented, damaged, animated):
        yield from make(small)
    yield from sizes(photos[0])
    for number, photo in enumerate(photos[1:]):
        for form in MODES:
            yield File(f"{form.lower()} photos", str(number), encoded(photo.convert("RGB"), form))
    yield from foreign()
