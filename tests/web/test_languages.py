"""Ada chooses Spanish: her pages, the sentences that refuse her and her mail are in Spanish; Carl's stay English."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re

import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask

from app.services import addressing, api_keys
from models import words
from models.base import db, session
from models.privacy import Consent
from models.user import User
from models.workspace import Membership, Workspace
from tests.factories import SYSTEM, Browser, World, browser, sign_in
from tests.web.mailbox import mails


def spanish(app: Flask, world: World, who: str = "agent") -> Browser:
    """A browser of this person after they chose Spanish on the account page."""
    made = browser(app, world.harbour.people[who])
    assert made.submit("/account/look", {"language": "es"}, page="/account/").status_code == 303
    return made


def workspace_speaks(app: Flask, world: World, language: str, **facts: str) -> None:
    with app.app_context(), db.engine.begin() as connection:
        table = Workspace.__table__
        connection.execute(sa.update(table).where(table.c.id == world.harbour.id).values(language=language, **facts))


def test_one_chooses_spanish_and_a_colleague_stays_in_english(app: Flask, world: World) -> None:
    ada, carl = spanish(app, world), browser(app, world.harbour.colleague)
    hers, his = ada.get("/contacts/").text, carl.get("/contacts/").text
    assert '<html lang="es"' in hers and '<html lang="en"' in his
    assert ">Contactos</h1>" in hers and ">Contacts</h1>" in his
    assert "Agregar contacto" in hers and "New contact" in his
    assert "Buscar registros, vistas y acciones" in hers and "Search records, views and actions" in his
    assert "Dana Whitcombe" in hers, "what people typed stays as it is"
    account = ada.get("/account/").text
    assert '<option value="es" selected>Español' in account and "Guardar la apariencia" in account
    assert ada.submit("/account/look", {"language": ""}, page="/account/").status_code == 303
    assert ">Contacts</h1>" in ada.get("/contacts/").text


def test_what_is_wrong_is_said_in_spanish_and_nothing_typed_is_lost(app: Flask, world: World) -> None:
    ada = spanish(app, world)
    answer = ada.submit(
        "/contacts/new", {"name": "", "email": "nobody", "about": "Le gusta el mar"}, page="/contacts/new"
    )
    assert answer.status_code == 422
    assert "Esta dirección de correo no tiene @. Ejemplo: sam@example.com" in answer.text
    assert "2 cosas necesitan un cambio, todavía no se guardó nada" in answer.text
    assert "Le gusta el mar" in answer.text
    missing = ada.get("/contacts/999999")
    assert missing.status_code == 404 and "No encontrado" in missing.text


def test_an_unknown_language_is_refused(app: Flask, world: World, client: Browser) -> None:
    sign_in(client, world.harbour.agent)
    assert client.submit("/account/look", {"language": "tlh"}, page="/account/").status_code == 422
    with app.app_context():
        assert session.scalar(sa.select(User.language).where(User.id == world.harbour.agent.user_id)) == ""


def test_who_has_not_chosen_reads_the_workspaces_language(app: Flask, world: World) -> None:
    owner = browser(app, world.harbour.owner)
    page = owner.get("/settings/workspace").text
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page)) | {"language": "es", "currency": "USD"}
    fields |= {
        "name": world.harbour.name,
        "region": "US",
        "zone": "America/New_York",
        "require_mfa": "",
    }
    assert owner.submit("/settings/workspace", fields).status_code == 303
    assert ">Contactos</h1>" in browser(app, world.harbour.colleague).get("/contacts/").text
    assert ">Contacts</h1>" in browser(app, world.summit.agent).get("/contacts/").text, "another brokerage"


@pytest.mark.parametrize(
    ("header", "title"),
    [
        ("es-MX,es;q=0.9,en;q=0.8", "Iniciar sesión"),
        ("en-US,en;q=0.9,es;q=0.5", "Sign in"),
        ("fr", "Sign in"),
        ("", "Sign in"),
        ("*;;;q=x,\x7f", "Sign in"),
    ],
)
def test_before_sign_in_the_browser_decides(client: Browser, header: str, title: str) -> None:
    assert f">{title}</h1>" in client.get("/auth/login", headers={"Accept-Language": header}).text


def test_a_refused_sign_in_and_its_mail_are_in_spanish(app: Flask, world: World, client: Browser) -> None:
    person = world.harbour.agent
    spanish(app, world)
    heads = {"Accept-Language": "es"}
    client.get("/auth/login", headers=heads)
    answer = client.submit("/auth/login", {"email": person.email, "password": "wrong wrong wrong"}, headers=heads)
    assert "Este correo y esta contraseña no coinciden." in answer.text
    # She asks from a computer that speaks English; the mail is to her.
    client.submit("/auth/reset", {"email": person.email}, page="/auth/reset")
    with app.app_context():
        (mail,) = mails(person.email)
    assert mail["subject"] == "Instrucciones para restablecer la contraseña"
    assert mail["text"].startswith("Alguien, esperamos que usted, pidió restablecer la contraseña")
    assert "/auth/reset/" in mail["text"]


def test_mail_to_a_colleague_speaks_their_language_and_not_the_senders(app: Flask, world: World) -> None:
    owner = spanish(app, world, "owner")
    data = {"email": "new@example.com", "role_id": str(world.harbour.agent.role_id), "name": "Nia"}
    assert owner.submit("/settings/members/invite", data, page="/settings/members/invite").status_code == 303
    with app.app_context():
        (english,) = mails("new@example.com")
    assert english["subject"] == "Olive Owen invites you to Harbour & Pine Realty"
    assert " as Agent." in english["text"]
    workspace_speaks(app, world, "es")
    owner.submit("/settings/members/invite", data | {"email": "nuevo@example.com"}, page="/settings/members/invite")
    with app.app_context():
        (own,) = mails("nuevo@example.com")
    assert own["subject"] == "Olive Owen le invita a Harbour & Pine Realty"
    assert " como Agente." in own["text"]


def test_the_language_of_a_reader(app: Flask, world: World) -> None:
    spanish(app, world)
    with app.app_context(), world.harbour.inside():
        for who, expected in (("agent", "es"), ("colleague", "en")):
            with addressing.to_user_of(world.harbour.people[who].user_id):
                assert words.code() == expected
        with addressing.to_user_of(None):
            assert words.code() == "en"
    workspace_speaks(app, world, "es")
    with app.app_context(), world.harbour.inside():
        for key in (None, world.harbour.colleague.user_id):
            with addressing.to_user_of(key):
                assert words.code() == "es"
        with addressing.to_address("nobody@example.com"):
            assert words.code() == "es"
    assert words.code() == "en", "nothing of a block stays"


def test_a_file_made_in_spanish_reads_like_one_made_in_english(app: Flask, world: World) -> None:
    ada, carl = spanish(app, world, "broker"), browser(app, world.harbour.owner)
    ada.submit(f"/contacts/{world.harbour.contacts['Dana Whitcombe']}/edit", {}, page="/contacts/")
    hers = ada.submit("/contacts/export.csv", page="/contacts/").get_data(as_text=True)
    his = carl.submit("/contacts/export.csv", page="/contacts/").get_data(as_text=True)
    (head, *rows), (other, *others) = csv.reader(io.StringIO(hers)), csv.reader(io.StringIO(his))
    assert head == other and head[0] == "\ufeffName"
    assert sorted(rows) == sorted(others)


def test_programs_get_english(app: Flask, world: World, client: Browser) -> None:
    spanish(app, world)
    with app.app_context(), world.harbour.inside():
        member = session.get(Membership, world.harbour.agent.membership_id)
        _key, text = api_keys.create(member, "Program", ["*:read", "*:write"], 30, actor=SYSTEM)
    heads = {"Authorization": f"Bearer {text}", "Accept-Language": "es"}
    answer = client.post("/api/v1/contact/", json={"email": "nobody"}, headers=heads)
    assert answer.status_code == 422
    assert "no @" in json.dumps(answer.json) and "arroba" not in json.dumps(answer.json)
    assert client.get("/api/v1/contact/", headers={"Accept-Language": "es"}).status_code == 401


def test_public_pages_speak_to_the_visitor_and_keep_the_words_they_saw(
    app: Flask, world: World, client: Browser
) -> None:
    page = client.get("/p/harbour/contact", headers={"Accept-Language": "es"}).text
    assert '<html lang="es"' in page and "Póngase en contacto" in page
    assert "Get in touch" in client.get("/p/harbour/contact", headers={"Accept-Language": "fr"}).text
    workspace_speaks(app, world, "es")
    with time_machine.travel(dt.datetime.now(dt.UTC) - dt.timedelta(seconds=30)):
        page = client.get("/p/harbour/contact", headers={"Accept-Language": "fr"}).text
    assert "Póngase en contacto" in page, "the brokerage's own language stands in for one that is not there"
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    typed = {"name": "Nora", "reach": "nora@example.com", "want": "see", "msg": "Hola", "mail": "yes"}
    answer = client.post("/p/harbour/contact", data=hidden | typed, headers={"Accept-Language": "es"})
    assert answer.status_code == 303, answer.text
    with app.app_context(), world.harbour.inside():
        shown = session.scalars(sa.select(Consent.wording)).all()
    assert "Envíenme por correo novedades sobre viviendas y el mercado" in shown


def test_formats_follow_the_country_of_the_workspace(app: Flask, world: World) -> None:
    ada = spanish(app, world, "broker")
    ada.submit("/contacts/new", {"name": "Rica", "budget_max": "1250000.50"}, page="/contacts/new")
    assert "$1,250,000.50" in ada.get("/contacts/?q=Rica").text
    workspace_speaks(app, world, "en", region="ES", currency="EUR")
    assert "1.250.000,50\u00a0€" in ada.get("/contacts/?q=Rica").text
    assert "€1.250.000,50" in browser(app, world.harbour.owner).get("/contacts/?q=Rica").text


def test_scripts_find_their_words_in_the_page(app: Flask, world: World) -> None:
    ada, carl = spanish(app, world), browser(app, world.harbour.colleague)
    found = re.search(
        r'<script type="application/json" id="words" nonce="[^"]+">(.*?)</script>', ada.get("/contacts/").text
    )
    assert found is not None
    assert json.loads(found[1])["{n} selected"] == "{n} seleccionados"
    assert 'id="words"' not in carl.get("/contacts/").text, "English pages carry none"
