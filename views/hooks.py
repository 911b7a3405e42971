"""`POST /hooks/inbound`: a mail provider hands over a message that came for one of our addresses.

Signed as Standard Webhooks 1.0.0 says (webhook-id, webhook-timestamp, webhook-signature), with one of
INBOUND_HOOK_SECRETS; without any there is no such page. The body is the message itself (message/rfc822), or JSON with
`raw` (base64) and `envelope` {from, to}. 200 means kept; the same message sent again is kept once. Does not belong
here: keeping it (`app.services.inbound.receiving`).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from typing import Any

import orjson
from flask import Blueprint, Response, current_app, request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, Unauthorized, UnsupportedMediaType

from app.adapters import webhooks
from app.errors import Invalid, NotFound
from app.services.inbound import receiving, verdict

pages = Blueprint("hooks", __name__)
# How far clocks may differ, and how long a captured request could be sent again, seconds.
TOLERANCE = 300
MOST_RECIPIENTS = 100


@pages.post("/hooks/inbound")
def inbound() -> Response:
    secrets: tuple[str, ...] = current_app.config["INBOUND_HOOK_SECRETS"]
    domain: str = current_app.config["INBOUND_DOMAIN"]
    if not secrets or not domain:
        raise NotFound()
    body = request.get_data(cache=False)
    _check_signature(body, secrets)
    raw, sender, recipients = _message(body, domain)
    if len(raw) > current_app.config["INBOUND_MAX_BYTES"]:
        raise RequestEntityTooLarge()
    taken, unknown = [], []
    for address in recipients:
        try:
            kept = receiving.take_in(raw, recipient=address, sender=sender, via="webhook", domain=domain)
            taken.append({"to": address, "replayed": kept.replay})
        except NotFound:
            unknown.append(address)
    if not taken:
        raise Invalid({"envelope.to": "None of these is an address of ours. Nothing was kept."})
    return Response(orjson.dumps({"kept": taken, "unknown": unknown}), content_type="application/json")


def _check_signature(body: bytes, secrets: tuple[str, ...]) -> None:
    """Raises 401 for every fault alike."""
    name, at = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "")
    given = request.headers.get("webhook-signature", "").split()[:10]
    wrong = Unauthorized("The signature is missing or wrong, or the clock is off by more than five minutes.")
    if not name or len(name) > 200 or not (at.isascii() and at.isdigit() and len(at) <= 12):
        raise wrong
    if abs(time.time() - int(at)) > TOLERANCE:
        raise wrong
    ours = [webhooks.sign(secret, name, int(at), body).encode() for secret in secrets]
    if not any(hmac.compare_digest(one, signature.encode()) for one in ours for signature in given):
        raise wrong


def _message(body: bytes, domain: str) -> tuple[bytes, str | None, list[str]]:
    """The raw message, its envelope's sender and its recipients."""
    if request.mimetype == "message/rfc822":
        # A provider that tells no envelope: the addresses of ours that the headers name, else nobody's yet.
        named = [a for a in verdict.recipients(body) if receiving.place(a, domain=domain)]
        return body, verdict.return_path(body), named[:MOST_RECIPIENTS] or [f"postmaster@{domain}"]
    if request.mimetype != "application/json":
        raise UnsupportedMediaType()
    try:
        given: Any = orjson.loads(body)
        raw = base64.b64decode(given["raw"], validate=True)
        sender, to = given["envelope"]["from"], given["envelope"]["to"]
    except (orjson.JSONDecodeError, binascii.Error, KeyError, TypeError, ValueError):
        raise BadRequest("The body is JSON with raw (base64) and envelope {from, to}.") from None
    to = [to] if isinstance(to, str) else to
    if not isinstance(sender, str | None) or not isinstance(to, list) or not all(isinstance(one, str) for one in to):
        raise Invalid({"envelope": "envelope.from is a text, envelope.to a list of texts."})
    return raw, sender, list(dict.fromkeys(to))[:MOST_RECIPIENTS]
