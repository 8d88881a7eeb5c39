"""Sends calls and tries them again: the half of the client that awaits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx2

from .calls import Call, Request
from .errors import ConnectionLost, DeadlinePassed, TagfleetError
from .problems import problem
from .retries import Attempts
from .settings import SILENCE_S, Settings, timeouts
from .transport import telling

__all__ = ["AsyncTransport"]


class AsyncTransport:
    def __init__(self, http: httpx2.AsyncClient, settings: Settings) -> None:
        self._http = http
        self._url = settings.base_url
        self._headers = settings.headers()

    async def send(self, call: Call, attempts: Attempts) -> bytes:
        """The answer's body. Waits between tries, and raises what the last one raised."""
        while True:
            try:
                return await self._once(call, attempts.left_s())
            except TagfleetError as error:
                await asyncio.sleep(attempts.pause_after(error))

    @asynccontextmanager
    async def stream(self, call: Call, left_s: float) -> AsyncIterator[httpx2.Response]:
        """An answer to be read piece by piece; a single try, since only the reader knows what it has read."""
        async with self._open(call.within(left_s), timeouts(left_s, SILENCE_S), ConnectionLost) as response:
            yield response

    async def _once(self, call: Call, left_s: float) -> bytes:
        try:
            async with asyncio.timeout(left_s):
                async with self._open(call.within(left_s), timeouts(left_s), DeadlinePassed) as response:
                    return await response.aread()
        except TimeoutError as error:
            raise DeadlinePassed("no answer in time") from error

    @asynccontextmanager
    async def _open(self, request: Request, timeout: httpx2.Timeout, late: type[TagfleetError]) -> AsyncIterator[httpx2.Response]:
        body = request.body
        content = body if body is None or isinstance(body, bytes) else awaited(body.chunks())
        with telling(late):
            async with self._http.stream(
                request.method,
                self._url + request.path,
                params=request.query,
                headers={**self._headers, **request.headers},
                content=content,
                timeout=timeout,
            ) as response:
                if not response.is_success:
                    raise problem(response.status_code, response.headers, await response.aread())
                yield response


async def awaited(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """A file's pieces. Each is read on another thread, since a disk may be slow."""
    while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
        yield chunk
