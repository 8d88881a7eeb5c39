"""Many images: what is sent next, and what becomes of what came back, by a clock that the tests hold."""

import unittest
from collections.abc import Callable, Iterator

from tagfleet.answers import Caption, ImageFacts, ModelId, TagAnswer
from tagfleet.errors import ConnectionLost, ImageInvalid, Overloaded, QuotaExceeded, RateLimited, TagfleetError
from tagfleet.many import Item, Pace, Progress, Run
from test_retries import Clock

ANSWER = TagAnswer(
    id="req_1",
    worker="w",
    model=ModelId("m", "1"),
    image=ImageFacts(1, 1, 1, "png", 68, ""),
    tags=(),
    caption=Caption(None, "disabled"),
    timings_ms={},
)


def answers() -> TagAnswer:
    return ANSWER


def raises(error: TagfleetError) -> Callable[[], TagAnswer]:
    def result() -> TagAnswer:
        raise error

    return result


def full(after_s: float | None) -> Callable[[], TagAnswer]:
    return raises(Overloaded("full", retryable=True, retry_after_s=after_s))


class Lists(unittest.TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.told: list[Progress] = []

    def run_of(self, count: int, most: int = 4, patience_s: float = 60.0) -> Run[str]:
        images = (f"http://a/{number}" for number in range(count))
        pace = Pace(most, self.clock, lambda: 0.0)
        return Run(images, pace, patience_s, self.told.append, self.clock)

    def taken(self, run: Run[str]) -> list[Item[str]]:
        return list(iter(run.take, None))

    def test_no_more_are_under_way_than_may_be(self) -> None:
        run = self.run_of(10)
        first = self.taken(run)
        self.assertEqual([item.index for item in first], [0, 1, 2, 3])
        outcome = run.ended(first[2], answers)
        assert outcome is not None
        self.assertEqual((outcome.index, outcome.image, outcome.unwrap()), (2, "http://a/2", ANSWER))
        self.assertEqual([item.index for item in self.taken(run)], [4])

    def test_a_list_is_read_as_far_as_there_is_room(self) -> None:
        read: list[int] = []

        def endless() -> Iterator[str]:
            while True:
                read.append(len(read))
                yield "http://a/"

        run = Run(endless(), Pace(3, self.clock), 60.0, None, self.clock)
        self.taken(run)
        self.assertEqual(len(read), 3)

    def test_a_refused_image_waits_as_long_as_it_is_told_and_others_go_on(self) -> None:
        run = self.run_of(5)
        items = self.taken(run)
        self.assertIsNone(run.ended(items[1], full(0.25)))
        # Two at once are left, and three are under way.
        self.assertEqual((self.taken(run), run.pause_s()), ([], None))
        for item in (items[0], items[2], items[3]):
            run.ended(item, answers)
        [last] = self.taken(run)
        self.assertEqual((last.index, run.pause_s()), (4, 0.25))
        run.ended(last, answers)
        self.assertEqual((self.taken(run), run.is_over()), ([], False))
        self.clock.now += 0.25
        [again] = self.taken(run)
        self.assertEqual(again.index, 1)
        self.assertIsNotNone(run.ended(again, answers))
        self.assertEqual((self.taken(run), run.is_over()), ([], True))
        self.assertEqual((self.told[-1].tagged, self.told[-1].failed, self.told[-1].refused), (5, 0, 1))

    def test_a_rate_that_is_used_up_halts_the_whole_list(self) -> None:
        run = self.run_of(5)
        items = self.taken(run)
        run.ended(items[0], raises(RateLimited("20 a second", retryable=True, retry_after_s=0.0625)))
        for item in items[1:]:
            run.ended(item, answers)
        self.assertEqual((self.taken(run), run.pause_s()), ([], 0.0625))
        self.clock.now += 0.0625
        self.assertEqual(self.taken(run)[0].index, 0)

    def test_no_more_wait_than_there_may_be_under_way(self) -> None:
        read: list[int] = []

        def endless() -> Iterator[str]:
            while True:
                read.append(len(read))
                yield "http://a/"

        run = Run(endless(), Pace(4, self.clock), 60.0, None, self.clock)
        for _ in range(20):
            for item in self.taken(run):
                run.ended(item, full(10.0))
            self.clock.now += 0.1
        self.assertLessEqual(len(read), 7)

    def test_a_list_begins_with_a_few_and_doubles_them_until_it_is_refused(self) -> None:
        run = self.run_of(1_000, most=64)
        sizes = []
        for _ in range(5):
            items = self.taken(run)
            sizes.append(len(items))
            for item in items:
                run.ended(item, answers)
        self.assertEqual(sizes, [8, 16, 32, 64, 64])
        for item in self.taken(run):
            self.assertIsNone(run.ended(item, full(0.25)))
        self.clock.now += 0.25
        again = self.taken(run)
        self.assertEqual(len(again), 32, "one round of refusals halves it once")
        for item in again:
            run.ended(item, answers)
        self.assertTrue(32 <= len(self.taken(run)) <= 33)

    def test_an_outage_is_waited_out_with_growing_pauses(self) -> None:
        run = self.run_of(1)
        pauses = []
        for _ in range(5):
            [item] = self.taken(run)
            self.assertIsNone(run.ended(item, raises(ConnectionLost("refused"))))
            pause = run.pause_s()
            assert pause is not None
            pauses.append(pause)
            self.clock.now += pause
        self.assertEqual(pauses, [0.5, 1, 2, 4, 8])

    def test_patience_ends(self) -> None:
        run = self.run_of(1, patience_s=1.0)
        [item] = self.taken(run)
        self.assertIsNone(run.ended(item, full(0.9)))
        self.clock.now += 0.9
        [item] = self.taken(run)
        outcome = run.ended(item, full(0.9))
        assert outcome is not None
        self.assertIsInstance(outcome.error, Overloaded)
        with self.assertRaises(Overloaded):
            outcome.unwrap()
        self.assertEqual((self.taken(run), run.is_over()), ([], True))

    def test_a_days_quota_is_not_waited_for(self) -> None:
        run = self.run_of(2)
        first, second = self.taken(run)
        spent = raises(QuotaExceeded("a million a day", retryable=True, retry_after_s=40_000.0))
        self.assertIsNotNone(run.ended(first, spent))
        self.assertIsNone(run.pause_s())
        self.assertIsNotNone(run.ended(second, answers))
        self.assertEqual((self.taken(run), run.is_over()), ([], True))

    def test_a_bad_image_fails_alone(self) -> None:
        run = self.run_of(2)
        first, second = self.taken(run)
        outcome = run.ended(first, raises(ImageInvalid("no image")))
        assert outcome is not None
        self.assertIsInstance(outcome.error, ImageInvalid)
        self.assertIsNone(run.pause_s())
        self.assertIsNotNone(run.ended(second, answers))
        self.assertEqual((self.taken(run), run.is_over()), ([], True))
        self.assertEqual((self.told[-1].tagged, self.told[-1].failed, self.told[-1].refused), (1, 1, 0))

    def test_concurrency_is_one_or_more(self) -> None:
        with self.assertRaises(ValueError):
            Pace(0)
