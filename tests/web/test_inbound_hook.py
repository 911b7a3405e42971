"""The webhook of mail providers: signed, forgiving of repetition, closed to everybody else."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.adapters import webhooks
from models import scope
from models.base import session
from models.inbound import ReceivedMail
from tests.factories import Browser, World
from tests.inbound_kit import DOMAIN, answer

SECRET = "whsec_" + base64.b64encode(b"inbound hook secret of the tests").decode()
OTHER = "whsec_" + base64.b64encode(b"another secret of somebody else!").decode()


@pytest.fixture(autouse=True)
def _settings(app: Flask) -> None:
    app.config.update(INBOUND_DOMAIN=DOMAIN, INBOUND_HOOK_SECRETS=(SECRET,))


def _post(client: Browser, body: bytes, kind: str = "message/rfc822", **more: Any) -> Any:
    at = more.get("at", int(time.time()))
    name = more.get("name", "msg_1")
    signature = more.get("signature", webhooks.sign(more.get("secret", SECRET), name, at, body))
    headers = {"webhook-id": name, "webhook-timestamp": str(at), "webhook-signature": signature}
    return client.post("/hooks/inbound", data=more.get("sent", body), content_type=kind, headers=headers)


def _as_json(raw: bytes, to: Any, sender: Any = "sam@x.com") -> bytes:
    given = {"raw": base64.b64encode(raw).decode(), "envelope": {"from": sender, "to": to}}
    return json.dumps(given).encode()


def _kept(app: Flask) -> list[tuple[int | None, str, str | None]]:
    with app.app_context(), scope.across_workspaces("a test looks"):
        found = session.scalars(sa.select(ReceivedMail).order_by(ReceivedMail.id))
        return [(one.workspace_id, one.recipient, one.sender) for one in found]


def test_a_signed_message_is_kept_once_however_often_it_comes(app: Flask, client: Browser, world: World) -> None:
    raw = answer("Yes", To=f"Desk <harbour@{DOMAIN}>")
    first, again = _post(client, raw), _post(client, raw, name="msg_2")
    assert first.status_code == again.status_code == 200
    assert first.get_json()["kept"] == [{"to": f"harbour@{DOMAIN}", "replayed": False}]
    assert again.get_json()["kept"][0]["replayed"] is True
    assert _kept(app) == [(world.harbour.id, f"harbour@{DOMAIN}", None)]


def test_an_envelope_says_for_whom_it_is(app: Flask, client: Browser, world: World) -> None:
    body = _as_json(answer("Yes"), [f"harbour@{DOMAIN}", f"summit@{DOMAIN}", f"nobody@{DOMAIN}"], "")
    answered = _post(client, body, "application/json")
    assert answered.status_code == 200
    assert answered.get_json()["unknown"] == [f"nobody@{DOMAIN}"]
    assert _kept(app) == [(world.harbour.id, f"harbour@{DOMAIN}", ""), (world.summit.id, f"summit@{DOMAIN}", "")]


def test_a_message_that_names_none_of_our_addresses_is_kept_for_operators(app: Flask, client: Browser) -> None:
    assert _post(client, answer("Hidden copy", To="list@x.com")).status_code == 200
    assert _kept(app) == [(None, f"postmaster@{DOMAIN}", None)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": OTHER},
        {"late": 301},
        {"late": -400},
        {"signature": ""},
        {"signature": "v1,"},
        {"signature": "v1,\u00e9"},
        {"name": ""},
        {"sent": b"another body"},
    ],
)
def test_what_is_not_signed_as_it_should_be_is_refused(app: Flask, client: Browser, wrong: dict[str, Any]) -> None:
    given = {name: value for name, value in wrong.items() if name != "late"}
    given |= {"at": int(time.time()) - wrong["late"]} if "late" in wrong else {}
    assert _post(client, answer("Yes", To=f"harbour@{DOMAIN}"), **given).status_code == 401
    assert _kept(app) == []


def test_one_secret_replaces_another_without_a_gap(app: Flask, client: Browser) -> None:
    app.config["INBOUND_HOOK_SECRETS"] = (OTHER, SECRET)
    for number, secret in enumerate((SECRET, OTHER)):
        raw = answer(f"Yes {number}", To=f"harbour@{DOMAIN}")
        assert _post(client, raw, secret=secret).status_code == 200
    both = f"{webhooks.sign(OTHER, 'm', 1, b'x')} v2,unknown"
    assert _post(client, answer("No"), signature=both).status_code == 401
    assert len(_kept(app)) == 2


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"no json", "application/json", 400),
        (b'{"raw": "%%%", "envelope": {"from": "", "to": []}}', "application/json", 400),
        (b"[]", "application/json", 400),
        (_as_json(b"x", 7), "application/json", 422),
        (_as_json(b"x", [f"nobody@{DOMAIN}"]), "application/json", 422),
        (_as_json(b"x", [f"nobody@{DOMAIN}"], 5), "application/json", 422),
        (b"x", "text/plain", 415),
    ],
)
def test_what_is_signed_and_malformed_is_said_to_be(
    app: Flask, client: Browser, body: bytes, kind: str, status: int
) -> None:
    assert _post(client, body, kind).status_code == status
    assert _kept(app) == []


@pytest.mark.parametrize("missing", [{"INBOUND_HOOK_SECRETS": ()}, {"INBOUND_DOMAIN": ""}])
def test_without_a_secret_or_a_domain_there_is_no_such_page(
    app: Flask, client: Browser, missing: dict[str, Any]
) -> None:
    app.config.update(missing)
    assert _post(client, answer("Yes")).status_code == 404


def test_a_message_larger_than_allowed_is_refused(app: Flask, client: Browser) -> None:
    app.config["INBOUND_MAX_BYTES"] = 1000
    assert _post(client, answer("x" * 2000, To=f"harbour@{DOMAIN}")).status_code == 413
    assert _kept(app) == []
