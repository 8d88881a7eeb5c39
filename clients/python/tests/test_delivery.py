"""A webhook as a running service delivers it. Its engine is fake: every tag is made up."""

import http.server
import os
import queue
import subprocess
import threading
import unittest

from service import FAKE, Origin, Service, binary
from tagfleet import InvalidSignature, Tagfleet, verify_webhook

SECRETS = "of-tests-alone-not-a-secret"
Delivery = tuple[bytes, dict[str, str]]


class Receiver(http.server.BaseHTTPRequestHandler):
    deliveries: queue.Queue[Delivery] = queue.Queue()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.deliveries.put((body, dict(self.headers.items())))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def tenants_secret() -> str:
    environment = {**os.environ, "TAGFLEET_WEBHOOK_SECRETS": SECRETS}
    command = [str(binary()), "keys", "webhook-secret", "--tenant", "default"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.split()[-1]


class Deliveries(unittest.TestCase):
    def test_what_a_service_delivers_is_verified(self) -> None:
        receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        self.addCleanup(receiver.server_close)
        self.addCleanup(receiver.shutdown)
        url = f"http://127.0.0.1:{receiver.server_port}"
        origin = self.enterContext(Origin())
        allowed = {"TAGFLEET_FETCH_ALLOW_ORIGINS": f"{origin.url},{url}", "TAGFLEET_WEBHOOK_SECRETS": SECRETS}
        service = self.enterContext(Service(*FAKE, **allowed))
        with Tagfleet(service.url) as client:
            batch = client.batches.submit([f"{origin.url}/1.png"], features=["tags"], webhook_url=f"{url}/hook")
        body, headers = Receiver.deliveries.get(timeout=60)
        event = verify_webhook(body, headers, tenants_secret())
        self.assertEqual((event.type, event.data.id, event.data.request_counts.completed), ("batch.completed", batch.id, 1))
        with self.assertRaises(InvalidSignature):
            verify_webhook(body + b" ", headers, tenants_secret())
