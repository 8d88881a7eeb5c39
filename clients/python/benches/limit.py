"""Tags thousands of images with the client that awaits, at the limit of a service on this machine, and counts what it was told.

    python3 benches/limit.py [--images 5000] [--concurrency 256] [--engine fake:service_ms=8,image_ms=4] [--timeout-ms 2000]

Without `--engine` the service runs the real tagger. Statuses are counted below the client's tries, where they come in.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter
from pathlib import Path

import httpx2

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / folder) for folder in ("src", "tests")]

from pictures import picture
from service import Service
from tagfleet import AsyncTagfleet, Progress
from tagfleet.settings import Settings


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=5_000)
    parser.add_argument("--concurrency", type=int, default=256)
    parser.add_argument("--engine", help="a fake one, for measurements; the real tagger if absent")
    parser.add_argument("--timeout-ms", type=int, default=2_000)
    parser.add_argument("--keys", metavar="FILE", help="the service's --api-keys, with the key of $TAGFLEET_API_KEY in it")
    return parser.parse_args()


def options(asked: argparse.Namespace) -> list[str]:
    engine = ["--engine", asked.engine] if asked.engine else ["--model", "efficientnet-lite0"]
    keys = ["--api-keys", asked.keys] if asked.keys else []
    return ["--captioner", "off", *engine, *keys]


async def measure(url: str, asked: argparse.Namespace) -> None:
    statuses: Counter[int] = Counter()
    told = Progress()
    narrowest = asked.concurrency

    async def count(response: httpx2.Response) -> None:
        statuses[response.status_code] += 1

    def progress(now: Progress) -> None:
        nonlocal told, narrowest
        told, narrowest = now, min(narrowest, now.window)

    errors: Counter[str] = Counter()
    began = time.monotonic()
    async with httpx2.AsyncClient(event_hooks={"response": [count]}, limits=Settings.limits()) as http:
        client = AsyncTagfleet(url, http_client=http)
        images = (picture(number) for number in range(asked.images))
        listed = client.tag_many(
            images, concurrency=asked.concurrency, progress=progress, timeout_ms=asked.timeout_ms, features=["tags"]
        )
        async for outcome in listed:
            errors["none" if outcome.error is None else type(outcome.error).__name__] += 1
    took_s = time.monotonic() - began
    print(f"engine: {asked.engine or 'efficientnet-lite0'}; images: {asked.images}, {asked.concurrency} at once at the most")
    print(f"statuses that came: {dict(sorted(statuses.items()))}")
    print(f"refused and sent again: {told.refused}; narrowest window: {narrowest}")
    print(f"tagged: {told.tagged}; unhandled: {told.failed} {dict(errors)}")
    print(f"seconds: {took_s:.1f}; images a second: {asked.images / took_s:.1f}")
    if told.tagged != asked.images:
        sys.exit("an image has no answer")


def main() -> None:
    asked = arguments()
    with Service(*options(asked)) as service:
        asyncio.run(measure(service.url, asked))


if __name__ == "__main__":
    main()
