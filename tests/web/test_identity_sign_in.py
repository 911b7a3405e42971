"""Signing in, and everything a stranger may try at the door."""

from __future__ import annotations

from flask import Flask

from tests.factories import Browser, World, sign_in


def test_an_owner_signs_in_and_sees_the_console(client: Browser, world: World) -> None:
    answer = sign_in(client, world.harbour.owner, form=True)
    assert answer.headers["Location"] == "/"
    page = client.get("/")
    assert page.status_code == 200
    assert world.harbour.name.replace("&", "&amp;") in page.text
    assert world.summit.name not in page.text


def test_without_a_session_a_page_leads_to_the_sign_in_and_back(client: Browser, world: World) -> None:
    answer = client.get("/contacts/?q=dana")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/auth/login?next=/contacts/%3Fq%3Ddana"
    client.get(answer.headers["Location"])
    person = world.harbour.agent
    back = client.submit("/auth/login", {"email": person.email, "password": person.password, "next": "/contacts/?q=dana"})
    assert back.headers["Location"] == "/contacts/?q=dana"
