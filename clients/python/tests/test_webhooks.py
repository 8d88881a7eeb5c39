"""Signatures, against the library of those who wrote the standard, and the service's own form of a delivery."""

import datetime
import json
import unittest

from standardwebhooks import Webhook

from tagfleet import InvalidSignature, verify_webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOW = 1_700_000_000
BATCH = {"id": "batch_1", "status": "completed", "request_counts": {"total": 3, "completed": 2, "failed": 1}, "created_at": NOW}
BODY = json.dumps({"type": "batch.completed", "timestamp": "2023-11-14T22:13:20Z", "data": {**BATCH, "of_a_newer_service": 1}})


def signed(body: str = BODY, secret: str = SECRET) -> dict[str, str]:
    moment = datetime.datetime.fromtimestamp(NOW, tz=datetime.UTC)
    signature = Webhook(secret).sign("msg_batch_1", moment, body)
    return {"Webhook-Id": "msg_batch_1", "Webhook-Timestamp": str(NOW), "Webhook-Signature": signature}


class Webhooks(unittest.TestCase):
    def test_what_the_library_signs_is_taken(self) -> None:
        for body in (BODY, BODY.encode()):
            event = verify_webhook(body, signed(), SECRET, now_s=NOW + 299)
            self.assertEqual((event.type, event.data.id, event.data.request_counts.done), ("batch.completed", "batch_1", 3))
            self.assertTrue(event.data.is_final)

    def test_one_of_several_signatures_is_enough(self) -> None:
        other = signed(secret="whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")["Webhook-Signature"]
        headers = signed()
        headers["Webhook-Signature"] = f"v2,abcd v1,?? {other} {headers['Webhook-Signature']}"
        self.assertEqual(verify_webhook(BODY, headers, SECRET, now_s=NOW).type, "batch.completed")

    def test_anything_else_is_refused(self) -> None:
        of_another = signed(secret="whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
        later = {**signed(), "Webhook-Timestamp": str(NOW + 1)}
        renamed = {**signed(), "Webhook-Id": "msg_batch_2"}
        unsigned = {**signed(), "Webhook-Signature": ""}
        for headers in (of_another, later, renamed, unsigned, {}, {**signed(), "Webhook-Timestamp": "now"}):
            with self.assertRaises(InvalidSignature):
                verify_webhook(BODY, headers, SECRET, now_s=NOW)
        with self.assertRaises(InvalidSignature):
            verify_webhook(BODY.replace("2", "3"), signed(), SECRET, now_s=NOW)

    def test_an_old_delivery_is_refused(self) -> None:
        for now_s in (NOW + 301, NOW - 301):
            with self.assertRaisesRegex(InvalidSignature, "301 s"):
                verify_webhook(BODY, signed(), SECRET, now_s=now_s)

    def test_a_secret_that_is_none_is_the_callers_fault(self) -> None:
        with self.assertRaisesRegex(ValueError, "webhook-secret"):
            verify_webhook(BODY, signed(), "whsec_%", now_s=NOW)
