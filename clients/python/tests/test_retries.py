"""When a call is tried again, by a clock that the tests hold."""

import unittest

from tagfleet.errors import ConnectionLost, DeadlinePassed, ImageError, Overloaded, ServiceError
from tagfleet.retries import Attempts, ListAttempts, Outage, Retries


class Clock:
    def __init__(self) -> None:
        self.now = 128.0

    def __call__(self) -> float:
        return self.now


def attempts(timeout_s: float = 30.0, clock: Clock | None = None, chance: float = 0.0) -> Attempts:
    return Attempts(Retries(), timeout_s, clock or Clock(), lambda: chance)


class Pauses(unittest.TestCase):
    def test_two_retries_and_no_more(self) -> None:
        tries = attempts()
        lost = ConnectionLost("reset")
        self.assertEqual([tries.pause_after(lost), tries.pause_after(lost)], [0.5, 1.0])
        with self.assertRaises(ConnectionLost):
            tries.pause_after(lost)

    def test_pauses_double_up_to_eight_seconds_and_are_cut_by_chance(self) -> None:
        retries = Retries()
        self.assertEqual([retries.pause(n, 0.0) for n in range(1, 8)], [0.5, 1, 2, 4, 8, 8, 8])
        self.assertEqual(retries.pause(1_000_000, 0.0), 8)
        self.assertEqual(retries.pause(1, 1.0), 0.375)

    def test_the_service_says_when(self) -> None:
        told = Overloaded("full", retryable=True, retry_after_s=0.037)
        self.assertEqual(attempts().pause_after(told), 0.037)

    def test_what_cannot_help_is_raised(self) -> None:
        for error in (ImageError("no image"), DeadlinePassed("late"), ServiceError("a bug", retryable=False)):
            with self.assertRaises(type(error)):
                attempts().pause_after(error)


class Deadlines(unittest.TestCase):
    def test_nobody_waits_for_a_try_that_would_come_too_late(self) -> None:
        clock = Clock()
        tries = attempts(2.0, clock)
        with self.assertRaises(Overloaded):
            tries.pause_after(Overloaded("full", retryable=True, retry_after_s=2.0))
        self.assertEqual(tries.pause_after(Overloaded("full", retryable=True, retry_after_s=1.9)), 1.9)
        clock.now += 1.9
        self.assertAlmostEqual(tries.left_s(), 0.1)
        clock.now += 0.1
        with self.assertRaises(DeadlinePassed):
            tries.left_s()

    def test_a_list_is_told_of_a_refusal_at_once(self) -> None:
        tries = ListAttempts(Retries(), 30.0, Clock(), lambda: 0.0)
        for refusal in (Overloaded("full", retryable=True), ConnectionLost("reset")):
            with self.assertRaises(type(refusal)):
                tries.pause_after(refusal)
        self.assertEqual(tries.pause_after(ServiceError("late", status=504, retryable=True)), 0.5)


class Outages(unittest.TestCase):
    def test_an_answer_ends_one(self) -> None:
        clock = Clock()
        outage = Outage(10.0, clock, lambda: 0.0)
        lost = ConnectionLost("refused")
        self.assertEqual([outage.pause_after(lost) for _ in range(4)], [0.5, 1, 2, 4])
        outage.over()
        clock.now += 100
        self.assertEqual(outage.pause_after(lost), 0.5)
        clock.now += 9.6
        with self.assertRaises(ConnectionLost):
            outage.pause_after(lost)

    def test_what_stays_wrong_is_raised(self) -> None:
        with self.assertRaises(ImageError):
            Outage(10.0, Clock()).pause_after(ImageError("no image"))
