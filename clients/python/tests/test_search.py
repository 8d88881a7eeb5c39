"""Tags by words, pictures by likeness, and tags of kept scores: both clients, on the sample photos, with the real models."""

import asyncio
import functools
import http.server
import threading
import unittest

from service import Service, models, running
from tagfleet import Alike, AsyncTagfleet, Embedding, SearchAnswer, Tagfleet, UnreadableAnswer
from tagfleet.answers import ModelId
from tagfleet.errors import NotFound

PHOTOS = ("cat.png", "coffee.png", "palace.jpg")


class Samples(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


class Real(unittest.TestCase):
    origin: str
    service: Service
    client: Tagfleet

    @classmethod
    def setUpClass(cls) -> None:
        handler = functools.partial(Samples, directory=str(models() / "samples"))
        samples = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=samples.serve_forever, daemon=True).start()
        cls.addClassCleanup(samples.server_close)
        cls.addClassCleanup(samples.shutdown)
        cls.origin = f"http://127.0.0.1:{samples.server_port}"
        options = ("--model", "efficientnet-lite0,use-multilingual", "--captioner", "template")
        cls.service = running(cls, *options, TAGFLEET_FETCH_ALLOW_ORIGINS=cls.origin)
        cls.client = cls.enterClassContext(Tagfleet(cls.service.url))

    def urls(self) -> list[str]:
        return [f"{self.origin}/{name}" for name in (*PHOTOS, "cat.png")]

    def test_a_phrase_finds_its_tag(self) -> None:
        async def awaited() -> SearchAnswer:
            async with AsyncTagfleet(self.service.url) as client:
                return await client.search("고양이", limit=3, language="ko")

        for answer in (self.client.search("고양이", limit=3, language="ko"), asyncio.run(awaited())):
            self.assertEqual((answer.phrase, answer.model.name, answer.tags[0].id), ("고양이", "use-multilingual", "cat"))
            self.assertTrue(0 < len(answer.tags) <= 3 and answer.tags[0].score > 0.5)

    def test_an_embedding_is_a_vector_of_length_one(self) -> None:
        photo = models() / "samples" / "cat.png"
        answer = self.client.tag(photo, features=["embedding"])
        assert answer.embedding
        vector = answer.embedding.vector()
        self.assertEqual(len(vector), answer.embedding.dimension)
        self.assertAlmostEqual(sum(x * x for x in vector), 1.0, places=2)

    def test_pictures_that_look_alike_are_a_group(self) -> None:
        batch = self.client.batches.submit(self.urls(), features=["embedding"])
        self.client.batches.wait(batch.id, timeout=60)

        async def awaited() -> tuple[tuple[Alike, ...], ...]:
            async with AsyncTagfleet(self.service.url) as client:
                return await client.batches.dedupe(batch.id)

        for groups in (self.client.batches.dedupe(batch.id), asyncio.run(awaited())):
            [group] = groups
            self.assertEqual([(picture.line, picture.url) for picture in group], [(1, self.urls()[0]), (4, self.urls()[3])])
            self.assertTrue(all(picture.likeness > 0.99 for picture in group))
        [everything] = self.client.batches.dedupe(batch.id, threshold=0.0)
        self.assertGreaterEqual(len(everything), 2)
        with self.assertRaises(ValueError):
            self.client.batches.dedupe(batch.id, threshold=float("nan"))
        with self.assertRaises(NotFound):
            self.client.batches.dedupe("batch_" + "0" * 32)

    def test_kept_scores_make_other_tags(self) -> None:
        batch = self.client.batches.submit(self.urls(), features=["tags"], limit=1, store="scores")
        self.client.batches.wait(batch.id, timeout=60)

        async def awaited() -> str:
            async with AsyncTagfleet(self.service.url) as client:
                return (await client.batches.retag(batch.id, limit=3, threshold=0.0)).id

        for again in (self.client.batches.retag(batch.id, limit=3, threshold=0.0).id, asyncio.run(awaited())):
            done = self.client.batches.wait(again, timeout=60)
            self.assertEqual((done.status, done.retag_of), ("completed", batch.id))
            rows = list(self.client.batches.results(again))
            self.assertEqual([len(row.answer.tags) for row in rows], [3, 3, 3, 3])


class Vectors(unittest.TestCase):
    def test_what_cannot_be_read_is_said(self) -> None:
        model = ModelId("m", "1")
        self.assertEqual(list(Embedding(model, 2, "float16", "ADwAvA==").vector()), [1.0, -1.0])
        for wrong in (
            Embedding(model, 2, "float32", "ADwAvA=="),
            Embedding(model, 3, "float16", "ADwAvA=="),
            Embedding(model, 2, "float16", "ADwAvA"),
            Embedding(model, 2, "float16", "?!"),
        ):
            with self.assertRaises(UnreadableAnswer):
                wrong.vector()
