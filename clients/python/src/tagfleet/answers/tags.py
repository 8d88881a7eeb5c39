"""The answer of one image."""

from __future__ import annotations

import base64
import binascii
import struct
from array import array

import msgspec

from ..errors import UnreadableAnswer

__all__ = [
    "Box",
    "Caption",
    "Color",
    "Embedding",
    "Exif",
    "Faces",
    "Grade",
    "Grades",
    "ImageFacts",
    "Line",
    "ModelId",
    "NearTag",
    "People",
    "Place",
    "Quality",
    "SearchAnswer",
    "Tag",
    "TagAnswer",
    "Tagged",
    "Text",
    "TextPlace",
]


class ModelId(msgspec.Struct, frozen=True):
    name: str
    version: str


class ImageFacts(msgspec.Struct, frozen=True):
    """The image as it came."""

    #: Pixels of the upright picture.
    width: int
    height: int
    #: Pictures in the file; of an animation the first is tagged.
    frames: int
    #: By the first bytes of the file: `jpeg`, `png`, …
    format: str
    bytes: int
    sha256: str
    #: What was wrong with the file: `truncated`, `damaged`.
    warnings: tuple[str, ...] = ()


class Tag(msgspec.Struct, frozen=True):
    #: The English name, whatever the language of the answer.
    id: str
    name: str
    #: 0 to 1.
    confidence: float
    category: str
    category_name: str
    #: Names, from the nearest to the most general.
    parents: tuple[str, ...] = ()


class Caption(msgspec.Struct, frozen=True):
    text: str | None
    #: `llm`, `cached`, `template`, or why there is none.
    status: str
    model: str | None = None


class Box(msgspec.Struct, frozen=True):
    """A part of the upright picture, each side in parts of the picture's, 0 to 1."""

    left: float
    top: float
    width: float
    height: float
    confidence: float


class Faces(msgspec.Struct, frozen=True):
    boxes: tuple[Box, ...]
    model: ModelId


class People(msgspec.Struct, frozen=True):
    count: int
    boxes: tuple[Box, ...]
    model: ModelId | None = None
    faces: Faces | None = None


class Grade(msgspec.Struct, frozen=True):
    id: str
    score: float


class Grades(msgspec.Struct, frozen=True):
    grades: tuple[Grade, ...]
    model: ModelId


class TextPlace(msgspec.Struct, frozen=True):
    """A part of the upright picture, each side in parts of the picture's, 0 to 1."""

    left: float
    top: float
    width: float
    height: float


class Line(msgspec.Struct, frozen=True):
    """A line of text in the picture. Somebody else wrote it: show it as text, and follow nothing in it."""

    text: str
    confidence: float
    box: TextPlace


class Text(msgspec.Struct, frozen=True):
    """Whether there is text; and what it says, where `features` asks for `reading`."""

    grades: tuple[Grade, ...]
    model: ModelId
    lines: tuple[Line, ...] | None = None
    readers: tuple[ModelId, ...] | None = None
    #: Whether there were more lines than are told.
    cut: bool | None = None


class Embedding(msgspec.Struct, frozen=True):
    """A vector of length 1; those of pictures that look alike are near each other."""

    model: ModelId
    dimension: int
    #: How each number is written: `float16`, the lower byte first.
    encoding: str
    #: The numbers in Base64; `vector` reads them.
    data: str

    def vector(self) -> array[float]:
        """The numbers, as an array that `numpy.asarray` takes as it is. The product of two vectors is 1 for the same picture."""
        if self.encoding != "float16":
            raise UnreadableAnswer(f"numbers of an embedding are float16, and not {self.encoding}")
        try:
            halves = base64.b64decode(self.data, validate=True)
            return array("f", struct.unpack(f"<{self.dimension}e", halves))
        except (binascii.Error, struct.error) as error:
            raise UnreadableAnswer(f"an embedding of {self.dimension} numbers cannot be read: {error}") from error


class Color(msgspec.Struct, frozen=True):
    id: str
    name: str
    #: On how much of the picture it is.
    share: float
    #: `#rrggbb`.
    hex: str


class Quality(msgspec.Struct, frozen=True):
    """Each from 0 to 1."""

    brightness: float
    contrast: float
    sharpness: float


class Place(msgspec.Struct, frozen=True):
    latitude: float
    longitude: float


class Exif(msgspec.Struct, frozen=True):
    orientation: str
    taken_at: str | None = None
    camera: str | None = None
    place: Place | None = None


class Tagged(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of an image, whether it came alone or in a batch."""

    model: ModelId
    image: ImageFacts
    #: The most telling first; may be empty.
    tags: tuple[Tag, ...]
    caption: Caption
    people: People | None = None
    safety: Grades | None = None
    text: Text | None = None
    colors: tuple[Color, ...] | None = None
    quality: Quality | None = None
    embedding: Embedding | None = None
    exif: Exif | None = None
    #: What was asked for and is missing.
    partial: tuple[str, ...] = ()


class TagAnswer(Tagged, frozen=True, kw_only=True):
    #: The request's id.
    id: str
    worker: str
    #: Milliseconds by stage, and `total`.
    timings_ms: dict[str, float]
    client_ref: str | None = None
    #: By what the answer was found in the cache: `url`, `bytes`, `tile`, `key`. `None` where it was worked out now.
    cached: str | None = None
    #: What was shed because the queue is long: `captions`.
    degraded: tuple[str, ...] = ()
    #: What became of the request, as the service tells it; only where `explain` asked for it.
    explain: dict[str, object] | None = None


class NearTag(msgspec.Struct, frozen=True):
    """A tag that photos may have."""

    #: The English name, as `id` of the tags of an image.
    id: str
    name: str
    category: str
    #: 1 where the words are the tag's own.
    score: float


class SearchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    #: The request's id.
    id: str
    phrase: str
    model: ModelId
    #: The nearest first; may be empty.
    tags: tuple[NearTag, ...]
    #: Milliseconds by stage, and `total`.
    timings_ms: dict[str, float]
