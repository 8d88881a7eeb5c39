"""What calls about batches send, and what their lines mean."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal, cast

import msgspec

from ..answers import Failed, Failure, Row, Tagged
from ..calls import Body, FileBody, PlainCall, Request, identified, query
from ..errors import UnreadableAnswer
from ..options import normal

__all__ = ["Item", "Line", "Only", "Part", "cancel", "create", "events", "get", "lines", "listed", "named", "opened", "retag", "retry"]

#: A URL, a name and a URL, or both as the API calls them: `{"custom_id": …, "url": …}`.
Item = str | tuple[str, str] | Mapping[str, str]
Only = Literal["all", "retryable"]
Part = Literal["results", "errors"]

#: Of a list that is longer, the rest lies in a file until it is sent.
SPOOLED_BYTES = 4 * 1024 * 1024
#: Lines of one answer: so few that a broken one costs little.
PAGE_LINES = 5_000
#: The most that the service tells at once.
PAGE_BATCHES = 100
OBJECTS = "application/x-ndjson"
MEDIA_TYPES = {".csv": "text/csv", ".tsv": "text/csv", ".ndjson": OBJECTS, ".jsonl": OBJECTS, ".json": OBJECTS}


class Response(msgspec.Struct):
    body: Tagged


class Line(msgspec.Struct):
    """A line of results or errors as it is sent."""

    id: str
    custom_id: str
    line: int
    url: str
    response: Response | None = None
    error: Failure | None = None

    def row(self) -> Row:
        if self.response is None:
            raise UnreadableAnswer(f"line {self.line} is no result")
        return Row(id=self.id, custom_id=self.custom_id, line=self.line, url=self.url, answer=self.response.body)

    def failed(self) -> Failed:
        if self.error is None:
            raise UnreadableAnswer(f"line {self.line} is no error")
        return Failed(id=self.id, custom_id=self.custom_id, line=self.line, url=self.url, error=self.error)


@contextmanager
def opened(items: Iterable[Item] | os.PathLike[str]) -> Iterator[tuple[BinaryIO, str]]:
    """A list as a file that can be read again for another try, and its name, which tells what it is."""
    if isinstance(items, os.PathLike):
        with open(items, "rb") as file:
            yield file, Path(items).name
    else:
        with spooled(items) as file:
            yield file, "list.ndjson"


def spooled(items: Iterable[Item]) -> BinaryIO:
    """A list as NDJSON, in flat memory."""
    if isinstance(items, str):
        raise TypeError("a list of URLs, or a `Path`, and not a single text")
    file = tempfile.SpooledTemporaryFile(max_size=SPOOLED_BYTES)
    encode = msgspec.json.Encoder().encode
    try:
        for number, item in enumerate(items, 1):
            file.write(encode(row(number, item)) + b"\n")
    except BaseException:
        file.close()
        raise
    return cast(BinaryIO, file)


def row(number: int, item: object) -> dict[str, str]:
    """An item as it is sent. What is none is said with its row, since a list may have millions."""
    match item:
        case str():
            return {"url": item}
        case [str(name), str(url)] | {"custom_id": str(name), "url": str(url)}:
            told = {"custom_id": name, "url": url}
        case {"url": str(url)}:
            told = {"url": url}
        case _:
            told = {}
    if not told or (isinstance(item, Mapping) and set(item) != set(told)):
        raise TypeError(f"item {number} is a URL, a pair of a name and a URL, or a dict of `url` and `custom_id`, and not {item!r}")
    return told


def create(file: BinaryIO, name: str, options: Mapping[str, object], key: str | None) -> PlainCall:
    """A list. `name`: of its file, whose ending tells what it is."""
    headers = {"content-type": media_type(name), "idempotency-key": key or fresh_key()}
    body: Body = FileBody(file)
    return PlainCall(Request("POST", "/v1/batches", query(normal(options)), headers, body))


def named(manifest: str, options: Mapping[str, object], key: str | None) -> PlainCall:
    """A list that the service opens itself."""
    told = normal(options)
    if "dry_run" in told:
        told["dry_run"] = {"sample": told["dry_run"]}
    return in_json({**told, "manifest": manifest}, key)


def retag(batch: str, options: Mapping[str, object], key: str | None) -> PlainCall:
    """Other tags of kept scores."""
    return in_json({**normal(options), "retag": identified(batch)}, key)


def in_json(body: Mapping[str, object], key: str | None) -> PlainCall:
    headers = {"content-type": "application/json", "idempotency-key": key or fresh_key()}
    return PlainCall(Request("POST", "/v1/batches", {}, headers, msgspec.json.encode(body)))


def media_type(name: str) -> str:
    """By the ending before that of a packer, which the service sees for itself."""
    endings = [ending for ending in Path(name).suffixes if ending not in (".gz", ".zst")]
    return MEDIA_TYPES.get(endings[-1] if endings else "", "text/plain")


def fresh_key() -> str:
    return f"py-{uuid.uuid4().hex}"


def get(batch: str) -> PlainCall:
    return PlainCall(Request("GET", path(batch)))


def listed(after: str | None) -> PlainCall:
    return PlainCall(Request("GET", "/v1/batches", query({"limit": PAGE_BATCHES, "after": after})))


def events(batch: str) -> PlainCall:
    return PlainCall(Request("GET", path(batch, "events"), headers={"accept": "text/event-stream"}))


def cancel(batch: str) -> PlainCall:
    return PlainCall(Request("POST", path(batch, "cancel")))


def retry(batch: str, only: Only, key: str | None) -> PlainCall:
    headers = {"idempotency-key": key or fresh_key()}
    return PlainCall(Request("POST", path(batch, "retry"), {"only": only}, headers))


def lines(batch: str, part: Part, after: str | None) -> PlainCall:
    return PlainCall(Request("GET", path(batch, part), query({"after": after, "limit": PAGE_LINES})))


def path(batch: str, part: str = "") -> str:
    return f"/v1/batches/{identified(batch)}/{part}".rstrip("/")
