"""From an answer to an error."""

import json
import time
import unittest
from email.utils import formatdate

from tagfleet import errors
from tagfleet.problems import problem

BODY = {
    "type": "/problems/source_timeout",
    "title": "The image's host was too slow",
    "status": 422,
    "detail": "It sent nothing for 3 s.",
    "code": "source_timeout",
    "stage": "fetch",
    "retryable": True,
    "request_id": "req_1",
}


def of(status: int, headers: dict[str, str] | None = None, **changes: object) -> errors.ProblemError:
    return problem(status, headers or {}, json.dumps({**BODY, **changes}).encode())


class Problems(unittest.TestCase):
    def test_a_code_is_a_class_of_its_family(self) -> None:
        error = of(422)
        self.assertIs(type(error), errors.SourceTimeout)
        self.assertIsInstance(error, errors.ImageError)
        self.assertEqual((error.status, error.stage, error.retryable, error.request_id), (422, "fetch", True, "req_1"))
        self.assertEqual(str(error), "source_timeout in fetch: It sent nothing for 3 s. (req_1)")

    def test_a_newer_services_code_is_its_familys(self) -> None:
        for status, family in ((418, errors.RequestError), (429, errors.BusyError), (500, errors.ServiceError)):
            error = of(status, code="teapot")
            self.assertIs(type(error), family)
            self.assertEqual(error.code, "teapot")

    def test_a_proxys_page_is_an_error_too(self) -> None:
        error = problem(503, {}, b"<html>No server is available to handle this request.</html>")
        self.assertIs(type(error), errors.ServiceError)
        self.assertEqual((error.code, error.retryable, error.retry_after_s), ("http_503", True, None))
        self.assertFalse(problem(404, {}, b"").retryable)

    def test_the_header_outweighs_the_body_and_the_body_the_status(self) -> None:
        self.assertFalse(of(503, {"x-should-retry": "false"}, code="no_workers").retryable)
        self.assertTrue(of(422, {"x-should-retry": "true"}, retryable=False).retryable)
        self.assertFalse(of(500, retryable=False, code="internal").retryable)

    def test_milliseconds_outweigh_seconds(self) -> None:
        self.assertEqual(of(429, {"retry-after-ms": "37", "retry-after": "1"}).retry_after_s, 0.037)
        self.assertEqual(of(429, {"retry-after": "3"}).retry_after_s, 3.0)

    def test_a_proxy_may_tell_a_date(self) -> None:
        told = of(503, {"retry-after": formatdate(time.time() + 60, usegmt=True)}).retry_after_s
        assert told is not None
        self.assertTrue(58 <= told <= 60, told)

    def test_nonsense_is_no_pause(self) -> None:
        for text in ("soon", "-1", "nan", "inf", ""):
            self.assertIsNone(of(429, {"retry-after": text}).retry_after_s, text)
