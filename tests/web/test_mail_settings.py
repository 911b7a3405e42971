"""An admin sets up how the brokerage sends e-mail, on one page."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask import Flask

from app.services import sending
from app.services.operation import operation
from models.base import session
from models.sending import SendingDomain
from tests.factories import SYSTEM, Browser, World, browser


@pytest.fixture
def owner(app: Flask, world: World) -> Browser:
    return browser(app, world.harbour.owner)


SERVER = {
    "host": "smtp.harbour.example",
    "port": "587",
    "security": "starttls",
    "username": "office",
    "password": "correct horse",
    "sender": "office@harbour.example",
    "version": "0",
}
PAGE = "/settings/mail"


def test_a_server_is_saved_and_its_password_never_comes_back(app: Flask, world: World, owner: Browser) -> None:
    assert owner.submit(PAGE, SERVER, page=PAGE).status_code == 303
    page = owner.get(PAGE).text
    assert "smtp.harbour.example:587" in page and "Not tested yet" in page
    assert "correct horse" not in page
    assert owner.submit(f"{PAGE}/server/test").status_code == 303
    state = owner.get(PAGE).text.partition('hx-get="')[2].partition('"')[0]
    assert "Being tested" in owner.get(state).text
    assert browser(app, world.summit.owner).get(state).status_code == 404


def test_what_was_typed_stays_with_each_problem_beside_its_field(owner: Browser) -> None:
    answer = owner.submit(PAGE, SERVER | {"host": "10.0.0.1", "sender": "nobody"}, page=PAGE)
    assert answer.status_code == 422
    assert "10.0.0.1" in answer.text and "mail server on the internet" in answer.text
    assert "nobody" in answer.text and "correct horse" not in answer.text


def test_an_older_page_does_not_overwrite_a_newer_one(owner: Browser) -> None:
    owner.submit(PAGE, SERVER, page=PAGE)
    late = owner.submit(PAGE, SERVER | {"host": "late.harbour.example"})
    assert late.status_code == 422 and "Somebody else saved" in late.text
    assert "smtp.harbour.example:587" in owner.get(PAGE).text


def test_a_domain_shows_the_record_to_publish_and_goes_again(owner: Browser) -> None:
    assert owner.submit(f"{PAGE}/domains", {"domain": "ada@Harbour.Example"}, page=PAGE).status_code == 303
    page = owner.get(PAGE).text
    assert "._domainkey.harbour.example" in page and "v=DKIM1; k=rsa; p=MII" in page
    assert "PRIVATE KEY" not in page
    key = page.partition('id="domain-')[2].partition('"')[0]
    assert owner.submit(f"{PAGE}/domains/{key}/check").status_code == 303
    assert "Being checked" in owner.get(f"{PAGE}/domains/{key}/state").text
    assert "no longer signed" in owner.get(f"{PAGE}/domains/{key}/remove").text
    assert owner.submit(f"{PAGE}/domains/{key}/remove").status_code == 303
    assert "harbour.example" not in owner.get(PAGE).text.partition("Domains you send for")[2]


def test_nonsense_is_said_beside_the_field(owner: Browser) -> None:
    answer = owner.submit(f"{PAGE}/domains", {"domain": "not a domain"}, page=PAGE)
    assert answer.status_code == 422
    assert "Type a domain such as example.com" in answer.text and "not a domain" in answer.text


def test_who_may_not_set_up_the_workspace_only_looks_or_not_even_that(app: Flask, world: World, owner: Browser) -> None:
    owner.submit(PAGE, SERVER, page=PAGE)
    agent = browser(app, world.harbour.agent)
    for url, given in ((PAGE, SERVER | {"version": "1"}), (f"{PAGE}/domains", {"domain": "harbour.example"})):
        assert agent.submit(url, given, page="/").status_code == 403
    outsider = browser(app, world.summit.owner)
    assert "smtp.harbour.example" not in outsider.get(PAGE).text
    with app.app_context(), world.summit.inside():
        assert sending.way("ada@harbour.example").url is None


def test_limits_are_set_and_a_wrong_one_loses_nothing(app: Flask, world: World, owner: Browser) -> None:
    owner.submit(PAGE, SERVER, page=PAGE)
    wrong = {"per_day": "lots", "per_hour": "30", "limits_version": "0"}
    answer = owner.submit(f"{PAGE}/limits", wrong, page=PAGE)
    assert answer.status_code == 422 and 'value="lots"' in answer.text and "Type a number from 1" in answer.text
    assert SERVER["host"] in answer.text, "the other form of the page is as it was"
    assert owner.submit(f"{PAGE}/limits", wrong | {"per_day": "500"}).status_code == 303
    assert 'name="per_day" value="500"' in owner.get(PAGE).text
    agent = browser(app, world.harbour.agent)
    assert agent.submit(f"{PAGE}/limits", wrong, page="/").status_code == 403
    assert 'value="500"' not in browser(app, world.summit.owner).get(PAGE).text


def test_a_proved_domain_is_warmed_up_and_no_outsiders(app: Flask, world: World, owner: Browser) -> None:
    owner.submit(f"{PAGE}/domains", {"domain": "harbour.example"}, page=PAGE)
    key = owner.get(PAGE).text.partition('id="domain-')[2].partition('"')[0]
    with app.app_context(), world.harbour.inside(), operation("test.prove", actor=SYSTEM):
        sending.note_check(int(key), [session.scalars(sa.select(SendingDomain.record)).one()])
    assert "Warm harbour.example up" in owner.get(PAGE).text
    assert owner.submit(f"{PAGE}/domains/{key}/warm", {"on": "1"}).status_code == 303
    assert "at most 50 e-mails today" in owner.get(PAGE).text
    outsider = browser(app, world.summit.owner)
    assert outsider.submit(f"{PAGE}/domains/{key}/warm", {"on": ""}, page=PAGE).status_code == 404
    assert owner.submit(f"{PAGE}/domains/{key}/warm", {"on": ""}, page=PAGE).status_code == 303
    assert "Warm harbour.example up" in owner.get(PAGE).text
