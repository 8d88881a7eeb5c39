"""Small pictures, no two alike, so that no cache answers in the place of a worker."""

import struct
import zlib

SIDE_PX = 48


def picture(number: int) -> bytes:
    """A PNG whose colours say the number."""
    pixel = struct.pack(">I", number * 2_654_435_761 % 2**32)[:3]
    row = b"\x00" + pixel * (SIDE_PX // 2) + struct.pack(">I", number)[1:] * (SIDE_PX // 2)
    header = struct.pack(">IIBBBBB", SIDE_PX, SIDE_PX, 8, 2, 0, 0, 0)
    data = zlib.compress(row * SIDE_PX, 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
