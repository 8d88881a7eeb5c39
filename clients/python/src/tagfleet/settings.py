"""What both clients are told at their making."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field

import httpx2

from .retries import Retries
from .version import __version__

__all__ = ["PATIENCE_S", "SILENCE_S", "TIMEOUT_S", "Settings", "patience", "seconds", "timeouts"]

#: As of the command line `tagfleet tag`.
USUAL_URL = "http://127.0.0.1:8080"
#: Seconds for a call, tries and pauses included.
TIMEOUT_S = 30.0
#: How long the service may be full or away for somebody who has much to do.
PATIENCE_S = 300.0
#: A host that takes no connection within this time is tried again, if there is time.
CONNECT_S = 5.0
#: The longest silence in a stream. The service says something every 15 s.
SILENCE_S = 60.0
#: Sockets know no longer time than some weeks.
LONGEST_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Settings:
    base_url: str
    api_key: str | None = field(repr=False)
    timeout_s: float
    retries: Retries

    @classmethod
    def of(cls, base_url: str | None, api_key: str | None, timeout: float, max_retries: int) -> Settings:
        url = base_url or os.environ.get("TAGFLEET_API") or USUAL_URL
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"the service's URL begins with http:// or https://, and is {url!r}")
        if max_retries < 0:
            raise ValueError(f"max_retries is 0 or more, and not {max_retries}")
        key = api_key or os.environ.get("TAGFLEET_API_KEY") or None
        return cls(url.rstrip("/"), key, seconds(timeout), Retries(most=max_retries))

    def time_s(self, timeout: float | None) -> float:
        """What a call has: its own time, where it names one."""
        return self.timeout_s if timeout is None else seconds(timeout)

    def headers(self) -> dict[str, str]:
        headers = {"user-agent": f"tagfleet-python/{__version__}"}
        if self.api_key is not None:
            headers["authorization"] = f"Bearer {self.api_key}"
        return headers

    @staticmethod
    def limits() -> httpx2.Limits:
        """As many as somebody asks for, and some to keep: the pool looks at each idle one whenever it gives one out."""
        return httpx2.Limits(max_connections=1_000, max_keepalive_connections=20, keepalive_expiry=30.0)


def seconds(timeout: float) -> float:
    """A time that ends, and that something can be done in."""
    if not (timeout > 0 and math.isfinite(timeout)):
        raise ValueError(f"timeout is a number of seconds above 0, and not {timeout}")
    return timeout


def patience(patience_s: float) -> float:
    if not patience_s >= 0:
        raise ValueError(f"patience is 0 seconds or more, and not {patience_s}")
    return patience_s


def timeouts(left_s: float, silence_s: float | None = None) -> httpx2.Timeout:
    """For a try for which so much time is left."""
    left_s = min(left_s, LONGEST_S)
    read = left_s if silence_s is None else min(left_s, silence_s)
    return httpx2.Timeout(connect=min(left_s, CONNECT_S), read=read, write=left_s, pool=left_s)
