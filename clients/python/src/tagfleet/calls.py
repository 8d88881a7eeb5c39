"""Requests as values: what a call sends, without sending it. Both clients share them."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar

import msgspec

from .errors import NotAnImage, UnreadableAnswer
from .options import normal

__all__ = ["Body", "Call", "FileBody", "Image", "PlainCall", "Request", "TagCall", "about", "decoded", "identified", "query", "searched"]

#: A URL, a file's path, or a file's bytes. Text is a URL where it has `://` in it or begins with `data:`, and else a path.
Image = str | os.PathLike[str] | bytes

#: What the service gives a request that names no time of its own, milliseconds.
USUAL_TIMEOUT_MS = 5_000
CHUNK_BYTES = 64 * 1024

T = TypeVar("T")


class Body(Protocol):
    """What is sent, as often as there are tries."""

    def chunks(self) -> Iterator[bytes]: ...


@dataclass(frozen=True, slots=True)
class FileBody:
    """A file, from its beginning, in pieces."""

    file: BinaryIO

    def chunks(self) -> Iterator[bytes]:
        self.file.seek(0)
        while chunk := self.file.read(CHUNK_BYTES):
            yield chunk


@dataclass(frozen=True, slots=True)
class Request:
    """What one try sends."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Body | None = None


class Call(Protocol):
    """What is tried, until it has an answer or its time is over."""

    def within(self, left_s: float) -> Request:
        """What a try sends for which so much time is left."""
        ...


@dataclass(frozen=True, slots=True)
class PlainCall:
    """The same at each try."""

    request: Request

    def within(self, left_s: float) -> Request:
        return self.request


@dataclass(frozen=True, slots=True)
class TagCall:
    """One image. A file is read once, and sent as it is. `options` are normal."""

    image: str | bytes
    options: Mapping[str, object]
    headers: Mapping[str, str]

    @classmethod
    def of(cls, image: Image, options: Mapping[str, object], idempotency_key: str | None) -> TagCall:
        headers = {} if idempotency_key is None else {"idempotency-key": idempotency_key}
        return cls(source(image), normal(options), headers)

    def within(self, left_s: float) -> Request:
        options = {**self.options, **self.patience(left_s)}
        if isinstance(self.image, bytes) and fit_a_query(options):
            headers = {**self.headers, "content-type": "application/octet-stream"}
            return Request("POST", "/v1/tags", query(options), headers, self.image)
        headers = {**self.headers, "content-type": "application/json"}
        return Request("POST", "/v1/tags", {}, headers, msgspec.json.encode({**options, "image": in_json(self.image)}))

    def patience(self, left_s: float) -> Mapping[str, int]:
        """So the service does no work for an answer that nobody awaits any more."""
        left_ms = max(1, int(left_s * 1_000))
        asked = self.options.get("timeout_ms")
        if isinstance(asked, int):
            return {"timeout_ms": min(asked, left_ms)}
        return {"timeout_ms": left_ms} if left_ms < USUAL_TIMEOUT_MS else {}


def source(image: object) -> str | bytes:
    if isinstance(image, bytes | bytearray | memoryview):
        return bytes(image)
    if isinstance(image, str) and ("://" in image or is_data(image)):
        return image
    if isinstance(image, str | os.PathLike):
        try:
            return Path(image).read_bytes()
        except ValueError as error:
            raise NotAnImage(f"{image!r} is no path: {error}") from error
    raise NotAnImage(f"an image is a URL, a path or bytes, and not {image!r}")


def is_data(text: str) -> bool:
    return text.startswith("data:")


def in_json(image: str | bytes) -> Mapping[str, str]:
    if isinstance(image, bytes):
        return {"content": base64.b64encode(image).decode()}
    return {"content": image} if is_data(image) else {"url": image}


def fit_a_query(options: Mapping[str, object]) -> bool:
    """Whether a query says the same: there commas are between names, spaces around them are none, and no name is an empty one."""
    lists = (value for value in options.values() if isinstance(value, list))
    return all(names and all(name and name == name.strip() and "," not in name for name in names) for names in lists)


def about(request_id: str) -> PlainCall:
    """What became of a request."""
    return PlainCall(Request("GET", f"/v1/requests/{identified(request_id)}"))


def searched(phrase: str, options: Mapping[str, object]) -> PlainCall:
    """A phrase, of which tags are wanted."""
    if not isinstance(phrase, str):
        raise TypeError(f"a phrase is a text, and not {phrase!r}")
    headers = {"content-type": "application/json"}
    body = msgspec.json.encode({**normal(options), "phrase": phrase})
    return PlainCall(Request("POST", "/v1/search/tags", {}, headers, body))


def identified(name: str) -> str:
    """An id as a part of a path. Nothing else leads to where it is meant to."""
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", name):
        raise ValueError(f"{name!r} is no id such as req_… or batch_…")
    return name


def query(options: Mapping[str, object]) -> dict[str, str]:
    """Options as texts, without those that are none."""
    return {name: text(value) for name, value in options.items() if value is not None}


def text(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str() | int() | float():
            return str(value)
        case dict():
            return msgspec.json.encode(value).decode()
        case _ if isinstance(value, Sequence):
            return ",".join(map(str, value))
    raise TypeError(f"an option is a text, a number, true or false, or a list, and not {value!r}")


def decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise UnreadableAnswer(f"no {kind.__name__}: {error}") from error
