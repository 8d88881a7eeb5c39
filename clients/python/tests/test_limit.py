"""Lists against a service that is asked for more than it can do, or that goes away. Its engine is fake, and slow on purpose."""

import asyncio
import signal
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor

from pictures import picture
from service import Origin, Service, running
from tagfleet import AsyncTagfleet, Batch, Progress, Tagfleet

IMAGES = 300
ITEMS = 100
#: One picture after the other, 20 ms each: the service refuses what would wait for half of its second.
SLOW = ("--engine", "fake:service_ms=20", "--captioner", "template", "--max-batch", "1")


class Limit(unittest.TestCase):
    service: Service

    @classmethod
    def setUpClass(cls) -> None:
        # However slow this machine's clients are, they are more than that at once.
        cls.service = running(cls, *SLOW, "--max-in-flight", "16")

    def setUp(self) -> None:
        self.told = Progress()

    def tell(self, progress: Progress) -> None:
        self.told = progress

    def test_no_refusal_of_a_list_is_left_unhandled(self) -> None:
        async def tag_all() -> set[int]:
            async with AsyncTagfleet(self.service.url) as client:
                images = (picture(number) for number in range(IMAGES))
                listed = client.tag_many(images, concurrency=128, progress=self.tell, timeout_ms=1_000, features=["tags"])
                return {outcome.index async for outcome in listed if outcome.unwrap()}

        self.assertEqual(len(asyncio.run(tag_all())), IMAGES)
        self.assertGreater(self.told.refused, 0, "the service was never at its limit")

    def test_nor_by_the_client_that_blocks(self) -> None:
        with Tagfleet(self.service.url) as client:
            images = (picture(IMAGES + number) for number in range(IMAGES))
            listed = client.tag_many(images, concurrency=128, progress=self.tell, timeout_ms=1_000, features=["tags"])
            self.assertEqual(len({outcome.index for outcome in listed if outcome.unwrap()}), IMAGES)
        self.assertGreater(self.told.refused, 0, "the service was never at its limit")


class Restart(unittest.TestCase):
    def test_whoever_waits_outlives_a_service_that_is_killed(self) -> None:
        begun = threading.Event()

        def progress(batch: Batch) -> None:
            if batch.request_counts.done > 0:
                begun.set()

        with Origin() as origin, Service(*SLOW, TAGFLEET_FETCH_ALLOW_ORIGINS=origin.url) as service:
            with Tagfleet(service.url) as client, ThreadPoolExecutor(1) as waiting:
                batch = client.batches.submit((f"{origin.url}/{number}.png" for number in range(ITEMS)), features=["tags"])
                ended = waiting.submit(client.batches.wait, batch.id, timeout=120, progress=progress)
                # By this thread: the kernel ends a service with the thread that started it.
                self.assertTrue(begun.wait(60))
                service.stop(signal.SIGKILL)
                service.start()
                done = ended.result()
                self.assertEqual((done.status, done.request_counts.completed), ("completed", ITEMS))
                self.assertEqual(len({row.line for row in client.batches.results(batch.id)}), ITEMS)
