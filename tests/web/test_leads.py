"""A visitor writes to a brokerage: the form, its guards, and what the owner and an outsider then see."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask

from app.services.operation import operation
from models import scope, tenancy
from models.access import UserSession
from models.base import session
from models.contact import Contact
from models.message import Suppression
from models.privacy import Consent
from models.work import Activity
from models.workspace import Workspace
from public_site import leads
from tests.factories import SYSTEM, Browser, World, sign_in

FORM = "/p/harbour/contact"
_HIDDEN = re.compile(r'name="t" value="([^"]+)"')
TYPED = {"name": "Nina Novak", "reach": "nina@example.com", "want": "see", "msg": "Is the loft free? KANARI-7"}


def open_form(client: Browser, url: str = FORM, *, ago: int = 30) -> str:
    """The hidden token of a form that was opened `ago` seconds before now."""
    with time_machine.travel(dt.datetime.now(dt.UTC) - dt.timedelta(seconds=ago)):
        found = _HIDDEN.search(client.get(url).text)
    assert found
    return found[1]


def send(client: Browser, url: str = FORM, *, token: str | None = None, **more: str) -> Any:
    return client.post(url, data={**TYPED, "t": token if token is not None else open_form(client, url), **more})


def counts(app: Flask) -> list[int]:
    why = tenancy.reason("a test counts")
    with app.app_context(), scope.across_workspaces("a test counts"):
        tables = (Contact, Activity, Consent, UserSession)
        return [
            session.scalar(sa.select(sa.func.count()).select_from(m.__table__), execution_options=why) or 0
            for m in tables
        ]


def change(app: Flask, slug: str, **facts: Any) -> None:
    with (
        app.app_context(),
        scope.across_workspaces("a test changes a workspace"),
        operation("workspace.update", actor=SYSTEM),
    ):
        workspace = session.scalars(sa.select(Workspace).where(Workspace.slug == slug)).one()
        for name, value in facts.items():
            setattr(workspace, name, value)


def test_a_visitor_writes_and_the_owner_sees_it_on_the_timeline(app: Flask, client: Browser, world: World) -> None:
    answer = send(client, mail="yes")
    assert (answer.status_code, answer.location) == (303, f"{FORM}/thanks")
    assert "Thank you" in client.get(answer.location).text
    assert "Set-Cookie" not in answer.headers
    with app.app_context(), world.harbour.inside():
        nina = session.scalars(sa.select(Contact).where(Contact.email == "nina@example.com")).one()
        assert set(session.scalars(sa.select(Consent.topic))) == {"notice", "marketing"}
    owner = app.test_client()
    sign_in(owner, world.harbour.owner)
    page = owner.get(f"/contacts/{nina.id}").text
    assert "Website inquiry: See or buy a home" in page and "KANARI-7" in page and "Answer Nina Novak" in page


def test_an_outsider_sees_nothing_of_it(app: Flask, client: Browser, world: World) -> None:
    send(client)
    with app.app_context(), world.harbour.inside():
        key = session.scalars(sa.select(Contact.id).where(Contact.email == "nina@example.com")).one()
        activity = session.scalars(sa.select(Activity.id)).one()
    outsider = app.test_client()
    sign_in(outsider, world.summit.owner)
    for url in (f"/contacts/{key}", f"/activities/{activity}"):
        assert outsider.get(url).status_code == 404
    for url in ("/contacts/", "/activities/", "/tasks/", "/contacts/?q=Nina", "/contacts/picker?q=Nina", "/"):
        text = outsider.get(url).text
        assert "KANARI" not in text and "Nina Novak" not in text


def test_looking_changes_nothing_and_leaves_no_cookie(app: Flask, client: Browser, world: World) -> None:
    before = counts(app)
    for url in (
        FORM,
        f"{FORM}/thanks",
        "/embed/harbour/contact",
        "/privacy",
        "/privacy/harbour",
        "/robots.txt",
        "/favicon.ico",
    ):
        for answer in (client.get(url), client.head(url)):
            assert answer.status_code in (200, 302), url
            assert "Set-Cookie" not in answer.headers
    assert counts(app) == before


def test_the_same_form_sent_twice_is_one_inquiry(app: Flask, client: Browser, world: World) -> None:
    token = open_form(client)
    first, second = send(client, token=token), send(client, token=token)
    assert first.location == second.location
    after = counts(app)
    send(client, token=token, msg="And is it quiet?")
    assert (after[1], counts(app)[1]) == (1, 2)


def test_known_and_unknown_people_get_the_same_answer(app: Flask, client: Browser, world: World) -> None:
    known, unknown = send(client, reach="dana@harbour-clients.example.com"), send(client)
    assert (known.status_code, known.location, known.text) == (unknown.status_code, unknown.location, unknown.text)


def test_every_mistake_is_named_and_nothing_typed_is_lost(app: Flask, client: Browser, world: World) -> None:
    before = counts(app)
    answer = send(client, name="", reach="nina@", want="sell", msg="A <b>long</b> story", mail="yes")
    assert answer.status_code == 422
    page = answer.text
    assert "<title>Error: Get in touch" in page and "2 things to fix" in page
    assert 'href="#name"' in page and 'href="#reach"' in page and page.count('aria-invalid="true"') == 2
    assert 'value="nina@"' in page and "A &lt;b&gt;long&lt;/b&gt; story" in page
    assert re.search(r'value="sell" checked', page) and re.search(r'name="mail" value="yes" checked', page)
    assert counts(app) == before
    for reach, words in (("", "whichever you answer"), ("call me", "neither an e-mail"), ("555", "too few digits")):
        assert words in send(client, reach=reach).text
    assert "at most 5,000 fit" in send(client, msg="x" * 5001).text


def test_consent_is_never_ticked_beforehand_and_an_empty_box_takes_nothing_back(
    app: Flask, client: Browser, world: World
) -> None:
    assert re.findall(r"<input[^>]*checkbox[^>]*checked", client.get(FORM).text) == []
    send(client, mail="yes")
    send(client)
    with app.app_context(), world.harbour.inside():
        marketing = session.scalars(sa.select(Consent).where(Consent.topic == "marketing")).all()
        assert [(c.given, c.wording, c.source) for c in marketing] == [(True, leads.MAIL_WORDING, "lead form")]
        assert session.scalars(sa.select(Suppression.id)).all() == []


def test_a_machine_that_fills_everything_is_thanked_and_forgotten(app: Flask, client: Browser, world: World) -> None:
    before = counts(app)
    assert send(client, website="https://spam.example.com").location == f"{FORM}/thanks"
    assert counts(app) == before


def test_too_quick_stale_or_foreign_forms_come_back_filled(app: Flask, client: Browser, world: World) -> None:
    before = counts(app)
    quick = open_form(client, ago=0)
    old = open_form(client, ago=25 * 3600)
    other = open_form(client, "/p/summit/contact")
    for token, words in (
        (quick, "That was quick"),
        (old, "You were away"),
        (other, "You were away"),
        ("", "You were away"),
        ("x.y", "You were away"),
    ):
        answer = send(client, token=token)
        assert answer.status_code == 422 and words in answer.text and 'value="nina@example.com"' in answer.text
    assert counts(app) == before
    with time_machine.travel(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=10), tick=False):
        assert send(client, token=quick).status_code == 303


def test_many_tries_from_one_address_have_to_wait_and_lose_nothing(app: Flask, client: Browser, world: World) -> None:
    change(app, "harbour", phone="+13035550142")
    for number in range(leads.LIMIT.failures):
        assert send(client, msg=f"Question {number}").status_code == 303
    answer = send(client, msg="One more")
    assert (answer.status_code, "One more" in answer.text, "call (303) 555-0142" in answer.text) == (429, True, True)
    assert int(answer.headers["Retry-After"]) > 0


def test_a_suspended_brokerage_is_gone_and_an_unknown_one_not_found(app: Flask, client: Browser, world: World) -> None:
    token = open_form(client)
    change(app, "harbour", status="suspended", color="#b4451f")
    for url in (FORM, "/embed/harbour/contact", f"{FORM}/thanks", "/privacy/harbour", "/p/harbour/logo"):
        answer = client.get(url)
        assert answer.status_code == 410 and "You did nothing wrong" in answer.text and "Harbour" not in answer.text
    assert send(client, token=token).status_code == 410
    assert client.get("/p/nobody/contact").status_code == 404
    assert client.get(f"/p/{'x' * 300}/contact").status_code == 404
    assert counts(app)[1] == 0


@pytest.mark.parametrize(
    ("website", "ancestors"),
    [
        ("https://www.harbour.example.com/about", "https://www.harbour.example.com"),
        ("https://harbour.example.com:8443", "https://harbour.example.com:8443"),
        (None, "'none'"),
        ("https://a.example.com;script-src *", "'none'"),
        ("https://user@evil.example.com", "'none'"),
    ],
)
def test_only_the_brokerages_own_site_may_frame_the_form(
    app: Flask, client: Browser, world: World, website: str | None, ancestors: str
) -> None:
    change(app, "harbour", website=website)
    framed, plain = client.get("/embed/harbour/contact"), client.get(FORM)
    assert framed.headers["Content-Security-Policy"].endswith(f"frame-ancestors {ancestors}")
    assert plain.headers["Content-Security-Policy"].endswith("frame-ancestors 'none'")
    assert "X-Frame-Options" in plain.headers and ("X-Frame-Options" in framed.headers) == (ancestors == "'none'")
    assert '<header class="top">' not in framed.text and 'href="/privacy/harbour"' in framed.text
    assert send(client, "/embed/harbour/contact").location == "/embed/harbour/contact/thanks"


def test_the_brand_is_the_only_thing_that_differs_and_a_bad_colour_is_not_printed(
    app: Flask, client: Browser, world: World
) -> None:
    change(app, "harbour", color="#b4451f", phone="+13035550142", address="7 Harbor Lane", license="EX.300205")
    page = client.get(FORM).text
    for part in (
        "--brand:#b4451f",
        "Harbour &amp; Pine Realty",
        "(303) 555-0142",
        "7 Harbor Lane",
        "EX.300205",
        'href="/privacy/harbour"',
    ):
        assert part in page
    change(app, "harbour", color="red}*{")
    assert "--brand:#0b6476" in client.get(FORM).text


def test_public_pages_are_light_strict_and_ask_no_other_host(app: Flask, client: Browser, world: World) -> None:
    for url in (FORM, f"{FORM}/thanks", "/embed/harbour/contact", "/privacy", "/privacy/harbour", "/p/harbour/nothing"):
        answer = client.get(url)
        assert len(answer.data) < 20_000
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'self' 'nonce-") and "data:" not in policy
        assert re.findall(r'(?:src|href|action)="(?:https?:)?//', answer.text) == []
        assert re.findall(r"\s(?:style|on[a-z]+)=", answer.text) == []
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    css = re.search(r'href="(/assets/[^"]+public\.css)"', client.get(FORM).text)
    assert css and len(client.get(css[1]).data) <= 12 * 1024
