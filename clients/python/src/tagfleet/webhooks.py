"""Whether a webhook comes from the service: Standard Webhooks 1.0, HMAC-SHA256 over `id.timestamp.body`."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Mapping

from .answers import Event
from .calls import decoded
from .errors import InvalidSignature

__all__ = ["verify_webhook"]


def verify_webhook(
    body: bytes | str,
    headers: Mapping[str, str],
    secret: str,
    *,
    tolerance_s: float = 300.0,
    now_s: float | None = None,
) -> Event:
    """Return what a webhook tells, if the service signed it within the tolerance; raise `InvalidSignature` otherwise.

    `body` is the request's body as it came, not parsed and written anew. `secret` is what `tagfleet keys webhook-secret`
    shows. The same `webhook-id` may come twice, since a delivery that was not answered is made again.
    """
    content = body.encode() if isinstance(body, str) else body
    told = {name.lower(): value for name, value in headers.items()}
    try:
        message, timestamp = told["webhook-id"], told["webhook-timestamp"]
        signatures = told["webhook-signature"]
        sent_s = int(timestamp)
    except (KeyError, ValueError):
        raise InvalidSignature("the headers of a webhook are missing") from None
    expected = hmac.new(key(secret), f"{message}.{timestamp}.".encode() + content, hashlib.sha256).digest()
    if not any(hmac.compare_digest(expected, given) for given in candidates(signatures)):
        raise InvalidSignature("no signature is that of the secret")
    # Only now: a stranger learns nothing of this machine's clock.
    now_s = time.time() if now_s is None else now_s
    if abs(now_s - sent_s) > tolerance_s:
        raise InvalidSignature(f"it was signed {abs(now_s - sent_s):.0f} s from now, and {tolerance_s:g} s are allowed")
    return decoded(content, Event)


def key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise ValueError("the secret is not base64: `tagfleet keys webhook-secret` shows it") from None


def candidates(signatures: str) -> list[bytes]:
    """Several by blanks while one secret takes the place of another. Those of other versions are skipped."""
    found = []
    for signature in signatures.split():
        version, _, text = signature.partition(",")
        if version != "v1":
            continue
        try:
            found.append(base64.b64decode(text, validate=True))
        except binascii.Error:
            continue
    return found
