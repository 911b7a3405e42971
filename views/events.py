"""`POST /v1/events`: programs send what happened elsewhere, today an inquiry of a person ("lead").

JSON in, problem+json on errors, an API key with the right to write contacts and activities. The sender's
`Idempotency-Key` (or the member `id`) makes an event that is sent again the same one: 202 the first time, 200 after.
The answer never says whether the person was known. Does not belong here: what an inquiry leaves
(`app.services.intake`).
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import orjson
from flask import Blueprint, Response, g, request

from app.errors import Invalid
from app.services import intake
from models import normal
from views import shell
from views.json_body import read_object

pages = Blueprint("events", __name__)
MOST_BODY = 64 * 1024
_TEXTS = {"id": 200, "type": 40, "title": 180, "message": intake.MOST_TEXT}


@pages.post("/v1/events")
def receive() -> Response:
    """Members: id, type ("inquiry"), title, message, person {name, email, phone, birthday}, consent {marketing,
    wording}. Others are kept as they came."""
    given = read_object(MOST_BODY, "An event has at most 64 KB.")
    key = _key(given)
    done = intake.receive(_inquiry(given), source="api", key=key, actor=shell.actor())
    body = {"id": key, "activity_id": done.activity_id, "status": "replayed" if done.replay else "accepted"}
    return Response(orjson.dumps(body), 200 if done.replay else 202, content_type="application/json")


def _key(given: dict[str, Any]) -> str:
    key = request.headers.get("Idempotency-Key") or given.get("id")
    if not isinstance(key, str) or not key.strip() or len(key) > 200 or "\x00" in key:
        raise Invalid({"id": "Send an Idempotency-Key header or the member id: your own text, at most 200 characters."})
    return key.strip()


def _inquiry(given: dict[str, Any]) -> intake.Inquiry:
    problems = {
        n: f"{n} is a text of at most {most:,} characters."
        for n, most in _TEXTS.items()
        if not isinstance(given.get(n, ""), str) or len(given.get(n, "")) > most
    }
    if given.get("type", "inquiry") != "inquiry":
        problems["type"] = "type is “inquiry”."
    who, consent = given.get("person"), given.get("consent", {})
    if not isinstance(who, dict):
        raise Invalid(problems | {"person": "person is an object with name, email, phone or birthday."})
    person = _person(who, problems)
    agreed = _agreed(consent, problems)
    if problems:
        raise Invalid(problems)
    name = person.pop("name") or person["email"] or person["phone"] or ""
    title = f"Inquiry: {given['title']}" if given.get("title") else "Inquiry"
    return intake.Inquiry(name, **person, title=title, message=given.get("message", ""), payload=given, agreed=agreed)


def _person(who: dict[str, Any], problems: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    readers = {
        "name": lambda text: " ".join(text.split())[:200],
        "email": normal.email,
        "phone": lambda text: normal.phone(text, g.workspace.region),
        "birthday": dt.date.fromisoformat,
    }
    for name, read in readers.items():
        text = who.get(name)
        found[name] = None
        if text in (None, ""):
            continue
        if not isinstance(text, str) or len(text) > 600:
            problems[f"person.{name}"] = f"person.{name} is a text."
            continue
        try:
            found[name] = read(text)
        except ValueError as error:
            problems[f"person.{name}"] = "birthday is a date as 2001-12-31." if name == "birthday" else str(error)
    return found


def _agreed(consent: Any, problems: dict[str, str]) -> dict[str, str]:
    if not isinstance(consent, dict) or not isinstance(consent.get("marketing", False), bool):
        problems["consent"] = "consent is an object with marketing (true or false) and wording."
        return {}
    if not consent.get("marketing"):
        return {}
    wording = consent.get("wording")
    if not isinstance(wording, str) or not wording.strip() or len(wording) > 2000:
        problems["consent.wording"] = "Consent counts with the words that were shown: send them as consent.wording."
        return {}
    return {"marketing": wording.strip()}
