"""Sends calls and tries them again: the half of the client that blocks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2

from .calls import Call, Request
from .errors import ConnectionLost, DeadlinePassed, TagfleetError
from .problems import problem
from .retries import Attempts
from .settings import SILENCE_S, Settings, timeouts

__all__ = ["Transport"]


class Transport:
    def __init__(self, http: httpx2.Client, settings: Settings) -> None:
        self._http = http
        self._url = settings.base_url
        self._headers = settings.headers()

    def send(self, call: Call, attempts: Attempts) -> bytes:
        """The answer's body. Waits between tries, and raises what the last one raised."""
        while True:
            try:
                return self._once(call, attempts.left_s())
            except TagfleetError as error:
                time.sleep(attempts.pause_after(error))

    @contextmanager
    def stream(self, call: Call, left_s: float) -> Iterator[httpx2.Response]:
        """An answer to be read piece by piece; a single try, since only the reader knows what it has read."""
        with self._open(call.within(left_s), timeouts(left_s, SILENCE_S), ConnectionLost) as response:
            yield response

    def _once(self, call: Call, left_s: float) -> bytes:
        until = time.monotonic() + left_s
        with self._open(call.within(left_s), timeouts(left_s), DeadlinePassed) as response:
            return b"".join(before(until, response))

    @contextmanager
    def _open(self, request: Request, timeout: httpx2.Timeout, late: type[TagfleetError]) -> Iterator[httpx2.Response]:
        body = request.body
        content = body if body is None or isinstance(body, bytes) else body.chunks()
        with telling(late):
            with self._http.stream(
                request.method,
                self._url + request.path,
                params=request.query,
                headers={**self._headers, **request.headers},
                content=content,
                timeout=timeout,
            ) as response:
                if not response.is_success:
                    raise problem(response.status_code, response.headers, response.read())
                yield response


def before(until: float, response: httpx2.Response) -> Iterator[bytes]:
    """The body, unless it comes so slowly that the time is over."""
    for piece in response.iter_bytes():
        if time.monotonic() > until:
            raise DeadlinePassed("the answer did not come in time")
        yield piece


@contextmanager
def telling(late: type[TagfleetError]) -> Iterator[None]:
    """Errors of the library as ours. `late`: what a silence is."""
    try:
        yield
    except httpx2.ConnectTimeout as error:
        raise ConnectionLost("the service takes no connection") from error
    except httpx2.TimeoutException as error:
        raise late("no answer in time") from error
    except (httpx2.TransportError, httpx2.DecodingError) as error:
        raise ConnectionLost(str(error) or type(error).__name__) from error
